"""What a round leaves behind, in one transaction: ledger, raw rows, verdicts, cells, latest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, and_, bindparam, case, insert, or_, select, update
from sqlalchemy.sql.dml import ReturningInsert

from observatory.model import Verdict
from observatory.store.blobs import CHUNK, save_blobs
from observatory.store.cells import COUNTED, CellKey, Counted, change_cells, count_cells
from observatory.store.codec import (
    VERDICT_COLUMNS,
    PackedMeasurement,
    encode_verdict,
    pack_measurement,
    parse_verdict,
)
from observatory.store.engine import insert_into, writing
from observatory.store.schema import (
    coverage,
    latest,
    ledger,
    measurement_blobs,
    measurements,
    vantage_activity,
    verdicts,
)
from probes.records import Measurement, TargetKind

_LATEST_COLUMNS = tuple(n for n in VERDICT_COLUMNS if n not in ("rules_version", "reference_version"))
_NAMES = ("id", "number", "vantage", "target")
_Judged = tuple[Measurement, Verdict]


def save_measurements(engine: Engine, judged: Sequence[_Judged], *, received_at: datetime) -> int:
    """Store measurements with their verdicts in one transaction; return how many were new.

    Shape:  any number, of any vantage points and times, in any order. An id that is already known is
            skipped, whatever it brings: the first arrival stands.
    Errors: StoreError; then nothing of the batch was kept and it can be sent again.
    """
    batch: dict[str, _Judged] = {}
    for measurement, verdict in judged:
        batch.setdefault(measurement.id, (measurement, verdict))
    if not batch:
        return 0
    packed = {id_: pack_measurement(measurement) for id_, (measurement, _) in batch.items()}
    with writing(engine) as connection:
        numbers = _enter_ledger(connection, list(batch), received_at)
        new = {number: batch[id_] for id_, number in numbers.items()}
        if new:
            _save_raw(connection, new, packed)
            _count(connection, new)
            _follow(connection, [pair for pair in new.values() if _is_assessed(pair[0])])
            _mark_seen(connection, new)
        return len(new)


def _is_assessed(measurement: Measurement) -> bool:
    return measurement.target_kind is not TargetKind.CANARY


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
    connection: Connection, new: Mapping[int, _Judged], packed: Mapping[str, PackedMeasurement]
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


def _count(connection: Connection, new: Mapping[int, _Judged]) -> None:
    changes: Counter[CellKey] = Counter()
    covered: dict[bool, list[datetime]] = {}
    for measurement, verdict in new.values():
        changes.update(count_cells(_describe(measurement), verdict))
        if _is_assessed(measurement):
            covered.setdefault(measurement.emulated, []).append(measurement.started_at)
    change_cells(connection, changes)
    for emulated, times in covered.items():
        statement = insert_into(connection, coverage).values(
            emulated=emulated, first_at=min(times), last_at=max(times), n_measurements=len(times)
        )
        found, given = coverage.c, statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[found.emulated],
                set_={
                    "first_at": _least(found.first_at, given.first_at),
                    "last_at": _greatest(found.last_at, given.last_at),
                    "n_measurements": found.n_measurements + given.n_measurements,
                },
            )
        )


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


def _least(one: Any, other: Any) -> Any:
    return case((one < other, one), else_=other)


def _greatest(one: Any, other: Any) -> Any:
    return case((one > other, one), else_=other)


def _follow(connection: Connection, judged: Sequence[_Judged]) -> None:
    """Let `latest` hold the newest of each series; the greater id decides between equal times."""
    newest: dict[tuple[str, str], _Judged] = {}
    for pair in sorted(judged, key=lambda pair: (pair[0].started_at, pair[0].id)):
        newest[pair[0].vantage, pair[0].target] = pair
    if not newest:
        return
    statement = insert_into(connection, latest)
    found, given = latest.c, statement.excluded
    is_newer = or_(
        given.measured_at > found.measured_at,
        and_(given.measured_at == found.measured_at, given.measurement_id > found.measurement_id),
    )
    key = (found.vantage, found.target)
    values = {c.name: statement.excluded[c.name] for c in latest.c if c.name not in ("vantage", "target")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=values, where=is_newer),
        [_describe_latest(*newest[k]) for k in sorted(newest)],
    )


def _describe_latest(measurement: Measurement, verdict: Verdict) -> dict[str, Any]:
    columns = encode_verdict(verdict)
    return {
        "vantage": measurement.vantage,
        "target": measurement.target,
        "asn": measurement.asn,
        "measured_at": measurement.started_at,
        "measurement_id": measurement.id,
        "emulated": measurement.emulated,
    } | {name: columns[name] for name in _LATEST_COLUMNS}


def _mark_seen(connection: Connection, new: Mapping[int, _Judged]) -> None:
    seen: dict[str, datetime] = {}
    for measurement, _ in new.values():
        seen[measurement.vantage] = max(
            measurement.started_at, seen.get(measurement.vantage, measurement.started_at)
        )
    statement = insert_into(connection, vantage_activity)
    found, given = vantage_activity.c, statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[found.vantage],
            set_={"last_seen_at": given.last_seen_at},
            where=or_(found.last_seen_at.is_(None), found.last_seen_at < given.last_seen_at),
        ),
        [{"vantage": vantage, "last_seen_at": at} for vantage, at in sorted(seen.items())],
    )


def replace_verdicts(
    engine: Engine, new: Mapping[str, Verdict], *, expected: Mapping[str, Verdict] | None = None
) -> int:
    """Put new verdicts in the place of old ones, by measurement id; return how many were replaced.

    Shape:  the old counts leave the cells and the new ones enter in the same transaction; `latest` follows.
            Ids whose raw row is not there (any more) are skipped, and with `expected` those whose stored
            verdict is no longer the one expected: somebody else was quicker.
    Errors: StoreError; then every verdict is as it was.
    """
    if not new:
        return 0
    ids = sorted(new)
    with writing(engine) as connection:
        changes: Counter[CellKey] = Counter()
        rows: list[dict[str, Any]] = []
        for start in range(0, len(ids), CHUNK):
            for found in _load_judged(connection, ids[start : start + CHUNK]):
                verdict, old = new[found.id], parse_verdict(found)
                if expected is not None and expected.get(found.id) != old:
                    continue
                counted = Counted(**{name: getattr(found, name) for name in COUNTED})
                changes.subtract(count_cells(counted, old))
                changes.update(count_cells(counted, verdict))
                names = {f"of_{name}": getattr(found, name) for name in _NAMES}
                rows.append(names | encode_verdict(verdict))
        if rows:
            _overwrite(connection, rows)
            change_cells(connection, changes)
        return len(rows)


def _load_judged(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    query = (
        select(ledger.c.id, verdicts, *(measurements.c[name] for name in COUNTED))
        .join(measurements, measurements.c.number == ledger.c.number)
        .join(verdicts, verdicts.c.number == ledger.c.number)
        .where(ledger.c.id.in_(ids))
    )
    return connection.execute(query).all()


def _overwrite(connection: Connection, rows: list[dict[str, Any]]) -> None:
    columns: dict[str, Any] = {name: bindparam(name) for name in (*VERDICT_COLUMNS, "details")}
    connection.execute(
        update(verdicts).where(verdicts.c.number == bindparam("of_number")).values(columns), rows
    )
    connection.execute(
        update(latest)
        .where(
            latest.c.vantage == bindparam("of_vantage"),
            latest.c.target == bindparam("of_target"),
            latest.c.measurement_id == bindparam("of_id"),
        )
        .values({name: bindparam(name) for name in _LATEST_COLUMNS}),
        rows,
    )
