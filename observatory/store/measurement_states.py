"""What the search for onsets and ends looks at: hourly counts of many series, cells and rows of one."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Engine,
    FromClause,
    Select,
    func,
    select,
    tuple_,
    type_coerce,
)

from observatory.model import BLOCKED_STATES, OVERALL, Grain, Role, Series, State
from observatory.store.cells import WIDTH_S
from observatory.store.engine import reading
from observatory.store.schema import (
    cells,
    ledger,
    measurements,
    outcomes,
    series,
    vantage_points,
    verdicts,
)

CHUNK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementState:
    """One measurement with its verdict, as far as onsets and ends need it."""

    id: str
    vantage: str
    at: datetime
    state: State


def chunks(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Return keys in portions that one statement can name."""
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


def probes_only() -> ColumnElement[bool]:
    """Series of vantage points that stand where a censor may be."""
    controls = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
    return series.c.vantage.not_in(controls)


def is_one_of(table: FromClause, wanted: Collection[Series]) -> ColumnElement[bool]:
    """Rows of a table with the columns of a series that are of one of these."""
    c = table.c
    return tuple_(c.asn, c.target, c.emulated).in_([(s.asn, s.target, s.emulated) for s in sorted(wanted)])


def series_of(row: Any) -> Series:
    """Return the series of a row that has its columns."""
    return Series(target=row.target, asn=row.asn, emulated=row.emulated)


def columns_of(of: Series) -> dict[str, Any]:
    """Return the columns that name a series."""
    return {"asn": of.asn, "target": of.target, "emulated": of.emulated}


def select_series(wanted: Collection[Series], *, layer: str | None) -> Select[Any]:
    """The rows of these series by probes: of one layer, or of all."""
    query = select(series).where(is_one_of(series, wanted), probes_only())
    return query if layer is None else query.where(series.c.layer == layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCells:
    """The hourly cells of one target in one network, as numbers: a year has tens of thousands.

    Shape:  `rows` are (microseconds since 1970, number of the series, number of the outcome, n), by series
            and time; `series` says (vantage point, layer, resolver), `outcomes` (state, mechanism or empty,
            rule id, (version of rules, of reference data)).
    """

    rows: Sequence[tuple[int, int, int, int]]
    series: Mapping[int, tuple[str, str, str]]
    outcomes: Mapping[int, tuple[State, str, str, tuple[str, str]]]


def load_series_cells(
    engine: Engine,
    of: Series,
    start: datetime,
    *,
    layers_from: datetime | None = None,
    least_blocked: int = 1,
    end: datetime | None = None,
) -> SeriesCells:
    """Return the cells of one series in [start, end), and from `layers_from` on those of its layers.

    Shape:  without `layers_from`, the whole alone; layers that were blocked less than `least_blocked` times
            are left out, and so are control vantage points.
    Errors: StoreError.
    """
    with reading(engine) as connection:
        known = {
            row.number: (row.vantage, row.layer, row.resolver)
            for row in connection.execute(select_series([of], layer=None))
        }
        result = {
            row.number: (
                State(row.state),
                row.mechanism,
                row.rule_id,
                (row.rules_version, row.reference_version),
            )
            for row in connection.execute(select(outcomes))
        }
        whole = [number for number, (_, layer, _) in known.items() if layer == OVERALL]
        rows = connection.execute(hours_of(whole, start, end)).all()
        if layers_from is not None:
            blocked = [number for number, outcome in result.items() if outcome[0] in BLOCKED_STATES]
            layers = [number for number in known if number not in whole]
            hours = hours_of(layers, layers_from, end).subquery()
            counted = (
                select(hours.c.series, func.sum(hours.c.n))
                .where(hours.c.outcome.in_(blocked))
                .group_by(hours.c.series)
            )
            met: Counter[tuple[str, str]] = Counter()
            for number, n in connection.execute(counted):
                met[known[number][1:]] += int(n)
            wanted = [number for number in layers if met[known[number][1:]] >= least_blocked]
            rows = [*rows, *connection.execute(hours_of(wanted, layers_from, end)).all()]
    return SeriesCells(rows=cast("Sequence[tuple[int, int, int, int]]", rows), series=known, outcomes=result)


def hours_of(numbers: Sequence[int], start: datetime, end: datetime | None) -> Select[Any]:
    """The hourly cells of series in [start, end), as four integers each."""
    query = select(
        type_coerce(cells.c.bucket_at, BigInteger).label("bucket"),
        cells.c.series,
        cells.c.outcome,
        cells.c.n,
    ).where(cells.c.width_s == WIDTH_S[Grain.HOUR], cells.c.series.in_(numbers), cells.c.bucket_at >= start)
    return query if end is None else query.where(cells.c.bucket_at < end)


def load_rows(
    engine: Engine,
    of: Series,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    states: Collection[State] | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> list[MeasurementState]:
    """Return measurements of one series by probes, with raw rows, in [start, end]. Errors: StoreError."""
    m = measurements.c
    controls = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
    wanted = [
        m.target == of.target,
        m.asn == of.asn,
        m.emulated.is_(of.emulated),
        m.vantage.not_in(controls),
    ]
    return _load_rows(engine, wanted, start, end, states, newest_first, limit)


def load_control_rows(
    engine: Engine, target: str, *, emulated: bool, start: datetime, end: datetime
) -> list[MeasurementState]:
    """Return what control vantage points found of a target in [start, end]. Errors: StoreError."""
    m = measurements.c
    controls = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
    wanted = [m.target == target, m.emulated.is_(emulated), m.vantage.in_(controls)]
    return _load_rows(engine, wanted, start, end, None, False, None)


def _load_rows(
    engine: Engine,
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
    with reading(engine) as connection:
        return [
            MeasurementState(id=row.id, vantage=row.vantage, at=row.started_at, state=State(row.state))
            for row in connection.execute(query)
        ]
