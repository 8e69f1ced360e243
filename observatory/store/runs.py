"""How the last round of each vantage point went, and when it measured last."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_

from observatory.store.database import WritableDatabase
from observatory.store.engine import insert_into
from observatory.store.schema import vantage_activity
from probes.records import Measurement


class RunWriter(WritableDatabase):
    """Rounds that were run; `load_vantage_status` reads them."""

    def record_run(
        self,
        vantage: str,
        *,
        started_at: datetime,
        finished_at: datetime | None,
        next_run_at: datetime | None,
        n_measurements: int,
        error: str | None = None,
    ) -> None:
        """Keep how the last round of a vantage point went; an older error stays until a newer one."""
        values: dict[str, Any] = {
            "vantage": vantage,
            "last_started_at": started_at,
            "last_finished_at": finished_at,
            "next_run_at": next_run_at,
            "n_measurements": n_measurements,
        }
        if error is not None:
            values |= {"last_error": error, "last_error_at": finished_at or started_at}
        with self._writing() as connection:
            connection.execute(
                insert_into(connection, vantage_activity)
                .values(values)
                .on_conflict_do_update(index_elements=[vantage_activity.c.vantage], set_=values)
            )


def mark_seen(connection: Connection, measurements: Iterable[Measurement]) -> None:
    """Keep when the newest measurement of each vantage point was started."""
    seen: dict[str, datetime] = {}
    for measurement in measurements:
        seen[measurement.vantage] = max(
            measurement.started_at, seen.get(measurement.vantage, measurement.started_at)
        )
    statement = insert_into(connection, vantage_activity)
    found, given = vantage_activity.c, statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[found.vantage],
            set_={"last_seen_at": given.last_seen_at},
            where=or_(found.last_seen_at.is_(None), found.last_seen_at < given.last_seen_at),
        ),
        [{"vantage": vantage, "last_seen_at": at} for vantage, at in sorted(seen.items())],
    )
