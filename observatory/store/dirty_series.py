"""What the search for onsets and ends keeps: whose hours changed, where each test stands, what it found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, delete, insert, select

from observatory.model import OVERALL, Alert, AlertKind, Event, Series, Spell
from observatory.store.counts import chunks, columns_of, is_one_of, probes_only, series_of
from observatory.store.engine import insert_into, reading, writing
from observatory.store.errors import StoreError
from observatory.store.events import append_alerts, encode_spell, parse_spell, save_events
from observatory.store.schema import EPOCH, series
from observatory.store.schema_events import detections, events, spells, touched


class Overtaken(StoreError):
    """Another process wrote meanwhile what this result rests on; nothing was kept, look again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirtySeries:
    """A series whose hours changed, from `since` on; `n` tells whether it did so again."""

    series: Series
    since: datetime
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where the test of a series stood before the hour `at`; `state` is the searcher's own text."""

    series: Series
    at: datetime
    state: str


def load_dirty_series(engine: Engine, limit: int) -> tuple[DirtySeries, ...]:
    """Return series whose hours changed since they were looked at, in a fixed order. Errors: StoreError."""
    query = select(touched).order_by(touched.c.emulated, touched.c.asn, touched.c.target).limit(limit)
    with reading(engine) as connection:
        return tuple(
            DirtySeries(series=series_of(row), since=row.since, n=row.n) for row in connection.execute(query)
        )


def load_checkpoints(engine: Engine, series: Collection[Series]) -> dict[Series, Checkpoint]:
    """Return where the tests of these series stand; those never tested are left out. Errors: StoreError."""
    with reading(engine) as connection:
        found = [
            Checkpoint(series=series_of(row), at=row.at, state=row.state)
            for chunk in chunks(sorted(series))
            for row in connection.execute(select(detections).where(is_one_of(detections, chunk)))
        ]
    return {checkpoint.series: checkpoint for checkpoint in found}


def load_spells(engine: Engine, series: Collection[Series] | None = None) -> list[Spell]:
    """Return the spells found so far, of all series or of some, oldest onset first. Errors: StoreError."""
    c = spells.c
    with reading(engine) as connection:
        found: list[Spell] = []
        for chunk in [None] if series is None else chunks(sorted(series)):
            query = select(spells.c.body).order_by(c.onset_by, c.number)
            if chunk is not None:
                query = query.where(is_one_of(spells, chunk))
            found += [parse_spell(body) for body in connection.execute(query).scalars()]
        return found


def load_open_series(engine: Engine) -> list[Series]:
    """Return the series of which a spell goes on. Errors: StoreError."""
    c = spells.c
    query = select(c.asn, c.target, c.emulated).where(c.end_by.is_(None)).distinct()
    with reading(engine) as connection:
        return [series_of(row) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionResult:
    """What one look found, to be kept whole or not at all.

    Shape:  `spells` replaces all spells of each of its series. `revised` are events that say something new,
            with the causes, `updated` those that say the same with newer counts. `known` are the revisions
            that all this rests on; `alerts` without a revision get the new one of their event.
    """

    looked_at: Sequence[DirtySeries]
    checkpoints: Sequence[Checkpoint]
    spells: Mapping[Series, Sequence[Spell]]
    revised: Mapping[str, tuple[Event, tuple[AlertKind, ...]]]
    updated: Sequence[Event]
    known: Mapping[str, int]
    alerts: Sequence[Alert]


def save_result(engine: Engine, result: DetectionResult, *, at: datetime) -> None:
    """Keep what one look found, and forget what it had looked at.

    Errors: Overtaken when an event changed meanwhile, or another process finished with a series; StoreError.
            Either way nothing was changed.
    """
    with writing(engine) as connection:
        _check_known(connection, result)
        _forget(connection, result)
        if result.checkpoints:
            _save_checkpoints(connection, result.checkpoints)
        if result.spells:
            _replace_spells(connection, result.spells)
        numbers = save_events(connection, result.revised, result.updated, at=at)
        append_alerts(connection, result.alerts, numbers)


def _check_known(connection: Connection, result: DetectionResult) -> None:
    found = {row.id: row.revision for row in connection.execute(select(events.c.id, events.c.revision))}
    if (result.revised or result.updated) and found != dict(result.known):
        raise Overtaken("events: another process changed them meanwhile")


def _forget(connection: Connection, result: DetectionResult) -> None:
    c = touched.c
    for item in result.looked_at:
        is_this = is_one_of(touched, [item.series])
        n = connection.execute(select(c.n).where(is_this)).scalar()
        if n is None:
            raise Overtaken(
                f"{item.series.target} at AS{item.series.asn}: another process looked at it meanwhile"
            )
        # Changed again meanwhile, it stays, and is looked at once more.
        if n == item.n:
            connection.execute(delete(touched).where(is_this))


def _save_checkpoints(connection: Connection, checkpoints: Sequence[Checkpoint]) -> None:
    statement = insert_into(connection, detections)
    values = {name: statement.excluded[name] for name in ("at", "state")}
    key = ("asn", "target", "emulated")
    connection.execute(
        statement.on_conflict_do_update(index_elements=[detections.c[n] for n in key], set_=values),
        [columns_of(s.series) | {"at": s.at, "state": s.state} for s in checkpoints],
    )


def _replace_spells(connection: Connection, found: Mapping[Series, Sequence[Spell]]) -> None:
    for chunk in chunks(sorted(found)):
        connection.execute(delete(spells).where(is_one_of(spells, chunk)))
    rows = [
        columns_of(spell.series)
        | {
            "onset_by": spell.onset.by,
            "end_by": spell.end.by if spell.end else None,
            "body": encode_spell(spell),
        }
        for those in found.values()
        for spell in those
    ]
    if rows:
        connection.execute(insert(spells), rows)


def mark_all_dirty(engine: Engine) -> int:
    """Let every series be looked at from its beginning; return how many there are.

    Where the tests stand is kept: what was found before must be known, to be taken back when it is not
    found again.
    Errors: StoreError.
    """
    c = series.c
    with writing(engine) as connection:
        query = select(c.asn, c.target, c.emulated).where(c.layer == OVERALL, probes_only())
        found = [series_of(row) for row in connection.execute(query.distinct())]
        connection.execute(delete(touched))
        if found:
            connection.execute(insert(touched), [columns_of(of) | {"since": EPOCH, "n": 1} for of in found])
        return len(found)
