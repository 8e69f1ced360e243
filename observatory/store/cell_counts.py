"""Counting verdicts into cells, kept while writing: in which cells one counts, and changing those."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, select, tuple_, update

from observatory.model import LEADS_TO, OVERALL, Grain, Layer, Series, Verdict
from observatory.store.dirty_series import mark_dirty
from observatory.store.engine import insert_into
from observatory.store.schema import EPOCH, cells, outcomes, series
from probes.records import TargetKind

WIDTH_S: Final = {Grain.HOUR: 3600, Grain.DAY: 86400}
COUNTED: Final = ("vantage", "asn", "target", "target_kind", "started_at", "emulated", "resolver")

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
    """Yield the cells that one verdict counts in: each grain, the whole, each layer, where it leads.

    A canary is context for others and counts nowhere.
    """
    if counted.target_kind == TargetKind.CANARY:
        return
    judged = [(OVERALL, verdict.state, verdict.mechanism, verdict.rule_id)]
    judged += [(f.layer.value, f.state, f.mechanism, f.rule_id) for f in verdict.findings]
    if verdict.leads_to is not None:
        judged.append((LEADS_TO, verdict.leads_to.state, verdict.leads_to.mechanism, verdict.rule_id))
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
    _mark_dirty(connection, changes)


def _mark_dirty(connection: Connection, changes: Counter[CellKey]) -> None:
    since: dict[Series, datetime] = {}
    for width_s, of, bucket_at, _ in changes:
        if width_s == WIDTH_S[Grain.HOUR] and of.layer == OVERALL:
            network = replace(of, vantage="")
            since[network] = min(bucket_at, since.get(network, bucket_at))
    mark_dirty(connection, since)


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
