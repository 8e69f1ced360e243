"""What one foreign document becomes."""

from dataclasses import dataclass
from datetime import datetime

from observatory.analysis.judging.case import Control
from observatory.importers.fields import Rejected
from observatory.ingest.dates import date_problem
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

    `vantage_points` are those its measurements name. `leads_to` are other hosts to which the answers of the
    target's led: no parts of what was asked for, but what a visitor meets.
    """

    id: str
    input: str | None
    parts: tuple[Part, ...]
    vantage_points: tuple[VantagePoint, ...]
    leads_to: tuple[Part, ...] = ()


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


def check_dates(imported: Imported, arrived_at: datetime) -> None:
    """Refuse a document of which any measurement bears a date that cannot be right.

    The collector would set aside that measurement alone, and its document be stored in part.
    Errors: Rejected.
    """
    for part in imported.parts:
        for measurement in part.all():
            problem = date_problem(measurement.started_at, arrived_at)
            if problem is not None:
                raise Rejected(problem)
