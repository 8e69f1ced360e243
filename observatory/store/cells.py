"""Counts per hour and day, kept for good. Pages and the search for onsets read them; SQL adds them up."""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, case, func, select, type_coerce

from observatory.model import BLOCKED_STATES, LEADS_TO, OVERALL, Cell, Grain, Series, State
from observatory.model.detection import SeriesCells
from observatory.model.views import Share
from observatory.store.cell_counts import (
    COUNTED,
    WIDTH_S,
    CellKey,
    Counted,
    change_cells,
    count_cells,
    floor_time,
)
from observatory.store.database import Database, WritableDatabase
from observatory.store.packing import parse_verdict
from observatory.store.schema import cells, measurements, outcomes, parse_time, series, verdicts
from observatory.store.series import select_series
from observatory.store.watermarks import RAW_FROM, load_watermark

if TYPE_CHECKING:
    from observatory.store.hourly_counts import HourlyCounts

_DAY: Final = timedelta(days=1)


class CellReader(Database):
    """Cells as pages show them, and as the search for onsets and ends follows them."""

    def load_cells(
        self,
        grain: Grain,
        start: datetime,
        end: datetime,
        *,
        layer: str = OVERALL,
        targets: Collection[str] | None = None,
        vantages: Collection[str] | None = None,
        emulated: bool | None = None,
    ) -> tuple[Cell, ...]:
        """Return the cells whose bucket starts in [start, end), by bucket, vantage point and target.

        Shape:  one record per outcome met; `layer` is `overall`, a layer, or `leads_to` (what visitors of an
                ok target meet). Networks (ASN) and resolvers that a vantage point had in turn are summed, and
                the versions that judged; so are emulated and real data unless one of them is selected.
        """
        # Tens of thousands of rows: only integers cross, each word and moment is looked up once.
        rows_query = select(
            type_coerce(cells.c.bucket_at, BigInteger), cells.c.series, cells.c.outcome, cells.c.n
        ).where(*_chosen(grain, start, end, layer, targets, vantages, emulated))
        with self._reading() as connection:
            rows = connection.execute(rows_query).all()
            series_query = select(series).where(series.c.layer == str(layer))
            of_series = {row.number: (row.vantage, row.target) for row in connection.execute(series_query)}
            of_outcome = {
                row.number: (State(row.state), row.mechanism, row.rule_id)
                for row in connection.execute(select(outcomes))
            }
        counts: Counter[tuple[int, tuple[str, str], tuple[State, str, str]]] = Counter()
        for bucket, series_number, outcome, n in rows:
            counts[bucket, of_series[series_number], of_outcome[outcome]] += n
        times = {bucket: parse_time(bucket) for bucket in {key[0] for key in counts}}
        return tuple(
            Cell(
                bucket_at=times[bucket],
                vantage=key[0],
                target=key[1],
                layer=layer,
                state=state,
                mechanism=mechanism or None,
                rule_id=rule_id,
                n=n,
            )
            for (bucket, key, (state, mechanism, rule_id)), n in sorted(counts.items())
        )

    def load_share(
        self,
        grain: Grain,
        start: datetime,
        end: datetime,
        *,
        by: Literal["vantage", "target"],
        layer: str = OVERALL,
        targets: Collection[str] | None = None,
        vantages: Collection[str] | None = None,
        emulated: bool | None = None,
    ) -> tuple[Share, ...]:
        """Return how much was blocked in each bucket that starts in [start, end), by bucket and key.

        Shape:  one record per bucket and key that has any verdict; a bucket without one is absent.
        """
        key = series.c.vantage if by == "vantage" else series.c.target
        is_blocked = outcomes.c.state.in_([state.value for state in BLOCKED_STATES])
        is_judged = outcomes.c.state != State.INSUFFICIENT.value
        query = (
            select(
                cells.c.bucket_at,
                key.label("key"),
                func.sum(case((is_blocked, cells.c.n), else_=0)).label("n_blocked"),
                func.sum(case((is_judged, cells.c.n), else_=0)).label("n_judged"),
                func.sum(cells.c.n).label("n"),
            )
            .join(series, series.c.number == cells.c.series)
            .join(outcomes, outcomes.c.number == cells.c.outcome)
            .where(*_chosen(grain, start, end, layer, targets, vantages, emulated))
            .group_by(cells.c.bucket_at, key)
            .order_by(cells.c.bucket_at, key)
        )
        with self._reading() as connection:
            return tuple(
                Share(
                    bucket_at=row.bucket_at,
                    key=row.key,
                    n_blocked=int(row.n_blocked),
                    n_judged=int(row.n_judged),
                    n=int(row.n),
                )
                for row in connection.execute(query)
            )

    def load_series_cells(
        self,
        of: Series,
        start: datetime,
        *,
        layers_from: datetime | None = None,
        least_blocked: int = 1,
        end: datetime | None = None,
    ) -> SeriesCells:
        """Return the cells of one series in [start, end), and from `layers_from` on those of its layers.

        Shape:  without `layers_from`, the whole alone; layers that were blocked less than `least_blocked`
                times are left out, and so are control vantage points.
        """
        with self._reading() as connection:
            known = {
                row.number: (row.vantage, row.layer, row.resolver)
                for row in connection.execute(select_series([of], layer=None))
                # Another host's state is no evidence about this one.
                if row.layer != LEADS_TO
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
        return SeriesCells(
            rows=cast("Sequence[tuple[int, int, int, int]]", rows), series=known, outcomes=result
        )

    def load_hourly_counts(self, series: Sequence[Series], start: datetime | None) -> "HourlyCounts":
        """Return what was ok and what blocked per hour and series, vantage points of one network added up."""
        # Loads numpy: a process that probes and stores does without.
        from observatory.store.hourly_counts import load_hourly_counts

        with self._reading() as connection:
            return load_hourly_counts(connection, series, start)


def _chosen(
    grain: Grain,
    start: datetime,
    end: datetime,
    layer: str,
    targets: Collection[str] | None,
    vantages: Collection[str] | None,
    emulated: bool | None,
) -> list[ColumnElement[bool]]:
    wanted = select(series.c.number).where(series.c.layer == str(layer))
    if targets is not None:
        wanted = wanted.where(series.c.target.in_(list(targets)))
    if vantages is not None:
        wanted = wanted.where(series.c.vantage.in_(list(vantages)))
    if emulated is not None:
        wanted = wanted.where(series.c.emulated.is_(emulated))
    # As a list of series, so that each is one stretch of the primary key and nothing else is read.
    return [
        cells.c.width_s == WIDTH_S[grain],
        cells.c.series.in_(wanted),
        cells.c.bucket_at >= start,
        cells.c.bucket_at < end,
    ]


def hours_of(numbers: Sequence[int], start: datetime, end: datetime | None) -> Select[Any]:
    """The hourly cells of series in [start, end), as four integers each."""
    query = select(
        type_coerce(cells.c.bucket_at, BigInteger).label("bucket"),
        cells.c.series,
        cells.c.outcome,
        cells.c.n,
    ).where(cells.c.width_s == WIDTH_S[Grain.HOUR], cells.c.series.in_(numbers), cells.c.bucket_at >= start)
    return query if end is None else query.where(cells.c.bucket_at < end)


class CellWriter(WritableDatabase):
    """Cells counted again from the raw rows, to verify them."""

    def recompute_cells(self, start: datetime, end: datetime) -> int:
        """Count the cells of all UTC days that touch [start, end) again from the raw rows.

        Shape:  returns how many cells were wrong and are right now; 0 means that all agreed.
                Days whose raw rows were deleted are left alone.
        Errors: StoreError, after rolling back the day at work.
        """
        day_at = floor_time(start, WIDTH_S[Grain.DAY])
        n_wrong = 0
        while day_at < end:
            n_wrong += self._recompute_day(day_at)
            day_at += _DAY
        return n_wrong

    def _recompute_day(self, day_at: datetime) -> int:
        with self._writing() as connection:
            raw_from = load_watermark(connection, RAW_FROM)
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
        .where(measurements.c.started_at >= day_at, measurements.c.started_at < day_at + _DAY)
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
            cells.c.bucket_at < day_at + _DAY,
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
