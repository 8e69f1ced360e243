"""Measurements with their states alone, one by one: where exactly a block began, and what shows it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from observatory.model import BLOCKED_STATES, Role, Series, State
from observatory.model.detection import MeasurementState
from observatory.store.database import Database
from observatory.store.schema import ledger, measurements, vantage_points, verdicts
from probes.records import TargetKind


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
        wanted = [
            m.target == of.target,
            m.asn == of.asn,
            m.emulated.is_(of.emulated),
            m.vantage.not_in(_controls()),
        ]
        return self._load_states(wanted, start, end, states, newest_first, limit)

    def load_control_states(
        self, target: str, *, emulated: bool, start: datetime, end: datetime
    ) -> list[MeasurementState]:
        """Return what control vantage points found of a target in [start, end]."""
        m = measurements.c
        wanted = [m.target == target, m.emulated.is_(emulated), m.vantage.in_(_controls())]
        return self._load_states(wanted, start, end, None, False, None)

    def load_network_states(
        self, asn: int, *, emulated: bool, start: datetime, end: datetime, limit: int | None = None
    ) -> list[MeasurementState]:
        """Return what probes of one network found of all targets in [start, end], oldest first."""
        m = measurements.c
        wanted = [m.asn == asn, m.emulated.is_(emulated), m.vantage.not_in(_controls()), _no_canary()]
        return self._load_states(wanted, start, end, None, False, limit)

    def load_states_elsewhere(
        self,
        of: Series,
        *,
        start: datetime,
        end: datetime | None = None,
        states: Collection[State] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[MeasurementState]:
        """Return what controls, and probes of other networks, found of the target of a series."""
        m = measurements.c
        wanted = [
            m.target == of.target,
            m.emulated.is_(of.emulated),
            or_(m.asn != of.asn, m.vantage.in_(_controls())),
        ]
        return self._load_states(wanted, start, end, states, newest_first, limit)

    def load_disowned_rounds(self, of: Series, *, start: datetime, end: datetime) -> frozenset[str]:
        """Return the rounds of a network in [start, end] whose canary came out blocked as well."""
        m = measurements.c
        wanted = [
            m.asn == of.asn,
            m.emulated.is_(of.emulated),
            m.target_kind == TargetKind.CANARY.value,
        ]
        found = self._load_states(wanted, start, end, BLOCKED_STATES, False, None)
        return frozenset(row.round_id for row in found)

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
            select(
                ledger.c.id,
                m.vantage,
                m.target,
                m.round_id,
                m.started_at,
                verdicts.c.state,
                verdicts.c.mechanism,
            )
            .join(ledger, ledger.c.number == m.number)
            .join(verdicts, verdicts.c.number == m.number)
            .where(*wanted)
            .order_by(*((c.desc() if newest_first else c) for c in (m.started_at, ledger.c.id)))
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
                MeasurementState(
                    id=row.id,
                    vantage=row.vantage,
                    at=row.started_at,
                    state=State(row.state),
                    mechanism=row.mechanism,
                    round_id=row.round_id,
                    target=row.target,
                )
                for row in connection.execute(query)
            ]


def _controls() -> Select[Any]:
    return select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)


def _no_canary() -> ColumnElement[bool]:
    return measurements.c.target_kind != TargetKind.CANARY.value
