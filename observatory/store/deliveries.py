"""How far the delivery of alerts has come, for each channel. The log itself is in alerts.py.

An alert is claimed for a message before the message is sent, in a transaction that no second sender passes;
it is marked delivered after the channel took it. A sender that dies in between leaves the claim, which says
what was in the message, so that the same message is sent again when the claim has run out.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, literal, or_, select, update

from observatory.model import AlertKind, Audience, Revision
from observatory.model.codec import parse_event
from observatory.model.deliveries import Delivery, Outbox
from observatory.store.alerts import parse_alert
from observatory.store.database import Database, WritableDatabase
from observatory.store.engine import insert_into
from observatory.store.schema import watermarks
from observatory.store.schema_events import alerts, deliveries, event_revisions, events

# Whatever the log says, these are never for the public.
OPERATOR_KINDS: Final = (AlertKind.SILENT, AlertKind.BACK, AlertKind.RULE_CHANGE)
BEFORE_CHANNEL: Final = "older than the channel"
_CHUNK: Final = 500
_UNTRIED: Final = (0, None, None, None)
_STATE: Final = (
    deliveries.c.n_attempts,
    deliveries.c.next_attempt_at,
    deliveries.c.delivered_at,
    deliveries.c.error,
    deliveries.c.message,
)


class DeliveryReader(Database):
    """How far alerts have come."""

    def load_outbox(self, channel: str, *, audience: Audience, sent_since: datetime) -> Outbox:
        """Return what is still to be delivered to a channel, with the events it is about."""
        kinds = [kind.value for kind in OPERATOR_KINDS]
        if audience is Audience.PUBLIC:
            meant = and_(alerts.c.audience == Audience.PUBLIC.value, alerts.c.kind.not_in(kinds))
        else:
            meant = or_(alerts.c.audience == audience.value, alerts.c.kind.in_(kinds))
        with self._reading() as connection:
            waiting = tuple(
                _parse(row) for row in connection.execute(_with_state(channel).where(meant, _is_open()))
            )
            about = sorted({d.alert.event for d in waiting if d.alert.event is not None})
            current, delivered, earlier = _load_events(connection, about, channel, waiting)
            sent = (
                select(func.max(deliveries.c.delivered_at))
                .where(deliveries.c.channel == channel, deliveries.c.delivered_at > sent_since)
                .group_by(deliveries.c.message)
            )
            return Outbox(
                waiting=waiting,
                events=current,
                delivered=delivered,
                earlier=earlier,
                sent_at=tuple(sorted(connection.execute(sent).scalars())),
            )

    def load_deliveries(self, *, first: int = 0) -> tuple[tuple[str, Delivery], ...]:
        """Return how far alerts have come on every channel that tried, as (channel, delivery), in log order.

        Shape:  from the alert with the number `first` on.
        """
        query = select(alerts, deliveries.c.channel, *_STATE).join(
            deliveries, deliveries.c.alert == alerts.c.number
        )
        with self._reading() as connection:
            rows = connection.execute(
                query.where(alerts.c.number >= first).order_by(alerts.c.number, deliveries.c.channel)
            )
            return tuple((row.channel, _parse(row)) for row in rows)


def _with_state(channel: str) -> Any:
    on = and_(deliveries.c.alert == alerts.c.number, deliveries.c.channel == channel)
    return select(alerts, *_STATE).outerjoin(deliveries, on).order_by(alerts.c.number)


def _is_open() -> ColumnElement[bool]:
    return or_(deliveries.c.alert.is_(None), deliveries.c.next_attempt_at.is_not(None))


def _parse(row: Row[Any]) -> Delivery:
    state = {column.name: getattr(row, column.name) for column in _STATE}
    state["n_attempts"] = state["n_attempts"] or 0
    return Delivery(alert=parse_alert(row), **state)


def _load_events(
    connection: Connection, about: Sequence[str], channel: str, waiting: Collection[Delivery]
) -> tuple[dict[str, Revision], dict[str, Revision], dict[str, Revision]]:
    current: dict[str, Revision] = {}
    last_delivered: dict[str, int] = {}
    for start in range(0, len(about), _CHUNK):
        ids = about[start : start + _CHUNK]
        for row in connection.execute(select(events).where(events.c.id.in_(ids))):
            current[row.id] = Revision(
                event=parse_event(row.body), number=row.revision, at=row.revised_at, causes=()
            )
        query = (
            select(alerts.c.event, func.max(func.coalesce(alerts.c.revision, 1)))
            .join(deliveries, deliveries.c.alert == alerts.c.number)
            .where(deliveries.c.channel == channel, deliveries.c.delivered_at.is_not(None))
            .where(alerts.c.event.in_(ids))
            .group_by(alerts.c.event)
        )
        last_delivered |= {event: number for event, number in connection.execute(query)}
    first = {
        event: min(d.alert.revision or 1 for d in waiting if d.alert.event == event) - 1 for event in about
    }
    return current, _load_revisions(connection, last_delivered), _load_revisions(connection, first)


def _load_revisions(connection: Connection, wanted: Mapping[str, int]) -> dict[str, Revision]:
    found = {}
    for event, number in wanted.items():
        key = and_(event_revisions.c.event == event, event_revisions.c.number == number)
        row = connection.execute(select(event_revisions).where(key)).one_or_none()
        if row is not None:
            found[event] = Revision(event=parse_event(row.body), number=row.number, at=row.at, causes=())
    return found


class DeliveryWriter(WritableDatabase):
    """What senders do with alerts: claim, deliver, fail, put off."""

    def open_channel(self, channel: str, *, at: datetime) -> int:
        """Remember a channel the first time it is met: what is in the log by then is history to it.

        Shape:  -> the number of alerts that will not be delivered to it; 0 for a channel that is known.
        """
        name = f"channel {channel}"
        with self._reading() as connection:
            if connection.execute(select(watermarks.c.at).where(watermarks.c.name == name)).one_or_none():
                return 0
        with self._writing() as connection:
            first = insert_into(connection, watermarks).values(name=name, at=at).on_conflict_do_nothing()
            if connection.execute(first).rowcount == 0:
                return 0
            columns = ["alert", "channel", "n_attempts", "error"]
            history = select(alerts.c.number, literal(channel), literal(0), literal(BEFORE_CHANNEL))
            # SQLite takes ON CONFLICT after a SELECT only where that has a WHERE.
            rows = insert_into(connection, deliveries).from_select(
                columns, history.where(alerts.c.number > 0)
            )
            return connection.execute(rows.on_conflict_do_nothing()).rowcount

    def claim_alerts(
        self, channel: str, claimed: Sequence[Delivery], *, message: str, until: datetime
    ) -> bool:
        """Take alerts for one message, for as long as sending it may last.

        Shape:  -> False, and nothing taken, when any of them is not as it was when it was read: another
                sender has it.
        """
        with self._writing() as connection:
            if len(_unchanged(connection, channel, claimed)) < len(claimed):
                return False
            _upsert(
                connection,
                [
                    {
                        "alert": d.alert.number,
                        "channel": channel,
                        "n_attempts": d.n_attempts + 1,
                        "next_attempt_at": until,
                        "delivered_at": None,
                        "error": None,
                        "message": message,
                    }
                    for d in claimed
                ],
            )
            return True

    def mark_delivered(self, channel: str, message: str, *, at: datetime) -> None:
        """Keep that a channel took a message."""
        with self._writing() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.channel == channel, deliveries.c.message == message)
                .where(deliveries.c.delivered_at.is_(None))
                .values(delivered_at=at, next_attempt_at=None, error=None)
            )

    def mark_failed(
        self, channel: str, message: str, *, error: str, again_at: datetime | None, in_doubt: bool
    ) -> None:
        """Keep that a message did not get through, and when to try again; None gives its alerts up.

        Shape:  `in_doubt`: it may have got through all the same, so the same message is to be sent again.
        """
        values: dict[str, Any] = {"next_attempt_at": again_at, "error": error}
        if not in_doubt:
            values["message"] = None
        with self._writing() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.channel == channel, deliveries.c.message == message)
                .where(deliveries.c.delivered_at.is_(None))
                .values(values)
            )

    def put_off_alerts(
        self, channel: str, put_off: Sequence[Delivery], *, until: datetime | None, reason: str
    ) -> None:
        """Keep that alerts wait until a time, or with None that they will never be delivered, and why.

        Shape:  those that another sender has taken since they were read are left to it.
        """
        if put_off:
            with self._writing() as connection:
                _upsert(
                    connection,
                    [
                        {
                            "alert": d.alert.number,
                            "channel": channel,
                            "n_attempts": d.n_attempts,
                            "next_attempt_at": until,
                            "delivered_at": None,
                            "error": reason,
                            # It may have come through; that must not be forgotten while it waits.
                            "message": d.message if until is not None else None,
                        }
                        for d in _unchanged(connection, channel, put_off)
                    ],
                )


def _unchanged(connection: Connection, channel: str, read: Sequence[Delivery]) -> list[Delivery]:
    """Return those that are as they were read: no sender has claimed, delivered or put them off since."""
    query = select(deliveries).where(
        deliveries.c.channel == channel, deliveries.c.alert.in_([d.alert.number for d in read])
    )
    states = {
        row.alert: (row.n_attempts, row.next_attempt_at, row.delivered_at, row.message)
        for row in connection.execute(query)
    }
    return [
        d
        for d in read
        if states.get(d.alert.number, _UNTRIED)
        == (d.n_attempts, d.next_attempt_at, d.delivered_at, d.message)
    ]


def _upsert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    statement = insert_into(connection, deliveries)
    values = {c.name: statement.excluded[c.name] for c in deliveries.c if not c.primary_key}
    keys = [deliveries.c.alert, deliveries.c.channel]
    if rows:
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)
