"""Raw rows: for the judge, for looking closely at one measurement, never for a page."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, and_, func, or_, select

from observatory.model import Role, State, Verdict
from observatory.model.views import RowPosition, Selection
from observatory.store.blobs import CHUNK, load_blobs
from observatory.store.codec import parse_verdict, unpack_measurement
from observatory.store.engine import reading
from observatory.store.schema import ledger, measurements, vantage_points, verdicts
from probes.records import Measurement, TargetKind


def load_measurements(
    engine: Engine,
    *,
    ids: Collection[str] | None = None,
    target: str | None = None,
    targets: Collection[str] | None = None,
    vantage: str | None = None,
    round_id: str | None = None,
    kind: TargetKind | None = None,
    roles: Collection[Role] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    provisional: bool | None = None,
    state: State | None = None,
    limit: int | None = None,
) -> list[Measurement]:
    """Return stored measurements, oldest first; what is None is not asked for.

    Shape:  `end` is exclusive; `state` is that of the stored verdict. `roles` looks the vantage point up
            in what the config said last; one that it never named has no role.
    Errors: StoreError.
    """
    m = measurements.c
    query = select(m.number, m.body).order_by(m.started_at, m.number).limit(limit)
    if ids is not None:
        query = query.where(m.number.in_(select(ledger.c.number).where(ledger.c.id.in_(list(ids)))))
    if target is not None:
        query = query.where(m.target == target)
    if targets is not None:
        query = query.where(m.target.in_(list(targets)))
    if vantage is not None:
        query = query.where(m.vantage == vantage)
    if round_id is not None:
        query = query.where(m.round_id == round_id)
    if kind is not None:
        query = query.where(m.target_kind == kind.value)
    if roles is not None:
        wanted = select(vantage_points.c.id).where(vantage_points.c.role.in_([r.value for r in roles]))
        query = query.where(m.vantage.in_(wanted))
    if start is not None:
        query = query.where(m.started_at >= start)
    if end is not None:
        query = query.where(m.started_at < end)
    if provisional is not None:
        query = _where_provisional(query, provisional)
    if state is not None:
        query = query.join(verdicts, verdicts.c.number == m.number).where(verdicts.c.state == state.value)
    with reading(engine) as connection:
        return _unpack(connection, connection.execute(query).all())


def _where_provisional(query: Select[Any], provisional: bool) -> Select[Any]:
    # As a list of numbers: open windows are few and their index holds just them, while the times asked for
    # may reach back for years.
    wanted = select(verdicts.c.number).where(verdicts.c.provisional.is_(provisional))
    return query.where(measurements.c.number.in_(wanted))


def _unpack(connection: Connection, rows: Sequence[Any]) -> list[Measurement]:
    contents = load_blobs(connection, [row.number for row in rows])
    return [unpack_measurement(row.body, contents) for row in rows]


def load_places(
    engine: Engine, selection: Selection, *, after: RowPosition | None, limit: int
) -> tuple[RowPosition, ...]:
    """Return where the next measurements of a selection lie, oldest first; `after` goes on from there.

    Errors: StoreError.
    """
    m = measurements.c
    query = select(m.started_at, m.number, ledger.c.id).join(ledger, ledger.c.number == m.number)
    query = query.where(*_conditions(selection)).order_by(m.started_at, m.number).limit(limit)
    if after is not None:
        same_time = and_(m.started_at == after.started_at, m.number > after.number)
        query = query.where(or_(m.started_at > after.started_at, same_time))
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return tuple(RowPosition(started_at=row.started_at, number=row.number, id=row.id) for row in rows)


def count_measurements(engine: Engine, selection: Selection) -> int:
    """Return how many measurements a selection holds. Errors: StoreError."""
    with reading(engine) as connection:
        query = select(func.count()).select_from(measurements).where(*_conditions(selection))
        n: int = connection.execute(query).scalar_one()
        return n


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    m = measurements.c
    return [
        *([m.started_at >= selection.start] if selection.start is not None else []),
        *([m.started_at < selection.end] if selection.end is not None else []),
        *([m.target.in_(selection.targets)] if selection.targets else []),
        *([m.vantage.in_(selection.vantages)] if selection.vantages else []),
    ]


def load_received_at(engine: Engine, measurement_id: str) -> datetime | None:
    """Return when a measurement arrived, whether its raw row is still there or not; None for an unknown id.

    Errors: StoreError.
    """
    with reading(engine) as connection:
        query = select(ledger.c.received_at).where(ledger.c.id == measurement_id)
        return connection.execute(query).scalar()


def load_measurement(engine: Engine, measurement_id: str) -> tuple[Measurement, Verdict] | None:
    """Return one measurement with its verdict; None when it is not there (any more).

    Errors: StoreError.
    """
    query = (
        select(measurements.c.body, verdicts)
        .join(ledger, ledger.c.number == measurements.c.number)
        .join(verdicts, verdicts.c.number == measurements.c.number)
        .where(ledger.c.id == measurement_id)
    )
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return _unpack(connection, [row])[0], parse_verdict(row)


def load_verdicts(engine: Engine, ids: Collection[str]) -> dict[str, Verdict]:
    """Return the verdicts stored for these measurements, by id; those that are not there are left out.

    Errors: StoreError.
    """
    wanted = sorted(ids)
    found: dict[str, Verdict] = {}
    with reading(engine) as connection:
        for start in range(0, len(wanted), CHUNK):
            query = (
                select(ledger.c.id, verdicts)
                .join(verdicts, verdicts.c.number == ledger.c.number)
                .where(ledger.c.id.in_(wanted[start : start + CHUNK]))
            )
            found.update((row.id, parse_verdict(row)) for row in connection.execute(query))
    return found
