"""Which stored measurements are meant, and where each lies: for going through all of them in parts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which measurements are selected; None or empty means no filter. `end` is exclusive."""

    start: datetime | None = None
    end: datetime | None = None
    targets: tuple[str, ...] = ()
    vantages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPosition:
    """Where a stored measurement lies in time; `number` decides between equal times."""

    started_at: datetime
    number: int
    id: str
