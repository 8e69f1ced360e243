"""What others reported of a block, with its date."""

from dataclasses import dataclass
from datetime import datetime, tzinfo


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDate:
    """One reported event; `day_only` when no time of day is known. `source` is the address of the report.

    Shape:  `key` names it among all of them; `zone` is that of the place that the report speaks of.
    """

    at: datetime
    zone: tzinfo
    day_only: bool
    kind: str
    key: str
    source: str
