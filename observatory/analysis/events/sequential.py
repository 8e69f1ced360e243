"""The sequential test: how likely it is, after each hour, that a series is blocked. Many series at once.

A series is in one of ten regimes and seldom changes between them. After each cell with k blocked of n
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
from datetime import timedelta
from enum import StrEnum
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt

from observatory.analysis.events.marks import Mark

# Changes with anything that decides what is suspected: all tests then start from the beginning.
VERSION: Final = "2"

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]


class RegimeKind(StrEnum):
    """`health` and `loss` are what networks do on their own; in `turning` a block begins or ends."""

    HEALTH = "health"
    LOSS = "loss"
    TURNING = "turning"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Regime:
    """One way a series can be.

    Shape:  `failing` is the share of measurements that come out blocked, None for any share alike; `at_first`
            the belief before any measurement. `enters` is the chance that a healthy series is so in the next
            cell, `stays` that it still is one cell later.
    Units:  cells that have measurements; an hourly series is expected to be blocked once a year.
    """

    name: str
    kind: RegimeKind
    failing: float | None
    at_first: float
    enters: float
    stays: float


REGIMES: Final = (
    Regime(name="clean", kind=RegimeKind.HEALTH, failing=0.003, at_first=0.45, enters=5e-4, stays=0.999),
    Regime(name="ordinary", kind=RegimeKind.HEALTH, failing=0.015, at_first=0.3, enters=5e-4, stays=0.999),
    Regime(name="poor", kind=RegimeKind.HEALTH, failing=0.045, at_first=0.14, enters=5e-4, stays=0.999),
    Regime(name="congestion", kind=RegimeKind.LOSS, failing=0.2, at_first=0.01, enters=3e-4, stays=0.9),
    Regime(name="burst", kind=RegimeKind.LOSS, failing=0.45, at_first=0.01, enters=1e-3, stays=0.7),
    Regime(name="outage", kind=RegimeKind.LOSS, failing=0.75, at_first=0.01, enters=3e-4, stays=0.6),
    Regime(name="turning", kind=RegimeKind.TURNING, failing=None, at_first=0.01, enters=1e-4, stays=0.0),
    Regime(name="all", kind=RegimeKind.BLOCK, failing=0.97, at_first=0.03, enters=1e-4, stays=0.999),
    Regime(name="half", kind=RegimeKind.BLOCK, failing=0.5, at_first=0.02, enters=3e-5, stays=0.999),
    Regime(name="fifth", kind=RegimeKind.BLOCK, failing=0.22, at_first=0.02, enters=3e-5, stays=0.999),
)
# The index of the regime "all".
_ALL: Final = 7
_BLOCKED: Final = np.array([regime.kind in (RegimeKind.TURNING, RegimeKind.BLOCK) for regime in REGIMES])
_SHARE_CHANGES: Final = 5e-5
# A burst of loss, an outage or congestion is taken to be over after so long without a measurement.
LOSS_LASTS: Final = timedelta(hours=6) // timedelta(microseconds=1)
NEVER: Final = -1
# Measurements of one hour fail together: more than this many add no evidence.
MAX_PER_CELL: Final = 6

# Thresholds of the belief in "blocked". Below FAINT nothing is going on.
FAINT: Final = 1e-3
SUSPECTED: Final = 0.3
CONFIRMED: Final = 0.995
OVER: Final = 0.1
# A suspicion needs so many failures at least, whatever the belief.
MIN_FAILING: Final = 3
# Where most of what failed was silence, one bad day of the line explains it.
SILENCE_LASTS: Final = timedelta(hours=24) // timedelta(microseconds=1)


def _transitions(*, far: bool) -> Floats:
    """Return the chance of each regime in the next cell, by the one in this. Shape: (regimes, regimes)."""
    chances = np.array([[_chance(one, other, far=far) for other in REGIMES] for one in REGIMES])
    np.fill_diagonal(chances, 0.0)
    np.fill_diagonal(chances, 1.0 - chances.sum(axis=1))
    return chances


def _chance(one: Regime, other: Regime, *, far: bool) -> float:
    n_healthy = sum(regime.kind is RegimeKind.HEALTH for regime in REGIMES)
    if one.kind is RegimeKind.TURNING:
        return 0.5 if other is REGIMES[_ALL] else 0.5 / n_healthy if other.kind is RegimeKind.HEALTH else 0.0
    if one.kind is RegimeKind.HEALTH:
        return other.enters
    if other.kind is RegimeKind.HEALTH:
        # Loss lasts for hours: a burst of yesterday is over today, unless another one began.
        stays = sum(r.enters for r in REGIMES if r.kind is not RegimeKind.HEALTH) if far else one.stays
        return (1 - (stays if one.kind is RegimeKind.LOSS else one.stays)) / n_healthy
    if one.kind is RegimeKind.LOSS:
        return 0.0 if other.kind is RegimeKind.LOSS else other.enters
    if other.kind is RegimeKind.TURNING:
        return 1 - one.stays if one is REGIMES[_ALL] else 0.0
    return _SHARE_CHANGES


def _likelihoods() -> Floats:
    """Return how likely k blocked of n are in each regime. Shape: (n, k, regimes), n and k up to the most."""
    sizes = range(MAX_PER_CELL + 1)
    table = np.zeros((len(sizes), len(sizes), len(REGIMES)))
    for n in sizes:
        for k in range(n + 1):
            for number, regime in enumerate(REGIMES):
                share = regime.failing
                table[n, k, number] = (
                    1 / (n + 1) if share is None else comb(n, k) * share**k * (1 - share) ** (n - k)
                )
    return table


_NEAR: Final = _transitions(far=False)
_FAR: Final = _transitions(far=True)
_LIKELIHOODS: Final = _likelihoods()
FIRST_BELIEFS: Final = tuple(regime.at_first for regime in REGIMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beliefs:
    """What is believed of several series after their last cells.

    Shape:  `chances` (series, regimes), `last` (series,) numbers of those cells, NEVER where there was none.
    """

    chances: Floats
    last: npt.NDArray[np.int64]


def first_beliefs(n_series: int) -> Beliefs:
    """Return what is believed of series that nobody has measured yet."""
    return Beliefs(
        chances=np.tile(np.array(FIRST_BELIEFS), (n_series, 1)),
        last=np.full(n_series, NEVER, dtype=np.int64),
    )


def follow(
    beliefs: Beliefs, cells: npt.NDArray[np.int64], n_ok: Counts, n_blocked: Counts
) -> tuple[Floats, Beliefs]:
    """Return the belief in "blocked" after each cell, and what is believed after the last.

    Shape:  `cells` (cells,) when they start, ascending; counts (cells, series) -> (cells, series). Feeding
            the cells in one call or in several, each going on from the beliefs before, gives the same. Where
            a cell has no measurement, the value means nothing.
    Units:  microseconds since 1970; counts of measurements.
    """
    blocked = np.zeros(n_ok.shape)
    chances, last = beliefs.chances.copy(), beliefs.last.copy()
    for row, (at, working, failing) in enumerate(zip(cells, n_ok, n_blocked, strict=True)):
        seen = np.flatnonzero(working + failing)
        if len(seen):
            before = _change(chances[seen], at - last[seen], last[seen] == NEVER)
            chances[seen] = _learn(before, working[seen], failing[seen])
            blocked[row, seen] = chances[seen][:, _BLOCKED].sum(axis=1)
            last[seen] = at
    return blocked, Beliefs(chances=chances, last=last)


def _change(chances: Floats, passed: npt.NDArray[np.int64], is_first: npt.NDArray[np.bool_]) -> Floats:
    far = (passed > LOSS_LASTS)[:, None]
    changed: Floats = np.where(far, chances @ _FAR, chances @ _NEAR) if far.any() else chances @ _NEAR
    return np.where(is_first[:, None], chances, changed) if is_first.any() else changed


def _learn(chances: Floats, working: Counts, failing: Counts) -> Floats:
    n = working + failing
    most = np.minimum(n, MAX_PER_CELL)
    # Of those that count as evidence, the same share is blocked as of all.
    after = chances * _LIKELIHOODS[most, np.rint(failing * most / n).astype(np.int32)]
    normal: Floats = after / after.sum(axis=1, keepdims=True)
    return normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the test of one series has come between two cells: all it needs to go on."""

    beliefs: tuple[float, ...]
    last: int = NEVER
    watched: int | None = None
    n_failing: int = 0
    n_silent: int = 0
    mark: Mark | None = None


