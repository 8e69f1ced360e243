"""Borders of blocks that let some measurements through: the interval must hold the true moment."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from observatory.analysis.events.borders import find_end, find_onset, sharpen_end, sharpen_onset
from observatory.analysis.events.tallies import Tally
from observatory.model import Interval

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
TURN, LENGTH = 200, 400
N_HISTORIES = 200


def draw(share: float, seed: int, *, ends: bool) -> list[Tally]:
    """Return hours of three measurements, of which `share` is blocked from the hour TURN on, or up to it."""
    chance = random.Random(seed)
    tallies = []
    for hour in range(LENGTH):
        is_blocked = (hour < TURN) if ends else (hour >= TURN)
        n_blocked = sum(chance.random() < (share if is_blocked else 0.003) for _ in range(3))
        at = START + hour * HOUR
        tallies.append(Tally(at=at, until=at + HOUR, n_ok=3 - n_blocked, n_blocked=n_blocked))
    return tallies


def onset(tallies: Sequence[Tally], share: float) -> Interval:
    return find_onset(tallies, TURN - 50, TURN + 60, LENGTH - 1)[0]


def end(tallies: Sequence[Tally], share: float) -> Interval:
    return find_end(tallies, TURN - 60, TURN + 50)[0]


def sharp_onset(tallies: Sequence[Tally], share: float) -> Interval:
    wide = Interval(after=tallies[TURN - 50].at, by=tallies[TURN + 60].until)
    return sharpen_onset(wide, tallies[TURN - 50 : TURN + 60], share)


def sharp_end(tallies: Sequence[Tally], share: float) -> Interval:
    wide = Interval(after=tallies[TURN - 60].at, by=tallies[TURN + 50].until)
    return sharpen_end(wide, tallies[TURN - 60 : TURN + 50], share)


@pytest.mark.parametrize("share", [0.2, 0.35, 0.5])
@pytest.mark.parametrize("find", [onset, sharp_onset, end, sharp_end], ids=lambda find: find.__name__)
def test_the_true_moment_of_a_partial_block_lies_between_its_borders(
    find: Callable[[Sequence[Tally], float], Interval], share: float
) -> None:
    turned_at = START + TURN * HOUR
    found = [find(draw(share, seed, ends="end" in find.__name__), share) for seed in range(N_HISTORIES)]
    n_right = sum(f.after is not None and f.after <= turned_at <= f.by for f in found)
    assert n_right >= 0.95 * N_HISTORIES
    # And no wider than that takes: about three failures.
    assert median((f.by - f.after) / HOUR for f in found if f.after is not None) <= 3 / share + 2


@pytest.mark.parametrize("find", [onset, sharp_onset, end, sharp_end], ids=lambda find: find.__name__)
def test_a_full_block_has_one_border(find: Callable[[Sequence[Tally], float], Interval]) -> None:
    found = find(draw(1.0, 1, ends="end" in find.__name__), 1.0)
    assert found.after is not None and found.by - found.after <= 2 * HOUR
