"""What the scheduler records waits for a locked database, and nothing holds up the rest."""

import pytest

from observatory.vantage.db_writer import MAX_WAITING, DbWriter
from tests.observatory.vantage.fakes import AT, FakeJournal


async def test_entries_wait_while_the_database_is_locked() -> None:
    journal = FakeJournal()
    journal.n_failures_to_come = 3
    with DbWriter() as writer:
        for n in range(5):
            writer.write_soon(journal.record_gap, f"a{n}", at=AT, reason="error", detail="x")
    assert sorted(subject for _, subject, _ in journal.entries) == ["a0", "a1", "a2", "a3", "a4"]


async def test_entry_that_can_never_be_written_does_not_hold_up_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written: list[int] = []

    def refuse() -> None:
        raise ValueError("never")

    with DbWriter() as writer:
        writer.write_soon(refuse)
        for n in range(3):
            writer.write_soon(written.append, n)
    assert sorted(written) == [0, 1, 2]
    assert "1 entries could not be written and are lost" in caplog.text
    assert caplog.text.count("run records: ValueError: never") == 1


async def test_entries_beyond_what_may_wait_are_counted_as_lost() -> None:
    def refuse() -> None:
        raise ValueError("never")

    with DbWriter() as writer:
        for _ in range(MAX_WAITING + 7):
            writer.write_soon(refuse)
    assert writer.n_lost == MAX_WAITING + 7
