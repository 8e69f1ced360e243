"""What fails every second for days must not fill a log, and must not be forgotten either."""

import logging

import pytest

from observatory.faults import AGAIN_AFTER_S, FaultLog, reason_of

LOGGER = logging.getLogger("observatory.test_faults")


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_lasting_fault_is_said_once_and_then_once_an_hour_with_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    faults = FaultLog(LOGGER, clock)
    for second in range(int(2.5 * AGAIN_AFTER_S)):
        clock.now_s = float(second)
        faults.report("search", "the file is damaged")
    assert [record.getMessage() for record in caplog.records] == [
        "search: the file is damaged",
        "search: the file is damaged (3600 times more)",
        "search: the file is damaged (3600 times more)",
    ]
    faults.resolve("search")
    faults.resolve("search")
    assert caplog.messages[3:] == ["search: recovered"]


def test_another_reason_is_said_at_once_and_two_in_turn_are_no_flood(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = FaultLog(LOGGER, Clock())
    for _ in range(100):
        faults.report("search", "locked")
        faults.report("search", "damaged")
    assert caplog.messages == ["search: locked", "search: damaged"]


def test_ever_new_reasons_do_not_fill_memory() -> None:
    faults = FaultLog(LOGGER, Clock())
    for n in range(1000):
        faults.report("search", f"reason {n}")
    assert len(faults._lasting["search"]) <= 20


def test_reason_is_one_short_line() -> None:
    assert reason_of(OSError("a\nb")) == "OSError: a"
    assert len(reason_of(OSError("x" * 9999))) == 500
