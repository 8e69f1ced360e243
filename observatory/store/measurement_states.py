"""Measurements with their states alone, one by one: where exactly a block began, and what shows it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, select

from observatory.model import Role, Series, State
from observatory.model.detection import MeasurementState
from observatory.store.database import Database
from observatory.store.schema import ledger, measurements, vantage_points, verdicts


class MeasurementStateReader(Database):
    """The states of single measurements that still have raw rows."""

    def load_states(
        self,
        of: Series,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        states: Collection[State] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[MeasurementState]:
        """Return measurements of one series by probes, with raw rows, in [start, end]."""
        m = measurements.c
        controls = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
        wanted = [
            m.target == of.target,
            m.asn == of.asn,
            m.emulated.is_(of.emulated),
            m.vantage.not_in(controls),
        ]
        return self._load_states(wanted, start, end, states, newest_first, limit)

    def load_control_states(
        self, target: str, *, emulated: bool, start: datetime, end: datetime
    ) -> list[MeasurementState]:
        """Return what control vantage points found of a target in [start, end]."""
        m = measurements.c
        controls = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
        wanted = [m.target == target, m.emulated.is_(emulated), m.vantage.in_(controls)]
        return self._load_states(wanted, start, end, None, False, None)

    def _load_states(
        self,
        wanted: list[ColumnElement[bool]],
        start: datetime | None,
        end: datetime | None,
        states: Collection[State] | None,
        newest_first: bool,
        limit: int | None,
    ) -> list[MeasurementState]:
        m = measurements.c
        query = (
            select(ledger.c.id, m.vantage, m.started_at, verdicts.c.state)
            .join(ledger, ledger.c.number == m.number)
            .join(verdicts, verdicts.c.number == m.number)
            .where(*wanted)
            .order_by(*((c.desc() if newest_first else c) for c in (m.started_at, m.number)))
            .limit(limit)
        )
        if start is not None:
            query = query.where(m.started_at >= start)
        if end is not None:
            query = query.where(m.started_at <= end)
        if states is not None:
            query = query.where(verdicts.c.state.in_([state.value for state in states]))
        with self._reading() as connection:
            return [
                MeasurementState(id=row.id, vantage=row.vantage, at=row.started_at, state=State(row.state))
                for row in connection.execute(query)
            ]
