"""The log of alerts. Only ever added to; how far each has come is in deliveries.py."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from observatory.model import Alert, AlertKind, Audience
from observatory.store.database import Database, WritableDatabase
from observatory.store.schema_events import alerts


class AlertReader(Database):
    """The log of alerts as it was written, in order or the newest of each vantage point."""

    def load_alerts(
        self,
        *,
        after: int = 0,
        of_events: Collection[str] | None = None,
        kinds: Collection[AlertKind] | None = None,
        limit: int | None = None,
    ) -> tuple[Alert, ...]:
        """Return the log in order, from the row after a number on."""
        query = select(alerts).where(alerts.c.number > after).order_by(alerts.c.number).limit(limit)
        if of_events is not None:
            query = query.where(alerts.c.event.in_(list(of_events)))
        if kinds is not None:
            query = query.where(alerts.c.kind.in_([kind.value for kind in kinds]))
        with self._reading() as connection:
            return tuple(parse_alert(row) for row in connection.execute(query))

    def load_last_alert_of_vantages(self) -> dict[str, Alert]:
        """Return the newest alert about each vantage point that has any."""
        newest = (
            select(func.max(alerts.c.number)).where(alerts.c.vantage.is_not(None)).group_by(alerts.c.vantage)
        )
        with self._reading() as connection:
            rows = connection.execute(select(alerts).where(alerts.c.number.in_(newest)))
            return {row.vantage: parse_alert(row) for row in rows}


class AlertWriter(WritableDatabase):
    """What is added to the log of alerts apart from results of searches."""

    def save_alerts(self, new: Sequence[Alert]) -> None:
        """Add rows to the log in a transaction of their own."""
        with self._writing() as connection:
            append_alerts(connection, new)


def append_alerts(
    connection: Connection, new: Sequence[Alert], revisions: Mapping[str, int] | None = None
) -> None:
    """Add rows to the log; the store numbers them. `revisions` by event, for alerts that leave it open."""
    if not new:
        return
    connection.execute(
        insert(alerts),
        [
            {
                "at": alert.at,
                "kind": alert.kind.value,
                "audience": alert.audience.value,
                "event": alert.event,
                "revision": alert.revision or (revisions or {}).get(alert.event or ""),
                "vantage": alert.vantage,
                "emulated": alert.emulated,
                "detail": alert.detail,
            }
            for alert in new
        ],
    )


def parse_alert(row: Row[Any]) -> Alert:
    """Return the alert of a row that has the columns of the log, and perhaps others."""
    values = {column.name: getattr(row, column.name) for column in alerts.c}
    return Alert(**values | {"kind": AlertKind(row.kind), "audience": Audience(row.audience)})
