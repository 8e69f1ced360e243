"""Current events and their revisions, which are append-only."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from observatory.model import AlertKind, Event, Revision
from observatory.model.codec import encode_event, parse_event
from observatory.store.database import Database
from observatory.store.engine import insert_into
from observatory.store.schema_events import event_revisions, events


class EventReader(Database):
    """Events and their revisions."""

    def load_events(self, *, emulated: bool | None = None) -> tuple[Revision, ...]:
        """Return every event as it is now, the newest onset first; withdrawn ones too."""
        query = select(events).order_by(events.c.onset_by.desc(), events.c.id)
        if emulated is not None:
            query = query.where(events.c.emulated.is_(emulated))
        with self._reading() as connection:
            return tuple(_current(row) for row in connection.execute(query))

    def load_event(self, event_id: str) -> Revision | None:
        """Return one event as it is now; None for an id that was never given."""
        with self._reading() as connection:
            row = connection.execute(select(events).where(events.c.id == event_id)).one_or_none()
            return None if row is None else _current(row)

    def load_revisions(self, event_id: str, *, number: int | None = None) -> tuple[Revision, ...]:
        """Return the revisions of an event, oldest first, or one of them."""
        query = select(event_revisions).where(event_revisions.c.event == event_id)
        if number is not None:
            query = query.where(event_revisions.c.number == number)
        with self._reading() as connection:
            return tuple(
                Revision(
                    event=parse_event(row.body),
                    number=row.number,
                    at=row.at,
                    causes=tuple(AlertKind(cause) for cause in row.causes.split()),
                )
                for row in connection.execute(query.order_by(event_revisions.c.number))
            )


def _current(row: Row[Any]) -> Revision:
    return Revision(event=parse_event(row.body), number=row.revision, at=row.revised_at, causes=())


def save_events(
    connection: Connection,
    revised: Mapping[str, tuple[Event, tuple[AlertKind, ...]]],
    updated: Sequence[Event],
    *,
    at: datetime,
) -> dict[str, int]:
    """Write what events say now; return the number of each event's newest revision.

    Shape:  `revised` say something new and get a revision with its causes; `updated` say the same, with newer
            counts, and get none.
    """
    known = {
        row.id: row for row in connection.execute(select(events.c.id, events.c.revision, events.c.revised_at))
    }
    numbers = {id_: row.revision for id_, row in known.items()}
    numbers |= {id_: numbers.get(id_, 0) + 1 for id_ in revised}
    rows = [_describe(event, numbers[id_], at) for id_, (event, _) in revised.items()]
    rows += [_describe(event, numbers[event.id], known[event.id].revised_at) for event in updated]
    if rows:
        statement = insert_into(connection, events)
        values = {c.name: statement.excluded[c.name] for c in events.c if not c.primary_key}
        connection.execute(statement.on_conflict_do_update(index_elements=[events.c.id], set_=values), rows)
    if revised:
        connection.execute(
            insert(event_revisions),
            [
                {
                    "event": id_,
                    "number": numbers[id_],
                    "at": at,
                    "causes": " ".join(causes),
                    "body": json.dumps(encode_event(event), separators=(",", ":")),
                }
                for id_, (event, causes) in revised.items()
            ],
        )
    return numbers


def _describe(event: Event, number: int, revised_at: datetime) -> dict[str, Any]:
    return {
        "id": event.id,
        "country": event.country,
        "emulated": event.emulated,
        "onset_by": event.onset.by,
        "end_by": event.end.by if event.end else None,
        "certainty": event.certainty.value,
        "withdrawn": event.withdrawn,
        "revision": number,
        "revised_at": revised_at,
        "body": json.dumps(encode_event(event), separators=(",", ":")),
    }
