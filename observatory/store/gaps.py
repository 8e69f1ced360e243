"""Rounds that were due and did not take place."""

from datetime import datetime

from sqlalchemy import insert, select

from observatory.model.views import Gap, GapReason
from observatory.store.database import Database, WritableDatabase
from observatory.store.schema import gaps


class GapReader(Database):
    """Rounds that are missing within a span of time."""

    def load_gaps(self, start: datetime, end: datetime) -> tuple[Gap, ...]:
        """Return the gaps in [start, end), oldest first."""
        query = select(gaps).where(gaps.c.at >= start, gaps.c.at < end).order_by(gaps.c.at, gaps.c.number)
        with self._reading() as connection:
            return tuple(
                Gap(vantage=row.vantage, at=row.at, reason=GapReason(row.reason), detail=row.detail)
                for row in connection.execute(query)
            )


class GapWriter(WritableDatabase):
    """A round that is missing, kept with its reason."""

    def record_gap(self, vantage: str, *, at: datetime, reason: str, detail: str) -> None:
        """Keep that a round due at this time did not take place.

        Errors: ValueError when the reason is none of `GapReason`; StoreError.
        """
        row = {"vantage": vantage, "at": at, "reason": GapReason(reason).value, "detail": detail}
        with self._writing() as connection:
            connection.execute(insert(gaps), [row])
