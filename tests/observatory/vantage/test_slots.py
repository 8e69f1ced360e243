"""Slots of equal width, each with its own jitter."""

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
