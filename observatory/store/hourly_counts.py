"""Hourly counts of many series side by side. The only module of the store that needs numpy: a process that
probes and stores does not load it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, select

from observatory.model import BLOCKED_STATES, OVERALL, EvidenceKind, Series, State, kind_of
from observatory.store.cells import hours_of
from observatory.store.schema import EPOCH, cells, outcomes
from observatory.store.series import chunks, select_series, series_of


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyCounts:
    """Hourly counts of several series side by side.

    Shape:  `hours` (n,) ascending microseconds since 1970; `n_ok`, `n_blocked` and `n_of_kind`, which counts
            the blocked by what they saw, (n, series) in the order of `series`; zero where nothing was judged.
    """

    series: tuple[Series, ...]
    hours: npt.NDArray[np.int64]
    n_ok: npt.NDArray[np.int32]
    n_blocked: npt.NDArray[np.int32]
    n_of_kind: Mapping[EvidenceKind, npt.NDArray[np.int32]]


def load_hourly_counts(
    connection: Connection, series: Sequence[Series], start: datetime | None
) -> HourlyCounts:
    """Return what was ok and what blocked per hour, vantage points of one network added up."""
    columns = {of: number for number, of in enumerate(series)}
    of_series: dict[int, int] = {}
    for chunk in chunks(series):
        for row in connection.execute(select_series(chunk, layer=OVERALL)):
            of_series[row.number] = columns[series_of(row)]
    is_ok = {row.number for row in connection.execute(_outcomes((State.OK,)))}
    kinds = {
        row.number: kind_of(State(row.state), row.mechanism)
        for row in connection.execute(_outcomes(BLOCKED_STATES))
    }
    judged = cells.c.outcome.in_([*is_ok, *kinds])
    query = hours_of(list(of_series), EPOCH if start is None else start, None).where(judged)
    # Millions of rows in a whole recomputation: no object is made of any.
    rows = cast("Iterable[tuple[int, ...]]", connection.execute(query).cursor)
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 4)
    hours, places = np.unique(flat[:, 0], return_inverse=True)
    width = len(series)
    flat_places = places * width + _translate(flat[:, 1], of_series)

    def count(wanted: Collection[int]) -> npt.NDArray[np.int32]:
        chosen = np.isin(flat[:, 2], list(wanted))
        return _add_up(flat_places[chosen], flat[chosen, 3], len(hours), width)

    return HourlyCounts(
        series=tuple(series),
        hours=hours,
        n_ok=count(is_ok),
        n_blocked=count(kinds),
        n_of_kind={kind: count([n for n, of in kinds.items() if of is kind]) for kind in EvidenceKind},
    )


def _outcomes(states: Collection[State]) -> Select[Any]:
    c = outcomes.c
    return select(c.number, c.state, c.mechanism).where(
        outcomes.c.state.in_([state.value for state in states])
    )


def _translate(numbers: npt.NDArray[np.int64], to: Mapping[int, int]) -> npt.NDArray[np.int64]:
    table = np.zeros(max(to, default=0) + 1, dtype=np.int64)
    table[list(to)] = list(to.values())
    return table[numbers]


def _add_up(
    places: npt.NDArray[np.int64], n: npt.NDArray[np.int64], height: int, width: int
) -> npt.NDArray[np.int32]:
    sums = np.bincount(places, weights=n, minlength=height * width)
    return sums.astype(np.int32).reshape(height, width)
