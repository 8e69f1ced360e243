"""Rounds when they are due, every gap recorded, edits of the settings taken over."""

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from observatory.model import Config, Role, Settings, VantagePoint
from probes.records import Measurement
from tests.observatory.vantage.fakes import (
    AT,
    BAD,
    HOUR_S,
    FakeWatcher,
    config,
    measure_at_once,
    measurement,
    running,
    vantage,
)

# Rounds -------------------------------------------------------------------------------------------------


async def test_round_is_measured_saved_and_written_down() -> None:
    async with running(FakeWatcher(config(vantage("a")))) as run:
        entry = await run.journal.wait_for("run", "a")
    assert run.saved == ["a"]
    next_run_at = entry.pop("next_run_at")
    assert timedelta(minutes=58) < next_run_at - datetime.now(UTC) <= timedelta(hours=1)
    assert entry == {"started_at": AT, "finished_at": AT, "n_measurements": 1, "error": None}
    assert run.journal.of("gap") == []
    assert run.journal.of("config") == [{"at": AT, "errors": ()}]


async def test_rounds_follow_one_another() -> None:
    async with running(FakeWatcher(config(vantage("a", 0.05)))) as run:
        await run.journal.wait_for("run", "a", n=3)
    assert len(run.saved) >= 3


async def test_all_that_blocks_runs_in_one_thread_beside_the_loop() -> None:
    threads: set[str] = set()

    def collect(measurements: object) -> None:
        threads.add(threading.current_thread().name)

    async with running(FakeWatcher(config(vantage("a"), vantage("b"))), collect=collect) as run:
        await run.journal.wait_for("run", "b")
        await run.journal.wait_for("run", "a")
    assert threads == run.journal.threads == {"db-writer_0"}


