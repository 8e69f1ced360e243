"""Numbers the observations of one measurement and reads when they were made."""

from collections.abc import Mapping
from typing import Any

from observatory.importers.fields import number


class Notes:
    """One for each measurement, so that ids are unique in it and the same on every import."""

    def __init__(self) -> None:
        self._n = 0

    def new_id(self) -> str:
        self._n += 1
        return f"o{self._n}"

    @staticmethod
    def times(entry: Mapping[str, Any]) -> tuple[float, float]:
        """Return start and duration in seconds; old clients recorded at most the end: 0 s then.

        Source: OONI df-001 to df-008, `t0` and `t`.
        """
        start, end = number(entry.get("t0")), number(entry.get("t"))
        if start is None:
            return round(end or 0.0, 6), 0.0
        return round(start, 6), round(max(0.0, (end or start) - start), 6)
