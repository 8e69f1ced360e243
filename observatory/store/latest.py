"""What a page shows: latest, cells, shares, coverage. Sums are made in the database."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, ColumnElement, Engine, case, func, select, type_coerce

from observatory.model import BLOCKED_STATES, OVERALL, Cell, Grain, Layer, State
from observatory.model.views import Coverage, Latest, Share
from observatory.store.cells import WIDTH_S
from observatory.store.engine import reading
from observatory.store.schema import cells, coverage, latest, outcomes, parse_time, series


def load_latest(engine: Engine) -> tuple[Latest, ...]:
    """Return the newest verdict of every target from every vantage point, by vantage point and target.

    Errors: StoreError.
    """
    query = select(latest).order_by(latest.c.vantage, latest.c.target)
    with reading(engine) as connection:
        return tuple(
            Latest(**row._asdict() | {"state": State(row.state), "layer": Layer(row.layer)})
            for row in connection.execute(query)
        )


def load_cells(
    engine: Engine,
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

    Shape:  one record per outcome met; `layer` is `overall` or a layer. Networks (ASN) and resolvers that a
            vantage point had in turn are summed, and the versions that judged; so are emulated and real data
            unless one of them is asked for.
    Errors: StoreError.
    """
    # Tens of thousands of rows: only integers cross, each word and moment is looked up once.
    rows_query = select(
        type_coerce(cells.c.bucket_at, BigInteger), cells.c.series, cells.c.outcome, cells.c.n
    ).where(*_chosen(grain, start, end, layer, targets, vantages, emulated))
    with reading(engine) as connection:
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
    engine: Engine,
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
    Errors: StoreError.
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
    with reading(engine) as connection:
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


def load_coverage(engine: Engine) -> Coverage:
    """Return what the store holds: from when to when, how much, emulated or real.

    Errors: StoreError.
    """
    with reading(engine) as connection:
        rows = connection.execute(select(coverage)).all()
    return Coverage(
        first_at=min((row.first_at for row in rows), default=None),
        last_at=max((row.last_at for row in rows), default=None),
        n_measurements=sum(row.n_measurements for row in rows),
        emulated=any(row.emulated for row in rows),
        real=any(not row.emulated for row in rows),
    )
