"""What one foreign document becomes."""

from dataclasses import dataclass

from observatory.analysis.judging.case import Control
from observatory.model import IMPORTED, Role, VantagePoint, Via
from probes.records import Measurement

HELPER_VANTAGE = "ooni-test-helper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One target of a document: its measurement with the canary and the controls that came with it."""

    measurement: Measurement
    canary: Measurement | None = None
    controls: tuple[Control, ...] = ()

    def all(self) -> tuple[Measurement, ...]:
        """Return every measurement in it: what is to be stored."""
        others = [m for c in self.controls for m in (c.measurement, c.canary)]
        return tuple(m for m in (self.measurement, self.canary, *others) if m is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """`id` is the source's own where it has one; `input` the URL measured, None where the test has none.

    `vantage_points` are those its measurements name.
    """

    id: str
    input: str | None
    parts: tuple[Part, ...]
    vantage_points: tuple[VantagePoint, ...]


def imported_vantage(
    id_: str, name: str, isp: str, asn: int, country: str, role: Role = Role.PROBE
) -> VantagePoint:
    """Return an external vantage point: it is never due and never silent."""
    return VantagePoint(
        id=id_,
        name=name,
        isp=isp,
        asn=asn,
        country=country,
        via=Via(kind=IMPORTED, value="ooni"),
        role=role,
        enabled=False,
    )
