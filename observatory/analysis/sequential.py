"""The sequential test: how likely it is, after each hour, that a series is blocked. Many series at once.

A series is in one of eight regimes and seldom changes between them. After each cell with k blocked of n
judged measurements, the belief in each regime follows by Bayes' rule (the forward algorithm of a hidden
Markov model). What healthy networks do (2 % failures, worse at night, bursts of loss) has regimes of its own,
so that a block must be the better explanation and not just an unusual hour. An empty cell changes nothing:
silence is neither an onset nor an end. Which rates of false alarms the thresholds give is measured by
`make bench ARGS=changes` and written in docs/events.md.

Source: Rabiner, "A tutorial on hidden Markov models", 1989, section III.A; Shiryaev, "On optimum methods in
        quickest detection problems", 1963.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """`failing` is the share of measurements that come out blocked, None for any share alike; `at_first` the
    belief before any measurement.
    """

    name: str
    failing: float | None
    at_first: float
    is_blocked: bool = False


REGIMES: Final = (
    Regime(name="clean", failing=0.003, at_first=0.45),
    Regime(name="ordinary", failing=0.015, at_first=0.3),
    Regime(name="poor", failing=0.045, at_first=0.15),
    Regime(name="burst", failing=0.45, at_first=0.02),
    # One cell in the middle of which a block of everything begins or ends.
    Regime(name="turning", failing=None, at_first=0.01, is_blocked=True),
    Regime(name="all", failing=0.97, at_first=0.03, is_blocked=True),
    Regime(name="half", failing=0.5, at_first=0.02, is_blocked=True),
    Regime(name="fifth", failing=0.22, at_first=0.02, is_blocked=True),
)
_N_HEALTHY: Final = 3
_BURST: Final = 3
_TURNING: Final = 4
_ALL: Final = 5
_BLOCKED: Final = np.array([regime.is_blocked for regime in REGIMES])

# Chances of a change per cell that has data. An hourly series is expected to be blocked once in a year, to
# meet a burst of loss once in six weeks; one burst lasts three cells, a block a thousand.
_TO_ALL: Final = 1e-4
_TO_TURNING: Final = 1e-4
_TO_PART: Final = 3e-5
_TO_BURST: Final = 1e-3
_BURST_STAYS: Final = 0.7
_BLOCK_LEAVES: Final = 1e-3
_SHARE_CHANGES: Final = 5e-5
_HEALTH_CHANGES: Final = 1e-3
# Measurements of one hour fail together: more than this many weigh no more.
MOST_PER_CELL: Final = 6

# What becomes of a belief in "blocked". Below FAINT nothing is going on.
FAINT: Final = 1e-3
SUSPECTED: Final = 0.3
CONFIRMED: Final = 0.995
OVER: Final = 0.1
# Never fewer, whatever the belief says.
LEAST_FAILING: Final = 3


def _transitions() -> Floats:
    n = len(REGIMES)
    to_blocked = [_TO_TURNING, _TO_ALL, _TO_PART, _TO_PART]
    chances = np.zeros((n, n))
    for regime in range(n):
        if regime < _N_HEALTHY:
            chances[regime, :_N_HEALTHY] = _HEALTH_CHANGES / (_N_HEALTHY - 1)
            chances[regime, _BURST] = _TO_BURST
            chances[regime, _BLOCKED] = to_blocked
        elif regime == _BURST:
            chances[regime, :_N_HEALTHY] = (1 - _BURST_STAYS) / _N_HEALTHY
            chances[regime, _BLOCKED] = to_blocked
        elif regime == _TURNING:
            chances[regime, :_N_HEALTHY] = 0.5 / _N_HEALTHY
            chances[regime, _ALL] = 0.5
        else:
            chances[regime, :_N_HEALTHY] = _BLOCK_LEAVES / _N_HEALTHY
            chances[regime, _BURST] = _BLOCK_LEAVES / 10
            chances[regime, _BLOCKED] = _SHARE_CHANGES
            chances[regime, _TURNING] = _BLOCK_LEAVES if regime == _ALL else 0.0
        chances[regime, regime] = 0.0
        chances[regime, regime] = 1.0 - chances[regime].sum()
    return chances


def _likelihoods() -> Floats:
    """Return how likely k blocked of n are in each regime. Shape: (n, k, regimes), n and k up to the most."""
    sizes = range(MOST_PER_CELL + 1)
    table = np.zeros((len(sizes), len(sizes), len(REGIMES)))
    for n in sizes:
        for k in range(n + 1):
            for number, regime in enumerate(REGIMES):
                share = regime.failing
                table[n, k, number] = (
                    1 / (n + 1) if share is None else comb(n, k) * share**k * (1 - share) ** (n - k)
                )
    return table


_TRANSITIONS: Final = _transitions()
_LIKELIHOODS: Final = _likelihoods()
FIRST_BELIEFS: Final = tuple(regime.at_first for regime in REGIMES)


def first_beliefs(n_series: int) -> Floats:
    """Return what is believed of series that nobody has measured yet. Shape: (n_series, regimes)."""
    return np.tile(np.array(FIRST_BELIEFS), (n_series, 1))


def follow(beliefs: Floats, n_ok: Counts, n_blocked: Counts) -> tuple[Floats, Floats]:
    """Return the belief in "blocked" after each cell, and what to believe before the next one.

    Shape:  beliefs (series, regimes), counts (cells, series) -> (cells, series), (series, regimes). Feeding
            the cells in one call or in several, each going on from the beliefs before, gives the same. Where
            a cell has no measurement, the value means nothing.
    Units:  counts of measurements.
    """
    blocked = np.zeros(n_ok.shape)
    for cell, (working, failing) in enumerate(zip(n_ok, n_blocked, strict=True)):
        seen = working + failing > 0
        if seen.all():
            blocked[cell], beliefs = _follow_one(beliefs, working, failing)
        elif seen.any():
            beliefs = beliefs.copy()
            blocked[cell, seen], beliefs[seen] = _follow_one(beliefs[seen], working[seen], failing[seen])
    return blocked, beliefs


def _follow_one(beliefs: Floats, working: Counts, failing: Counts) -> tuple[Floats, Floats]:
    n = working + failing
    most = np.minimum(n, MOST_PER_CELL)
    # As many of the most that weigh as were blocked of all.
    after = beliefs * _LIKELIHOODS[most, np.rint(failing * most / n).astype(np.int32)]
    after /= after.sum(axis=1, keepdims=True)
    return after[:, _BLOCKED].sum(axis=1), after @ _TRANSITIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A time of suspicion in one series, by the numbers of its cells (any ascending integers).

    `watched` is the cell at which the belief rose from nothing, `suspected` and `confirmed` those after which
    it was enough, `over` the one after which it no longer was; None: not so far.
    """

    watched: int
    suspected: int
    confirmed: int | None = None
    over: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the test of one series stands between two cells: all it needs to go on."""

    beliefs: tuple[float, ...]
    watched: int | None = None
    n_failing: int = 0
    mark: Mark | None = None


START: Final = Progress(beliefs=FIRST_BELIEFS)


def trace(
    progress: Progress,
    beliefs_after: Sequence[float],
    cells: npt.NDArray[np.int64],
    blocked: Floats,
    n_blocked: Counts,
) -> tuple[Progress, list[Mark]]:
    """Return where one series stands after some cells, and the marks that were set or changed.

    Shape:  `cells` ascending numbers of the cells that have measurements, `blocked` the belief after each,
            `n_blocked` what failed in each. A mark that was open is returned again when it got confirmed or
            over.
    """
    watched, n_failing, mark = progress.watched, progress.n_failing, progress.mark
    marks: dict[int, Mark] = {}
    for place in range(_first_of_interest(progress, blocked), len(cells)):
        number, belief, failing = int(cells[place]), float(blocked[place]), int(n_blocked[place])
        if mark is None and belief <= FAINT:
            watched, n_failing = None, 0
            continue
        if mark is None:
            watched = number if watched is None else watched
            n_failing += failing
            if belief < SUSPECTED or n_failing < LEAST_FAILING or not failing:
                continue
            mark = marks[number] = Mark(watched=watched, suspected=number)
        if mark.confirmed is None and belief >= CONFIRMED:
            mark = marks[mark.suspected] = replace(mark, confirmed=number)
        if belief < OVER:
            marks[mark.suspected] = replace(mark, over=number)
            mark, watched, n_failing = None, None, 0
    return (
        Progress(beliefs=tuple(beliefs_after), watched=watched, n_failing=n_failing, mark=mark),
        list(marks.values()),
    )


def _first_of_interest(progress: Progress, blocked: Floats) -> int:
    """Nearly all series are healthy nearly always: skip to what is going on at the end, if anything is."""
    if progress.mark is not None or (blocked >= SUSPECTED).any():
        return 0
    faint = np.flatnonzero(blocked <= FAINT)
    return int(faint[-1]) if len(faint) else 0
