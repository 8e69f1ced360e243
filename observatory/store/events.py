"""Events, revisions, notes, and the log of alerts. The last three are only ever added to."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.preconf.json import make_converter
from sqlalchemy import Connection, Engine, Row, func, insert, select

from observatory.model import (
    Alert,
    AlertKind,
    Audience,
    DailyWindow,
    Event,
    Note,
    Revision,
    Spell,
)
from observatory.store.engine import insert_into, reading, writing
from observatory.store.schema_events import alerts, event_notes, event_revisions, events

MAX_NOTE_CHARS: Final = 4000

_converter = make_converter(omit_if_default=True)
_converter.register_unstructure_hook(
    DailyWindow, lambda w: [w.start.isoformat("minutes"), w.to.isoformat("minutes")]
)
_converter.register_structure_hook(DailyWindow, lambda w, _: DailyWindow.parse(*w))
# Stored rows and public JSON keep the keys they were first written with.
_ONSET_KEY: Final = override(rename="onset_is_ours")
_END_KEY: Final = override(rename="end_is_ours")
_converter.register_unstructure_hook(
    Spell,
    make_dict_unstructure_fn(
        Spell,
        _converter,
        _cattrs_omit_if_default=True,
        onset_from_rule_change=_ONSET_KEY,
        end_from_rule_change=_END_KEY,
    ),
)
_converter.register_structure_hook(
    Spell,
    make_dict_structure_fn(
        Spell, _converter, onset_from_rule_change=_ONSET_KEY, end_from_rule_change=_END_KEY
    ),
)


def encode_spell(spell: Spell) -> str:
    """Return a spell as JSON."""
    return json.dumps(_converter.unstructure(spell), separators=(",", ":"))


def parse_spell(body: str) -> Spell:
    """Return the spell that was encoded."""
    return _converter.structure(json.loads(body), Spell)


def encode_event(event: Event) -> dict[str, Any]:
    """Return the JSON object of an event."""
    encoded: dict[str, Any] = _converter.unstructure(event)
    return encoded


def parse_event(body: str) -> Event:
    """Return the event that was encoded."""
    return _converter.structure(json.loads(body), Event)


def load_events(engine: Engine, *, emulated: bool | None = None) -> tuple[Revision, ...]:
    """Return every event as it stands now, the newest onset first; withdrawn ones too.

    Errors: StoreError.
    """
    query = select(events).order_by(events.c.onset_by.desc(), events.c.id)
    if emulated is not None:
        query = query.where(events.c.emulated.is_(emulated))
    with reading(engine) as connection:
        return tuple(_current(row) for row in connection.execute(query))


def load_event(engine: Engine, event_id: str) -> Revision | None:
    """Return one event as it stands now; None for an id that was never given. Errors: StoreError."""
    with reading(engine) as connection:
        row = connection.execute(select(events).where(events.c.id == event_id)).one_or_none()
        return None if row is None else _current(row)


def _current(row: Row[Any]) -> Revision:
    return Revision(event=parse_event(row.body), number=row.revision, at=row.revised_at, causes=())


def load_revisions(engine: Engine, event_id: str, *, number: int | None = None) -> tuple[Revision, ...]:
    """Return all that an event ever said, oldest first, or one revision. Errors: StoreError."""
    query = select(event_revisions).where(event_revisions.c.event == event_id)
    if number is not None:
        query = query.where(event_revisions.c.number == number)
    with reading(engine) as connection:
        return tuple(
            Revision(
                event=parse_event(row.body),
                number=row.number,
                at=row.at,
                causes=tuple(AlertKind(cause) for cause in row.causes.split()),
            )
            for row in connection.execute(query.order_by(event_revisions.c.number))
        )


def save_events(
    connection: Connection,
    revised: Mapping[str, tuple[Event, tuple[AlertKind, ...]]],
    updated: Sequence[Event],
    *,
    at: datetime,
) -> dict[str, int]:
    """Write what events say now; return the revision each stands at.

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
                    "body": _encode(event),
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
        "body": _encode(event),
    }


def _encode(event: Event) -> str:
    return json.dumps(encode_event(event), separators=(",", ":"))


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


def save_alerts(engine: Engine, new: Sequence[Alert]) -> None:
    """Add rows to the log in a transaction of their own. Errors: StoreError."""
    with writing(engine) as connection:
        append_alerts(connection, new)


def load_alerts(
    engine: Engine,
    *,
    after: int = 0,
    of_events: Collection[str] | None = None,
    kinds: Collection[AlertKind] | None = None,
    limit: int | None = None,
) -> tuple[Alert, ...]:
    """Return the log in order, from the row after a number on. Errors: StoreError."""
    query = select(alerts).where(alerts.c.number > after).order_by(alerts.c.number).limit(limit)
    if of_events is not None:
        query = query.where(alerts.c.event.in_(list(of_events)))
    if kinds is not None:
        query = query.where(alerts.c.kind.in_([kind.value for kind in kinds]))
    with reading(engine) as connection:
        return tuple(parse_alert(row) for row in connection.execute(query))


def parse_alert(row: Row[Any]) -> Alert:
    """Return the alert of a row that has the columns of the log, and perhaps others."""
    values = {column.name: getattr(row, column.name) for column in alerts.c}
    return Alert(**values | {"kind": AlertKind(row.kind), "audience": Audience(row.audience)})


def load_last_alert_of_vantages(engine: Engine) -> dict[str, Alert]:
    """Return the newest alert about each vantage point that has any. Errors: StoreError."""
    newest = select(func.max(alerts.c.number)).where(alerts.c.vantage.is_not(None)).group_by(alerts.c.vantage)
    with reading(engine) as connection:
        rows = connection.execute(select(alerts).where(alerts.c.number.in_(newest)))
        return {row.vantage: parse_alert(row) for row in rows}


def save_note(engine: Engine, note: Note) -> None:
    """Add a person's note to an event.

    Errors: KeyError for an event that is not there; ValueError for an empty or oversized text or name;
            StoreError.
    """
    cleaned = replace(note, name=note.name.strip(), text=note.text.strip())
    if not cleaned.name or len(cleaned.name) > 200:
        raise ValueError(f"name: expected 1 to 200 characters, got {len(cleaned.name)}")
    if not cleaned.text or len(cleaned.text) > MAX_NOTE_CHARS:
        raise ValueError(f"text: expected 1 to {MAX_NOTE_CHARS} characters, got {len(cleaned.text)}")
    with writing(engine) as connection:
        known = connection.execute(select(events.c.id).where(events.c.id == note.event)).one_or_none()
        if known is None:
            raise KeyError(note.event)
        connection.execute(
            insert(event_notes),
            [{"event": note.event, "at": note.at, "name": cleaned.name, "text": cleaned.text}],
        )


def load_notes(engine: Engine, event_id: str) -> tuple[Note, ...]:
    """Return the notes on an event, oldest first. Errors: StoreError."""
    query = select(event_notes).where(event_notes.c.event == event_id).order_by(event_notes.c.number)
    with reading(engine) as connection:
        return tuple(
            Note(event=row.event, at=row.at, name=row.name, text=row.text)
            for row in connection.execute(query)
        )