START: Final = Progress(beliefs=FIRST_BELIEFS)


def trace(
    progress: Progress,
    beliefs: Sequence[float],
    cells: npt.NDArray[np.int64],
    blocked: Floats,
    n_blocked: Counts,
    n_silent: Counts | None = None,
) -> tuple[Progress, list[Mark]]:
    """Return how far one series has come after some cells, and the marks that were set or changed.

    Shape:  `beliefs` of `follow` after the last cell; `cells` when those start that have measurements,
            `blocked` the belief after each, `n_blocked` what failed in each, `n_silent` how many of those
            saw nothing but silence. A mark that was open is returned
            again when it got confirmed or over.
    """
    watched, mark = progress.watched, progress.mark
    n_failing, n_mute = progress.n_failing, progress.n_silent
    marks: dict[int, Mark] = {}
    for place in range(_first_of_interest(progress, blocked), len(cells)):
        number, belief, failing = int(cells[place]), float(blocked[place]), int(n_blocked[place])
        if mark is None and belief <= FAINT:
            watched, n_failing, n_mute = None, 0, 0
            continue
        n_failing += failing
        n_mute += 0 if n_silent is None else int(n_silent[place])
        if mark is None:
            watched = number if watched is None else watched
            if belief < SUSPECTED or n_failing < MIN_FAILING or not failing:
                continue
            mark = marks[number] = Mark(watched=watched, suspected=number)
        explained = 2 * n_mute > n_failing and (not failing or number - mark.suspected < SILENCE_LASTS)
        if mark.confirmed is None and belief >= CONFIRMED and not explained:
            mark = marks[mark.suspected] = replace(mark, confirmed=number)
        if belief < OVER:
            marks[mark.suspected] = replace(mark, over=number)
            mark, watched, n_failing, n_mute = None, None, 0, 0
    return (
        Progress(
            beliefs=tuple(beliefs),
            last=int(cells[-1]) if len(cells) else progress.last,
            watched=watched,
            n_failing=n_failing,
            n_silent=n_mute,
            mark=mark,
        ),
        list(marks.values()),
    )


def _first_of_interest(progress: Progress, blocked: Floats) -> int:
    """Return from which cell on to look: nearly all series are healthy nearly always, so most is skipped."""
    if progress.mark is not None or (blocked >= SUSPECTED).any():
        return 0
    faint = np.flatnonzero(blocked <= FAINT)
    return int(faint[-1]) if len(faint) else 0
