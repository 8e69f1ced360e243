"""Slots of equal width, each with its own jitter."""

from datetime import timedelta

import pytest

from observatory.vantage.slots import RoundTrigger
from tests.observatory.vantage.fakes import AT


def test_slots_keep_their_grid_whatever_the_jitter() -> None:
    jitters = iter([3.0, 0.0, 6.0])
    trigger = RoundTrigger(AT, 60.0, lambda at_most_s: next(jitters))
    at = [trigger.get_next_fire_time(None, AT)]
    at += [trigger.get_next_fire_time(at[-1], AT) for _ in range(1)]
    at += [trigger.get_next_fire_time(at[-1], AT)]
    at += [trigger.get_next_fire_time(at[-1], AT)]
    assert [(slot - AT).total_seconds() for slot in at] == [0, 63, 120, 186]


def test_jitter_may_take_a_tenth_of_the_interval() -> None:
    asked: list[float] = []
    RoundTrigger(AT, 600.0, lambda at_most_s: asked.append(at_most_s) or 0.0).get_next_fire_time(AT, AT)
    assert asked == [60.0]


@pytest.mark.parametrize("away", [timedelta(hours=1), timedelta(days=3653), timedelta(days=20_000)], ids=str)
def test_slots_that_a_clock_jumped_over_are_not_named_one_by_one(away: timedelta) -> None:
    """A board without a clock of its own starts in 1970 and learns the time later."""
    trigger = RoundTrigger(AT, 600.0, lambda at_most_s: 0.0)
    now = AT + away + timedelta(seconds=5)
    slot, met = trigger.get_next_fire_time(AT, now), []
    while slot <= now:
        met.append(slot)
        slot = trigger.get_next_fire_time(slot, now)
    assert met == [now - timedelta(seconds=5)]
    assert slot == now + timedelta(seconds=595)