async def test_controls_start_first_and_the_rest_is_spread_out() -> None:
    points = [vantage("a"), vantage("c", role=Role.CONTROL), vantage("off", enabled=False)]
    points += [vantage(f"b{n}") for n in range(18)]
    async with running(FakeWatcher(config(*points))) as run:
        await run.journal.wait_for("run", "c")
        starts = {job.id: job.trigger.start_at for job in run.scheduler._jobs.get_jobs()}
    assert "off" not in starts
    offsets = sorted((at - starts["c"]).total_seconds() for at in starts.values())
    assert offsets[0] == 0.0
    assert all(later - earlier >= 0.49 for earlier, later in itertools.pairwise(offsets))
    assert offsets[-1] < 10.5


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (OSError("no route\nto host"), "OSError: no route"),
        (ExceptionGroup("round", [ExceptionGroup("step", [ValueError("bad")])]), "ValueError: bad"),
        (RuntimeError(), "RuntimeError"),
    ],
)
async def test_round_that_fails_is_a_gap_and_the_next_one_runs(
    failure: Exception, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    n_rounds = 0

    async def fail_twice(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        nonlocal n_rounds
        n_rounds += 1
        if n_rounds <= 2:
            raise failure
        return await measure_at_once(config, vantage)

    async with running(FakeWatcher(config(vantage("a", 0.05))), fail_twice) as run:
        await run.journal.wait_for("run", "a", n=3)
    runs = run.journal.of("run", "a")[:3]
    assert [(entry["error"], entry["n_measurements"]) for entry in runs] == [
        (error, 0),
        (error, 0),
        (None, 1),
    ]
    gaps = run.journal.of("gap", "a")[:2]
    assert [(gap["reason"], gap["detail"]) for gap in gaps] == [("error", error)] * 2
    assert [
        record.getMessage() for record in caplog.records if record.name == "observatory.vantage.scheduler"
    ] == [
        f"a: {error}",
        "a: recovered",
    ]


async def test_round_that_cannot_be_saved_is_an_error() -> None:
    def collect(measurements: object) -> None:
        raise sqlite3.OperationalError("database is locked")

    async with running(FakeWatcher(config(vantage("a"))), collect=collect) as run:
        entry = await run.journal.wait_for("run", "a")
    assert (entry["error"], entry["n_measurements"]) == ("OperationalError: database is locked", 0)
    assert run.journal.of("gap", "a")[0]["reason"] == "error"


async def test_round_that_hangs_is_ended() -> None:
    async def hang(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        await asyncio.Event().wait()
        raise AssertionError

    async with running(FakeWatcher(config(vantage("a"))), hang, round_limit_s=0.02) as run:
        entry = await run.journal.wait_for("run", "a")
    assert entry["error"] == "not finished within 0.02 s"


async def test_round_that_takes_too_long_makes_overlaps_not_a_second_round() -> None:
    n_at_work = most_at_work = 0
    may_end = asyncio.Event()

    async def measure_slowly(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        nonlocal n_at_work, most_at_work
        n_at_work += 1
        most_at_work = max(most_at_work, n_at_work)
        await may_end.wait()
        n_at_work -= 1
        return [measurement(vantage.id)]

    async with running(FakeWatcher(config(vantage("a", 0.05))), measure_slowly) as run:
        gap = await run.journal.wait_for("gap", "a", n=2)
        may_end.set()
        await run.journal.wait_for("run", "a")
    assert gap == {"at": gap["at"], "reason": "overlap", "detail": "the round before had not ended"}
    assert most_at_work == 1


async def test_slow_disk_does_not_hold_up_other_rounds() -> None:
    disk_is_free = threading.Event()
    measured: list[str] = []
    all_measured = asyncio.Event()

    async def measure(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        measured.append(vantage.id)
        if len(measured) == 3:
            all_measured.set()
        return [measurement(vantage.id)]

    points = [vantage("a"), vantage("b"), vantage("c")]
    async with running(FakeWatcher(config(*points)), measure, collect=lambda m: disk_is_free.wait(20)) as run:
        async with asyncio.timeout(10):
            await all_measured.wait()
        assert run.journal.of("run") == []
        disk_is_free.set()
        await run.journal.wait_for("run", "c")


async def test_machine_that_slept_leaves_one_misfire_with_the_count() -> None:
    async with running(FakeWatcher(config(vantage("a", 30.0)))) as run:
        await run.journal.wait_for("run", "a")
        # Asleep for ten minutes: the job's next slot lies far back.
        job = run.scheduler._jobs.get_job("a")
        begin = job.trigger.start_at - timedelta(seconds=600)
        job.trigger.start_at = begin
        run.scheduler._last_slot["a"] = begin
        job.modify(next_run_time=begin + timedelta(seconds=30))
        gap = await run.journal.wait_for("gap", "a")
        await run.journal.wait_for("run", "a", n=2)
    assert gap["at"] == begin + timedelta(seconds=30)
    assert gap["reason"] == "misfire"
    assert gap["detail"] == "19 rounds could not be run: the machine was busy or asleep"


async def test_slot_that_is_long_past_is_missed_not_run_late() -> None:
    async with running(FakeWatcher(config(vantage("a", HOUR_S)))) as run:
        await run.journal.wait_for("run", "a")
        job = run.scheduler._jobs.get_job("a")
        late_at = job.trigger.start_at - timedelta(seconds=HOUR_S * 0.75)
        job.trigger.start_at = late_at - timedelta(seconds=HOUR_S)
        run.scheduler._last_slot["a"] = job.trigger.start_at
        job.modify(next_run_time=late_at)
        gap = await run.journal.wait_for("gap", "a")
    assert (gap["at"], gap["reason"]) == (late_at, "misfire")
    assert len(run.journal.of("run", "a")) == 1


async def test_clock_set_back_does_not_silence_a_vantage_point() -> None:
    async with running(FakeWatcher(config(vantage("a", 60.0)))) as run:
        await run.journal.wait_for("run", "a")
        run.scheduler._jobs.get_job("a").modify(next_run_time=datetime.now(UTC) + timedelta(days=1))
        await run.journal.wait_for("run", "a", n=2)


async def test_windows_are_closed_by_the_database_writer() -> None:
    closed: list[tuple[datetime, str]] = []
    is_closed = threading.Event()

    def close_windows(at: datetime) -> None:
        closed.append((at, threading.current_thread().name))
        is_closed.set()

    async with running(FakeWatcher(config(vantage("a"))), close_windows=close_windows) as run:
        await run.journal.wait_for("run", "a")
        run.scheduler._jobs.get_job(" windows").modify(next_run_time=datetime.now(UTC))
        assert await asyncio.to_thread(is_closed.wait, 20)
    assert closed == [(AT, "db-writer_0")]


# Settings -----------------------------------------------------------------------------------------------


async def test_edit_adds_removes_and_changes_without_disturbing_the_others() -> None:
    watcher = FakeWatcher(config(vantage("stays"), vantage("goes"), vantage("changes")))
    async with running(watcher) as run:
        for vantage_id in ("stays", "goes", "changes"):
            await run.journal.wait_for("run", vantage_id)
        before, trigger = run.next_run_at("stays"), run.scheduler._jobs.get_job("stays").trigger
        watcher.changes.append(config(vantage("stays"), vantage("comes"), vantage("changes", 600.0)))
        await run.journal.wait_for("run", "comes")
        jobs = {job.id: job for job in run.scheduler._jobs.get_jobs()}
        assert set(jobs) == {"stays", "comes", "changes"}
        assert jobs["stays"].next_run_time == before
        assert jobs["stays"].trigger is trigger
        assert jobs["changes"].trigger.every == timedelta(seconds=600)
        assert jobs["changes"].next_run_time - datetime.now(UTC) < timedelta(seconds=601)
    assert len(run.journal.of("run", "stays")) == 1
    assert [s for kind, s, _ in run.journal.entries if kind == "vantage_points"] == [
        ["stays", "goes", "changes"],
        ["stays", "comes", "changes"],
    ]


async def test_edit_of_anything_but_the_interval_holds_from_the_next_round() -> None:
    resolvers: list[str] = []

    async def measure(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        resolvers.append(f"{vantage.resolver} {config.settings.canary_host}")
        return []

    new = Config(
        path="f.yaml",
        settings=Settings(canary_host="control.example"),
        vantage_points=(vantage("a", 0.05, resolver="10.1.53.53"),),
    )
    async with running(FakeWatcher(config(vantage("a", 0.05)), new), measure) as run:
        async with asyncio.timeout(10):
            while "10.1.53.53 control.example" not in resolvers:
                await run.journal.wait_for("run", "a", n=len(run.journal.of("run", "a")) + 1)
    assert resolvers[0] == "system example.com"


async def test_bad_edit_changes_nothing_and_is_written_down() -> None:
    watcher = FakeWatcher(config(vantage("a", 0.05)))
    async with running(watcher) as run:
        await run.journal.wait_for("run", "a")
        watcher.changes.append(BAD)
        entry = await run.journal.wait_for("config", n=2)
        await run.journal.wait_for("run", "a", n=len(run.journal.of("run", "a")) + 2)
    assert entry["errors"] == ["f.yaml:3 a.asn: expected 1, got 2"]


async def test_bad_file_at_the_start_is_waited_out() -> None:
    watcher = FakeWatcher(BAD)
    async with running(watcher) as run:
        await run.journal.wait_for("config")
        assert run.journal.of("run") == []
        watcher.changes.append(config(vantage("a")))
        await run.journal.wait_for("run", "a")


async def test_entry_removed_in_the_middle_of_its_round_is_still_saved() -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def measure(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        started.set()
        await may_end.wait()
        return [measurement(vantage.id)]

    watcher = FakeWatcher(config(vantage("a")))
    async with running(watcher, measure) as run:
        await started.wait()
        watcher.changes.append(config())
        await run.journal.wait_for("config", n=2)
        may_end.set()
        entry = await run.journal.wait_for("run", "a")
    assert run.saved == ["a"]
    assert entry["next_run_at"] is None
