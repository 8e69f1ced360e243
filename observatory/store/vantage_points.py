"""How the observatory itself is doing: vantage points as configured, runs, gaps, the config."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Engine, func, insert, select, update

from observatory.model import IMPORTED, Role, VantagePoint, Via
from observatory.model.views import ConfigState, Gap, GapReason, VantageStatus
from observatory.store.engine import insert_into, reading, writing
from observatory.store.schema import config_state, gaps, vantage_activity, vantage_points

_SAME_NAME: Final = (
    "id",
    "name",
    "isp",
    "asn",
    "country",
    "city",
    "timezone",
    "resolver",
    "every_s",
    "enabled",
    "contact",
)
_DAY: Final = timedelta(days=1)


def save_vantage_points(engine: Engine, points: Iterable[VantagePoint], *, at: datetime) -> None:
    """Keep what the config says now; those it no longer names are marked removed, their history stays.

    Errors: StoreError.
    """
    rows = [_encode_point(point, at) for point in points]
    with writing(engine) as connection:
        gone = vantage_points.c.id.not_in([row["id"] for row in rows])
        own = vantage_points.c.via_kind != IMPORTED
        connection.execute(
            update(vantage_points)
            .where(gone, own, vantage_points.c.removed_at.is_(None))
            .values(removed_at=at)
        )
        if rows:
            statement = insert_into(connection, vantage_points)
            values = {c.name: statement.excluded[c.name] for c in vantage_points.c if not c.primary_key}
            connection.execute(
                statement.on_conflict_do_update(index_elements=[vantage_points.c.id], set_=values), rows
            )


def save_imported_points(engine: Engine, points: Iterable[VantagePoint], *, at: datetime) -> None:
    """Keep vantage points of others; what the config names, or named once, stays as it is.

    Errors: ValueError for one that is not imported; StoreError.
    """
    rows = [_encode_point(point, at) for point in points]
    if any(row["via_kind"] != IMPORTED for row in rows):
        raise ValueError("expected imported vantage points only")
    if rows:
        with writing(engine) as connection:
            connection.execute(insert_into(connection, vantage_points).on_conflict_do_nothing(), rows)


def _encode_point(point: VantagePoint, at: datetime) -> dict[str, Any]:
    return {name: getattr(point, name) for name in _SAME_NAME} | {
        "via_kind": point.via.kind,
        "via_value": point.via.value,
        "role": point.role.value,
        "configured_at": at,
        "removed_at": None,
    }


def record_run(
    engine: Engine,
    vantage: str,
    *,
    started_at: datetime,
    finished_at: datetime | None,
    next_run_at: datetime | None,
    n_measurements: int,
    error: str | None,
) -> None:
    """Keep how the last round of a vantage point went; an older error stays until a newer one.

    Errors: StoreError.
    """
    values: dict[str, Any] = {
        "vantage": vantage,
        "last_started_at": started_at,
        "last_finished_at": finished_at,
        "next_run_at": next_run_at,
        "n_measurements": n_measurements,
    }
    if error is not None:
        values |= {"last_error": error, "last_error_at": finished_at or started_at}
    with writing(engine) as connection:
        connection.execute(
            insert_into(connection, vantage_activity)
            .values(values)
            .on_conflict_do_update(index_elements=[vantage_activity.c.vantage], set_=values)
        )


def record_gap(engine: Engine, vantage: str, *, at: datetime, reason: str, detail: str) -> None:
    """Keep that a round due at this time did not take place.

    Errors: ValueError when the reason is none of `GapReason`; StoreError.
    """
    row = {"vantage": vantage, "at": at, "reason": GapReason(reason).value, "detail": detail}
    with writing(engine) as connection:
        connection.execute(insert(gaps), [row])


def record_config(engine: Engine, *, path: str, at: datetime, errors: Sequence[str]) -> None:
    """Keep how the last reading of the config went: no errors means that it is in force.

    Errors: StoreError.
    """
    row: dict[str, Any] = {"number": 1, "path": path, "at": at, "errors": json.dumps(list(errors))}
    if not errors:
        row["good_at"] = at
    with writing(engine) as connection:
        connection.execute(
            insert_into(connection, config_state)
            .values(row)
            .on_conflict_do_update(index_elements=[config_state.c.number], set_=row)
        )


def load_vantage_status(engine: Engine, *, now: datetime) -> tuple[VantageStatus, ...]:
    """Return every vantage point the config ever named, by id.

    Shape:  `n_gaps_24h` counts back from `now`.
    Errors: StoreError.
    """
    n_gaps = (
        select(gaps.c.vantage, func.count().label("n"))
        .where(gaps.c.at > now - _DAY, gaps.c.at <= now)
        .group_by(gaps.c.vantage)
        .subquery()
    )
    query = (
        select(vantage_points, vantage_activity, n_gaps.c.n)
        .outerjoin(vantage_activity, vantage_activity.c.vantage == vantage_points.c.id)
        .outerjoin(n_gaps, n_gaps.c.vantage == vantage_points.c.id)
        .order_by(vantage_points.c.id)
    )
    with reading(engine) as connection:
        return tuple(_parse_status(row) for row in connection.execute(query))


def _parse_status(row: Any) -> VantageStatus:
    return VantageStatus(
        **{name: getattr(row, name) for name in _SAME_NAME},
        via=Via(kind=row.via_kind, value=row.via_value),
        role=Role(row.role),
        last_seen_at=row.last_seen_at,
        last_started_at=row.last_started_at,
        last_finished_at=row.last_finished_at,
        next_run_at=row.next_run_at,
        last_error=row.last_error,
        last_error_at=row.last_error_at,
        n_gaps_24h=row.n or 0,
        removed=row.removed_at is not None,
        configured_at=row.configured_at,
    )


def load_control_vantages(engine: Engine) -> frozenset[str]:
    """Return the ids of all vantage points with the role control, removed ones too: their history counts.

    Errors: StoreError.
    """
    query = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
    with reading(engine) as connection:
        return frozenset(connection.execute(query).scalars())


def load_gaps(engine: Engine, start: datetime, end: datetime) -> tuple[Gap, ...]:
    """Return the gaps in [start, end), oldest first.

    Errors: StoreError.
    """
    query = select(gaps).where(gaps.c.at >= start, gaps.c.at < end).order_by(gaps.c.at, gaps.c.number)
    with reading(engine) as connection:
        return tuple(
            Gap(vantage=row.vantage, at=row.at, reason=GapReason(row.reason), detail=row.detail)
            for row in connection.execute(query)
        )


def load_config_state(engine: Engine) -> ConfigState | None:
    """Return how the last reading of the config went; None before the first.

    Errors: StoreError.
    """
    with reading(engine) as connection:
        row = connection.execute(select(config_state)).one_or_none()
    if row is None:
        return None
    return ConfigState(path=row.path, at=row.at, errors=tuple(json.loads(row.errors)), good_at=row.good_at)
