"""Counts per hour and day, kept while writing, and counted again from the raw rows to prove them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, bindparam, case, delete, select, tuple_, update

from observatory.model import OVERALL, Grain, Layer, Series, Verdict
from observatory.store.codec import parse_verdict
from observatory.store.engine import insert_into, writing
from observatory.store.schema import EPOCH, cells, measurements, outcomes, series, verdicts, watermarks
from observatory.store.schema_events import touched
from probes.records import TargetKind

WIDTH_S: Final = {Grain.HOUR: 3600, Grain.DAY: 86400}
RAW_FROM: Final = "raw_from"
COUNTED: Final = ("vantage", "asn", "target", "target_kind", "started_at", "emulated", "resolver")
DAY: Final = timedelta(days=1)

OutcomeKey = tuple[str, str, str, str, str]
CellKey = tuple[int, Series, datetime, OutcomeKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What of a measurement names its cells."""

    vantage: str
    asn: int
    target: str
    target_kind: str
    started_at: datetime
    emulated: bool
    resolver: str


def floor_time(at: datetime, width_s: int) -> datetime:
    """Return the start of the bucket that a moment lies in; buckets start at UTC hours and days."""
    return at - (at - EPOCH) % timedelta(seconds=width_s)


def count_cells(counted: Counted, verdict: Verdict) -> Iterator[CellKey]:
    """Yield the cells that one verdict counts in: each grain, the whole and each layer judged.

    A control host is context for others and counts nowhere.
    """
    if counted.target_kind == TargetKind.CANARY:
        return
    judged = [(OVERALL, verdict.state, verdict.mechanism, verdict.rule_id)]
    judged += [(f.layer.value, f.state, f.mechanism, f.rule_id) for f in verdict.findings]
    versions = (verdict.rules_version, verdict.reference_version)
    for layer, state, mechanism, rule_id in judged:
        of = Series(
            target=counted.target,
            asn=counted.asn,
            emulated=counted.emulated,
            layer=layer,
            # Who was asked matters to DNS alone; two resolvers of one network are two series there.
            resolver=counted.resolver if layer == Layer.DNS else "",
            vantage=counted.vantage,
        )
        outcome = (state.value, mechanism or "", rule_id, *versions)
        for width_s in WIDTH_S.values():
            yield width_s, of, floor_time(counted.started_at, width_s), outcome


def change_cells(connection: Connection, changes: Counter[CellKey]) -> None:
    """Add counts (which may be negative) to cells; those that reach zero disappear.

    Errors: IntegrityError when more would be taken out of a cell than it holds.
    """
    changes = Counter({key: n for key, n in changes.items() if n})
    if not changes:
        return
    words = {key[1]: _words_of(key[1]) for key in changes}
    of_series = _find_numbers(connection, series, 6, set(words.values()))
    of_outcome = _find_numbers(connection, outcomes, 5, {key[3] for key in changes})
    # One order for all writers, so that two of them can never wait for each other.
    rows = sorted(
        (width_s, of_series[words[of]], bucket_at, of_outcome[outcome], n)
        for (width_s, of, bucket_at, outcome), n in changes.items()
    )
    names = [*cells.primary_key.columns.keys(), "n"]
    added = [dict(zip(names, row, strict=True)) for row in rows if row[-1] > 0]
    taken = [dict(zip([f"of_{name}" for name in names], row, strict=True)) for row in rows if row[-1] < 0]
    if added:
        statement = insert_into(connection, cells)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(cells.primary_key.columns), set_={"n": cells.c.n + statement.excluded.n}
            ),
            added,
        )
    if taken:
        this = [cells.c[name] == bindparam(f"of_{name}") for name in cells.primary_key.columns.keys()]
        connection.execute(update(cells).where(*this).values(n=cells.c.n + bindparam("of_n")), taken)
        connection.execute(delete(cells).where(*this, cells.c.n == 0), taken)
    _touch(connection, changes)


def _touch(connection: Connection, changes: Counter[CellKey]) -> None:
    """Leave word of each series whose hours changed, for whoever looks for onsets and ends."""
    since: dict[Series, datetime] = {}
    for width_s, of, bucket_at, _ in changes:
        if width_s == WIDTH_S[Grain.HOUR] and of.layer == OVERALL:
            network = replace(of, vantage="")
            since[network] = min(bucket_at, since.get(network, bucket_at))
    if not since:
        return
    statement = insert_into(connection, touched)
    found, given = touched.c, statement.excluded
    earlier = case((found.since < given.since, found.since), else_=given.since)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[found.asn, found.target, found.emulated],
            # The count tells whoever has read the row that it was written again meanwhile.
            set_={"since": earlier, "n": found.n + 1},
        ),
        [
            {"asn": of.asn, "target": of.target, "emulated": of.emulated, "since": at, "n": 1}
            for of, at in sorted(since.items())
        ],
    )


