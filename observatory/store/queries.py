"""What a page shows: latest, cells, shares, coverage. Sums are made in the database."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Engine, case, func, select

from observatory.model import OVERALL, Cell, Grain, Layer, State
from observatory.store.cells import WIDTH_S
from observatory.store.engine import reading
from observatory.store.records import Coverage, Latest, Share
from observatory.store.schema import cells, coverage, latest, outcomes, series

_BLOCKED = (State.BLOCKED.value, State.LIKELY_BLOCKED.value)


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

    Shape:  one record per outcome met; `layer` is `overall` or a layer. Networks (ASN) that a vantage point
            had in turn are summed, and so are emulated and real data unless one of them is asked for.
    Errors: StoreError.
    """
    keys = (
        cells.c.bucket_at,
        series.c.vantage,
        series.c.target,
        outcomes.c.state,
        outcomes.c.mechanism,
        outcomes.c.rule_id,
    )
    query = (
        select(*keys, func.sum(cells.c.n).label("n"))
        .join(series, series.c.number == cells.c.series)
        .join(outcomes, outcomes.c.number == cells.c.outcome)
        .where(*_chosen(grain, start, end, layer, targets, vantages, emulated))
        .group_by(*keys)
        .order_by(*keys)
    )
    with reading(engine) as connection:
        return tuple(
            Cell(
                bucket_at=row.bucket_at,
                vantage=row.vantage,
                target=row.target,
                layer=layer,
                state=State(row.state),
                mechanism=row.mechanism or None,
                rule_id=row.rule_id,
                n=int(row.n),
            )
            for row in connection.execute(query)
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
    is_blocked = outcomes.c.state.in_(_BLOCKED)
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
    chosen: list[ColumnElement[Any]] = [
        cells.c.width_s == WIDTH_S[grain],
        cells.c.bucket_at >= start,
        cells.c.bucket_at < end,
        series.c.layer == str(layer),
    ]
    if targets is not None:
        chosen.append(series.c.target.in_(list(targets)))
    if vantages is not None:
        chosen.append(series.c.vantage.in_(list(vantages)))
    if emulated is not None:
        chosen.append(series.c.emulated.is_(emulated))
    return chosen


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
