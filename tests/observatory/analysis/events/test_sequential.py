"""The sequential test by itself: false alarms of healthy networks, and going on from where it stood."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.changes.quality import find_confirmed
from benchmarks.changes.years import WEEKS, Health, make_years
from observatory.analysis.events.sequential import (
    FIRST_BELIEFS,
    REGIMES,
    START,
    Beliefs,
    Mark,
    Progress,
    RegimeKind,
    first_beliefs,
    follow,
    trace,
)

Counts = npt.NDArray[np.int32]
HOUR = 3_600_000_000


def make_noisy(n_series: int, n_cells: int) -> tuple[Counts, Counts]:
    failing = np.random.default_rng(3).binomial(6, 0.02, (n_cells, n_series)).astype(np.int32)
    return (6 - failing).astype(np.int32), failing


def find(n_ok: Counts, n_blocked: Counts) -> list[list[Mark]]:
    cells = np.arange(n_ok.shape[0], dtype=np.int64) * HOUR
    blocked, beliefs = follow(first_beliefs(n_ok.shape[1]), cells, n_ok, n_blocked)
    found = []
    for s in range(n_ok.shape[1]):
        heard = (n_ok + n_blocked)[:, s] > 0
        after = beliefs.chances[s].tolist()
        found.append(trace(START, after, cells[heard], blocked[heard, s], n_blocked[heard, s])[1])
    return found


@pytest.mark.parametrize("per_hour", [1, 6])
def test_a_thousand_healthy_series_for_a_year(per_hour: int) -> None:
    """Two in a hundred fail at random, more at night, and every other week there is a burst of loss."""
    years = make_years(1000, seed=11, per_hour=per_hour, health=Health(), block=None)
    n_false = sum(len(found) for found in find_confirmed(*years))
    assert n_false / (1000 * WEEKS) * 1000 <= 1.0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=80),
    st.integers(0, 80),
)
def test_going_on_gives_what_one_go_gives(counts: list[tuple[int, int]], cut: int) -> None:
    n_ok = np.array([[ok] for ok, _ in counts], dtype=np.int32)
    n_blocked = np.array([[blocked] for _, blocked in counts], dtype=np.int32)
    (whole,) = find(n_ok, n_blocked)
    progress, marks = START, {}
    for part in (slice(0, cut), slice(cut, None)):
        cells = np.arange(len(counts), dtype=np.int64)[part] * HOUR
        before = Beliefs(chances=np.array([progress.beliefs]), last=np.array([progress.last]))
        blocked, beliefs = follow(before, cells, n_ok[part], n_blocked[part])
        heard = (n_ok + n_blocked)[part, 0] > 0
        after = beliefs.chances[0].tolist()
        progress, new = trace(progress, after, cells[heard], blocked[heard, 0], n_blocked[part, 0][heard])
        marks |= {mark.suspected: mark for mark in new}
    assert list(marks.values()) == [mark for mark in whole]


def test_other_series_beside_it_change_nothing() -> None:
    n_ok, n_blocked = make_noisy(6, 500)
    n_blocked[200:300, 2], n_ok[200:300, 2] = 6, 0
    n_ok[::3, 4] = n_blocked[::3, 4] = 0
    together = find(n_ok, n_blocked)
    alone = [find(n_ok[:, [s]], n_blocked[:, [s]])[0] for s in range(6)]
    assert together == alone and len(together[2]) == 1


def test_empty_cells_change_no_belief() -> None:
    nothing = np.zeros((10, 1), dtype=np.int32)
    _, beliefs = follow(first_beliefs(1), np.arange(10) * HOUR, nothing, nothing)
    assert beliefs.chances.tolist() == [list(FIRST_BELIEFS)]


def test_beliefs_are_chances() -> None:
    assert sum(regime.at_first for regime in REGIMES) == pytest.approx(1)
    n_ok, n_blocked = make_noisy(5, 300)
    blocked, beliefs = follow(first_beliefs(5), np.arange(300) * HOUR, n_ok, n_blocked)
    assert beliefs.chances.sum(axis=1) == pytest.approx(np.ones(5))
    assert ((blocked >= 0) & (blocked <= 1)).all()


def test_fewer_than_three_failures_never_suspect() -> None:
    chances = tuple(0.25 if r.kind in (RegimeKind.TURNING, RegimeKind.BLOCK) else 0.0 for r in REGIMES)
    sure = Progress(beliefs=chances, last=0)
    cells = np.array([1, 2]) * HOUR
    before = Beliefs(chances=np.array([chances]), last=np.array([0]))
    failing = np.ones((2, 1), np.int32)
    blocked, beliefs = follow(before, cells, np.zeros((2, 1), np.int32), failing)
    _, marks = trace(sure, beliefs.chances[0].tolist(), cells, blocked[:, 0], failing[:, 0])
    assert marks == []