def _words_of(of: Series) -> tuple[str, str, int, str, bool, str]:
    """The columns of `series`, in their order."""
    return of.layer, of.vantage, of.asn, of.target, of.emulated, of.resolver


def _find_numbers(connection: Connection, table: Table, width: int, keys: set[Any]) -> dict[Any, int]:
    """Return the number of each key in a dictionary table, adding the keys that are new."""
    columns = list(table.columns)[1 : 1 + width]
    wanted = sorted(keys)
    numbers = _load_numbers(connection, table, columns, wanted)
    missing = [key for key in wanted if key not in numbers]
    if missing:
        names = [column.name for column in columns]
        connection.execute(
            insert_into(connection, table).on_conflict_do_nothing(index_elements=columns),
            [dict(zip(names, key, strict=True)) for key in missing],
        )
        numbers |= _load_numbers(connection, table, columns, missing)
    return numbers


def _load_numbers(
    connection: Connection, table: Table, columns: Sequence[Any], wanted: Sequence[Any]
) -> dict[Any, int]:
    numbers: dict[Any, int] = {}
    for start in range(0, len(wanted), 100):
        chunk = wanted[start : start + 100]
        query = select(table.c.number, *columns).where(tuple_(*columns).in_(chunk))
        numbers.update((tuple(row[1:]), row[0]) for row in connection.execute(query))
    return numbers


def recompute_cells(engine: Engine, start: datetime, end: datetime) -> int:
    """Count the cells of all UTC days that touch [start, end) again from the raw rows.

    Shape:  returns how many cells were wrong and are right now; 0 proves that they agreed.
    Errors: StoreError, after rolling back the day at work. Days whose raw rows were deleted are left alone.
    """
    day_at = floor_time(start, WIDTH_S[Grain.DAY])
    n_wrong = 0
    while day_at < end:
        n_wrong += _recompute_day(engine, day_at)
        day_at += DAY
    return n_wrong


def _recompute_day(engine: Engine, day_at: datetime) -> int:
    with writing(engine) as connection:
        raw_from = load_raw_from(connection)
        if raw_from is not None and day_at < raw_from:
            return 0
        changes = _count_raw(connection, day_at)
        for key, n in _load_counts(connection, day_at).items():
            changes[key] -= n
        changes = Counter({key: n for key, n in changes.items() if n})
        change_cells(connection, changes)
        return len(changes)


def _count_raw(connection: Connection, day_at: datetime) -> Counter[CellKey]:
    query = (
        select(*(measurements.c[name] for name in COUNTED), *(c for c in verdicts.c if c.name != "number"))
        .join(verdicts, verdicts.c.number == measurements.c.number)
        .where(measurements.c.started_at >= day_at, measurements.c.started_at < day_at + DAY)
    )
    counts: Counter[CellKey] = Counter()
    for row in connection.execute(query):
        counted = Counted(**{name: getattr(row, name) for name in COUNTED})
        counts.update(count_cells(counted, parse_verdict(row)))
    return counts


def _load_counts(connection: Connection, day_at: datetime) -> Counter[CellKey]:
    query = (
        select(
            cells.c.width_s,
            cells.c.bucket_at,
            cells.c.n,
            *list(series.columns)[1:],
            *list(outcomes.columns)[1:],
        )
        .join(series, series.c.number == cells.c.series)
        .join(outcomes, outcomes.c.number == cells.c.outcome)
        .where(
            cells.c.width_s.in_(WIDTH_S.values()),
            cells.c.bucket_at >= day_at,
            cells.c.bucket_at < day_at + DAY,
        )
    )
    counts: Counter[CellKey] = Counter()
    for row in connection.execute(query):
        of = Series(
            target=row.target,
            asn=row.asn,
            emulated=row.emulated,
            layer=row.layer,
            resolver=row.resolver,
            vantage=row.vantage,
        )
        outcome = (row.state, row.mechanism, row.rule_id, row.rules_version, row.reference_version)
        counts[row.width_s, of, row.bucket_at, outcome] = row.n
    return counts


def load_raw_from(connection: Connection) -> datetime | None:
    """Return the moment before which raw rows were deleted; None when none ever were."""
    return connection.execute(select(watermarks.c.at).where(watermarks.c.name == RAW_FROM)).scalar()
