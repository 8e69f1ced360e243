"""Which stored measurements are meant, and where each lies: for going through all of them in parts."""

from dataclasses import dataclass
from datetime import datetime

from probes.records import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which measurements are selected; None or empty means no filter. `end` is exclusive."""

    start: datetime | None = None
    end: datetime | None = None
    targets: tuple[str, ...] = ()
    vantages: tuple[str, ...] = ()

    def holds(self, measurement: Measurement) -> bool:
        """Say whether a measurement is selected."""
        at = measurement.started_at
        return (
            (self.start is None or at >= self.start)
            and (self.end is None or at < self.end)
            and (not self.targets or measurement.target in self.targets)
            and (not self.vantages or measurement.vantage in self.vantages)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPosition:
    """Where a stored measurement lies in time; `number` decides between equal times."""

    started_at: datetime
    number: int
    id: str
