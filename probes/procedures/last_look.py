"""The canary once more, after a round in which something broke off: was the line still there?

A line, or a proxy, that was lost in the middle of a round looks like a filter of whatever came last.
"""

from collections.abc import Iterable
from typing import Final

from probes.procedures.exchanges import ExchangeResult, Exchanges
from probes.procedures.followups import BROKEN, Canary
from probes.records import (
    AnyObservation,
    DnsObservation,
    Endpoint,
    Failure,
    HelperObservation,
    HttpObservation,
    MtprotoObservation,
    Resolver,
    TcpObservation,
    TlsObservation,
)
from probes.session import N_ATTEMPTS, ObservationLog
from probes.techniques.tcp import CONNECT_TIMEOUT_S
from probes.techniques.tls import HANDSHAKE_TIMEOUT_S
from probes.transport.network import Network
from probes.transport.trust import Trust

LOOK_S: Final = CONNECT_TIMEOUT_S + HANDSHAKE_TIMEOUT_S


def broke_off(observations: Iterable[AnyObservation]) -> bool:
    """Say whether a step ended as on a line that is lost. Silence of the sink or over QUIC is no sign."""
    return any(o.failure in BROKEN and _is_on_the_way(o) for o in observations)


def _is_on_the_way(o: AnyObservation) -> bool:
    if isinstance(o, DnsObservation):
        return o.resolver is Resolver.VANTAGE
    return isinstance(o, TcpObservation | TlsObservation | HttpObservation | MtprotoObservation)


async def look_again(network: Network, trust: Trust, log: ObservationLog, canary: Canary) -> None:
    """Make one whole exchange with the canary, at an address that worked in this round, and log its outcome;
    once more where it fails. Nothing is asked where none worked."""
    if not canary.addresses:
        return
    endpoint = Endpoint(address=canary.addresses[0], port=443)
    log.extend(N_ATTEMPTS * LOOK_S)
    for attempt in range(1, N_ATTEMPTS + 1):
        step = log.begin(attempt)
        # Its steps are of no interest: only whether it succeeds.
        exchanges = Exchanges(network=network, log=ObservationLog(deadline_s=LOOK_S), trust=trust)
        failure = _failure(await exchanges.secure(endpoint, name=canary.name, host=None))
        log.add(HelperObservation(**step.fields(), failure=failure, url=f"https://{canary.name}/"))
        if failure is None:
            return


def _failure(outcome: ExchangeResult) -> Failure | None:
    if outcome.tls is None:
        return outcome.tcp.failure
    return outcome.tls.failure or outcome.tls.certificate_failure
