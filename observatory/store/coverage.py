"""From when to when there is anything, how much, emulated or real."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, select

from observatory.model.views import Coverage
from observatory.store.database import Database
from observatory.store.engine import insert_into
from observatory.store.schema import coverage
from probes.records import Measurement


class CoverageReader(Database):
    """What the store holds."""

    def load_coverage(self) -> Coverage:
        """Return what the store holds: from when to when, how much, emulated or real."""
        with self._reading() as connection:
            rows = connection.execute(select(coverage)).all()
        return Coverage(
            first_at=min((row.first_at for row in rows), default=None),
            last_at=max((row.last_at for row in rows), default=None),
            n_measurements=sum(row.n_measurements for row in rows),
            emulated=any(row.emulated for row in rows),
            real=any(not row.emulated for row in rows),
        )


def extend_coverage(connection: Connection, measurements: Sequence[Measurement]) -> None:
    """Count new measurements in."""
    covered: dict[bool, list[datetime]] = {}
    for measurement in measurements:
        covered.setdefault(measurement.emulated, []).append(measurement.started_at)
    for emulated, times in covered.items():
        statement = insert_into(connection, coverage).values(
            emulated=emulated, first_at=min(times), last_at=max(times), n_measurements=len(times)
        )
        found, given = coverage.c, statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[found.emulated],
                set_={
                    "first_at": _least(found.first_at, given.first_at),
                    "last_at": _greatest(found.last_at, given.last_at),
                    "n_measurements": found.n_measurements + given.n_measurements,
                },
            )
        )


def _least(one: Any, other: Any) -> Any:
    return case((one < other, one), else_=other)


def _greatest(one: Any, other: Any) -> Any:
    return case((one > other, one), else_=other)
