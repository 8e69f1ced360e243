"""Vantage points as the config described them last, and how each is doing."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update

from observatory.model import IMPORTED, Role, VantagePoint, Via
from observatory.model.views import VantageStatus
from observatory.store.database import Database, WritableDatabase
from observatory.store.engine import insert_into
from observatory.store.schema import gaps, vantage_activity, vantage_points

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


class VantagePointReader(Database):
    """Where we measure from, and where we ever did."""

    def load_vantage_status(self, *, now: datetime | None = None) -> tuple[VantageStatus, ...]:
        """Return every vantage point the config ever named, by id.

        Shape:  `n_gaps_24h` counts back from `now`, without it from the wall clock.
        """
        until = now or datetime.now(UTC)
        n_gaps = (
            select(gaps.c.vantage, func.count().label("n"))
            .where(gaps.c.at > until - _DAY, gaps.c.at <= until)
            .group_by(gaps.c.vantage)
            .subquery()
        )
        query = (
            select(vantage_points, vantage_activity, n_gaps.c.n)
            .outerjoin(vantage_activity, vantage_activity.c.vantage == vantage_points.c.id)
            .outerjoin(n_gaps, n_gaps.c.vantage == vantage_points.c.id)
            .order_by(vantage_points.c.id)
        )
        with self._reading() as connection:
            return tuple(_parse_status(row) for row in connection.execute(query))

    def load_control_vantages(self) -> frozenset[str]:
        """Return the ids of vantage points with the role control, removed ones too: their history counts."""
        query = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
        with self._reading() as connection:
            return frozenset(connection.execute(query).scalars())


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


class VantagePointWriter(WritableDatabase):
    """What the config and imports say of vantage points."""

    def save_vantage_points(self, points: Iterable[VantagePoint], *, at: datetime) -> None:
        """Keep what the config says now; those it no longer names are marked removed, their history stays."""
        rows = [_encode_point(point, at) for point in points]
        with self._writing() as connection:
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

    def save_imported_points(self, points: Iterable[VantagePoint], *, at: datetime) -> None:
        """Keep vantage points of others; what the config names, or named once, stays as it is.

        Errors: ValueError for one that is not imported; StoreError.
        """
        rows = [_encode_point(point, at) for point in points]
        if any(row["via_kind"] != IMPORTED for row in rows):
            raise ValueError("expected imported vantage points only")
        if rows:
            with self._writing() as connection:
                connection.execute(insert_into(connection, vantage_points).on_conflict_do_nothing(), rows)


def _encode_point(point: VantagePoint, at: datetime) -> dict[str, Any]:
    return {name: getattr(point, name) for name in _SAME_NAME} | {
        "via_kind": point.via.kind,
        "via_value": point.via.value,
        "role": point.role.value,
        "configured_at": at,
        "removed_at": None,
    }
