"""One round of a vantage point: from its entry in the file to measurements."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from observatory.model import Settings, VantagePoint
from observatory.version import software_version
from probes.procedures.round import RoundContext, measure_round
from probes.records import Measurement, Target
from probes.transport.network import Network, VantageError, load_system_resolver

__all__ = ["VantageError", "is_emulated", "measure_vantage", "utc_now"]

# Set inside the emulated internet; what is measured there is marked for good.
EMULATION_MARK = "LAB_CONTROL"


def utc_now() -> datetime:
    return datetime.now(UTC)


def is_emulated() -> bool:
    return EMULATION_MARK in os.environ


async def measure_vantage(
    settings: Settings,
    vantage: VantagePoint,
    targets: Sequence[Target],
    *,
    clock: Callable[[], datetime] = utc_now,
) -> tuple[Measurement, ...]:
    """Measure one round from a vantage point: every target side by side, the canary last.

    Errors: VantageError when the system's resolver or the CA file cannot be read.
    """
    network = Network(vantage.via.kind, vantage.via.value)
    resolver = load_system_resolver(network) if vantage.resolver == "system" else vantage.resolver
    context = RoundContext(
        vantage=vantage.id,
        asn=vantage.asn,
        network=network,
        resolver=resolver,
        public_resolver=settings.public_resolver,
        no_dns_address=settings.no_dns_address,
        canary_host=settings.canary_host,
        ca_file=settings.ca_file,
        emulated=is_emulated(),
        software=software_version(),
        clock=clock,
    )
    return await measure_round(context, targets)
