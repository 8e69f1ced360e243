"""Raw rows: what was measured, in full, and the ledger of all that ever arrived."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, or_, select
from sqlalchemy.sql.dml import ReturningInsert

from observatory.model import Role, State, Verdict
from observatory.model.selection import RowPosition, Selection
from observatory.store.blobs import load_blobs, save_blobs
from observatory.store.cell_counts import CellKey, Counted, change_cells, count_cells
from observatory.store.coverage import extend_coverage
from observatory.store.database import Database, WritableDatabase
from observatory.store.engine import insert_into
from observatory.store.latest import follow_latest
from observatory.store.packing import (
    PackedMeasurement,
    encode_verdict,
    pack_measurement,
    parse_verdict,
    unpack_measurement,
)
from observatory.store.runs import mark_seen
from observatory.store.schema import ledger, measurement_blobs, measurements, vantage_points, verdicts
from probes.records import Measurement, TargetKind

Judged = tuple[Measurement, Verdict]


class MeasurementReader(Database):
    """Measurements as they were stored, for the judge and for looking closely at one."""

    def load_measurements(
        self,
        *,
        ids: Collection[str] | None = None,
        target: str | None = None,
        targets: Collection[str] | None = None,
        vantage: str | None = None,
        round_id: str | None = None,
        round_ids: Collection[str] | None = None,
        kind: TargetKind | None = None,
        roles: Collection[Role] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        provisional: bool | None = None,
        state: State | None = None,
        leads_away: bool = False,
        limit: int | None = None,
    ) -> list[Measurement]:
        """Return stored measurements, oldest first; None means no filter.

        Shape:  `end` is exclusive; `state` is that of the stored verdict, and with `leads_away` those are
                returned whose verdict says that they lead to another host. `roles` looks the vantage point up
                in what the config said last; one that it never named has no role.
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
        if round_ids is not None:
            query = query.where(m.round_id.in_(list(round_ids)))
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
        if leads_away:
            query = query.where(
                m.number.in_(select(verdicts.c.number).where(verdicts.c.leads_to.is_not(None)))
            )
        with self._reading() as connection:
            return _unpack(connection, connection.execute(query).all())

    def load_measurement(self, measurement_id: str) -> tuple[Measurement, Verdict] | None:
        """Return one measurement with its verdict; None when it is not there (any more)."""
        query = (
            select(measurements.c.body, verdicts)
            .join(ledger, ledger.c.number == measurements.c.number)
            .join(verdicts, verdicts.c.number == measurements.c.number)
            .where(ledger.c.id == measurement_id)
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            return _unpack(connection, [row])[0], parse_verdict(row)

    def load_positions(
        self, selection: Selection, *, after: RowPosition | None, limit: int
    ) -> tuple[RowPosition, ...]:
        """Return where the next measurements of a selection lie, oldest first; `after` goes on from there."""
        m = measurements.c
        query = select(m.started_at, m.number, ledger.c.id).join(ledger, ledger.c.number == m.number)
        query = query.where(*_conditions(selection)).order_by(m.started_at, m.number).limit(limit)
        if after is not None:
            same_time = and_(m.started_at == after.started_at, m.number > after.number)
            query = query.where(or_(m.started_at > after.started_at, same_time))
        with self._reading() as connection:
            rows = connection.execute(query).all()
        return tuple(RowPosition(started_at=row.started_at, number=row.number, id=row.id) for row in rows)

    def count_measurements(self, selection: Selection) -> int:
        """Return how many measurements a selection holds."""
        with self._reading() as connection:
            query = select(func.count()).select_from(measurements).where(*_conditions(selection))
            n: int = connection.execute(query).scalar_one()
            return n

    def load_received_at(self, measurement_id: str) -> datetime | None:
        """Return when a measurement arrived, though its raw row may be gone; None for an unknown id."""
        with self._reading() as connection:
            query = select(ledger.c.received_at).where(ledger.c.id == measurement_id)
            return connection.execute(query).scalar()


def _where_provisional(query: Select[Any], provisional: bool) -> Select[Any]:
    # As a list of numbers: open windows are few and their index holds just them, while the times asked for
    # may reach back for years.
    wanted = select(verdicts.c.number).where(verdicts.c.provisional.is_(provisional))
    return query.where(measurements.c.number.in_(wanted))


def _unpack(connection: Connection, rows: Sequence[Any]) -> list[Measurement]:
    contents = load_blobs(connection, [row.number for row in rows])
    return [unpack_measurement(row.body, contents) for row in rows]


def _conditions(selection: Selection) -> list[ColumnElement[bool]]:
    m = measurements.c
    return [
        *([m.started_at >= selection.start] if selection.start is not None else []),
        *([m.started_at < selection.end] if selection.end is not None else []),
        *([m.target.in_(selection.targets)] if selection.targets else []),
        *([m.vantage.in_(selection.vantages)] if selection.vantages else []),
    ]


class MeasurementWriter(WritableDatabase):
    """What a round leaves behind, in one transaction: ledger, raw rows, verdicts, cells, latest."""

    def save_measurements(self, judged: Sequence[Judged], *, received_at: datetime) -> int:
        """Store measurements with their verdicts in one transaction; return how many were new.

        Shape:  any number, of any vantage points and times, in any order. An id that is already known is
                skipped, whatever it brings: the first arrival counts.
        Errors: StoreError; then nothing of the batch was kept and it can be sent again.
        """
        batch: dict[str, Judged] = {}
        for measurement, verdict in judged:
            batch.setdefault(measurement.id, (measurement, verdict))
        if not batch:
            return 0
        packed = {id_: pack_measurement(measurement) for id_, (measurement, _) in batch.items()}
        with self._writing() as connection:
            numbers = _enter_ledger(connection, list(batch), received_at)
            new = {number: batch[id_] for id_, number in numbers.items()}
            if new:
                _save_raw(connection, new, packed)
                assessed = [pair for pair in new.values() if pair[0].target_kind is not TargetKind.CANARY]
                change_cells(connection, _count(assessed))
                extend_coverage(connection, [measurement for measurement, _ in assessed])
                follow_latest(connection, assessed)
                mark_seen(connection, [measurement for measurement, _ in new.values()])
            return len(new)


def _enter_ledger(connection: Connection, ids: list[str], received_at: datetime) -> dict[str, int]:
    """Return the number of each id that was not known before."""
    statement: ReturningInsert[Any] = (
        insert_into(connection, ledger)
        .on_conflict_do_nothing(index_elements=[ledger.c.id])
        .returning(ledger.c.id, ledger.c.number)
    )
    rows = connection.execute(statement, [{"id": id_, "received_at": received_at} for id_ in ids])
    return {row.id: row.number for row in rows}


def _save_raw(
    connection: Connection, new: Mapping[int, Judged], packed: Mapping[str, PackedMeasurement]
) -> None:
    connection.execute(
        insert(measurements),
        [
            {
                "number": number,
                "round_id": m.round_id,
                "vantage": m.vantage,
                "asn": m.asn,
                "target": m.target,
                "target_kind": m.target_kind.value,
                "started_at": m.started_at,
                "emulated": m.emulated,
                "resolver": m.resolver,
                "body": packed[m.id].body,
            }
            for number, (m, _) in new.items()
        ],
    )
    connection.execute(
        insert(verdicts), [{"number": number} | encode_verdict(v) for number, (_, v) in new.items()]
    )
    contents = {digest: data for m, _ in new.values() for digest, data in packed[m.id].blobs.items()}
    blob_numbers = save_blobs(connection, contents)
    links = [
        {"measurement": number, "blob": blob_numbers[digest]}
        for number, (m, _) in new.items()
        for digest in packed[m.id].blobs
    ]
    if links:
        connection.execute(insert(measurement_blobs), links)


def _count(judged: Sequence[Judged]) -> Counter[CellKey]:
    changes: Counter[CellKey] = Counter()
    for measurement, verdict in judged:
        changes.update(count_cells(_describe(measurement), verdict))
    return changes


def _describe(measurement: Measurement) -> Counted:
    return Counted(
        vantage=measurement.vantage,
        asn=measurement.asn,
        target=measurement.target,
        target_kind=measurement.target_kind.value,
        started_at=measurement.started_at,
        emulated=measurement.emulated,
        resolver=measurement.resolver,
    )
