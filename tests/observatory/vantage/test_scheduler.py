"""Rounds in their slots, every gap recorded, edits taken over, and a clean end."""

import asyncio
import itertools
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from observatory.config.problems import ConfigError, Problem
from observatory.model import Config, Role, Settings, VantagePoint
from observatory.vantage.db_writer import DbWriter, reason_of
from observatory.vantage.scheduler import Scheduler
from observatory.vantage.slots import RoundTrigger
from probes.records import Measurement, TargetKind

AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR_S = 3600.0
BAD = ConfigError([Problem(file="f.yaml", line=3, field="a.asn", expected="1", found="2")])


def vantage(vantage_id: str, every_s: float = HOUR_S, **changes: Any) -> VantagePoint:
    return VantagePoint(id=vantage_id, name="A", isp="A", asn=7713, country="ID", every_s=every_s, **changes)


def config(*vantage_points: VantagePoint) -> Config:
    return Config(path="f.yaml", settings=Settings(), vantage_points=vantage_points)


def measurement(vantage_id: str) -> Measurement:
    return Measurement(
        id="m",
        round_id="r",
        vantage=vantage_id,
        asn=7713,
        target="t.me",
        target_kind=TargetKind.HOST,
        started_at=AT,
        duration_s=0.1,
        resolver="system",
        public_resolver="8.8.8.8",
    )


class FakeWatcher:
    """Gives what the test puts in, each once."""

    path = "f.yaml"

    def __init__(self, *changes: Config | ConfigError) -> None:
        self.changes = list(changes)

    def poll(self) -> Config | ConfigError | None:
        return self.changes.pop(0) if self.changes else None


class FakeJournal:
    """Keeps every entry, and lets the test wait for one."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, Any, dict[str, Any]]] = []
        self.n_failures_to_come = 0
        self.threads: set[str] = set()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def _keep(self, kind: str, subject: Any, details: dict[str, Any]) -> None:
        self.threads.add(threading.current_thread().name)
        if self.n_failures_to_come:
            self.n_failures_to_come -= 1
            raise OSError("database is locked")
        self.entries.append((kind, subject, details))
        self._loop.call_soon_threadsafe(self._news.set)

    def save_vantage_points(self, vantage_points: Sequence[VantagePoint], **details: Any) -> None:
        self._keep("vantage_points", [vantage.id for vantage in vantage_points], details)

    def record_run(self, vantage: str, **details: Any) -> None:
        self._keep("run", vantage, details)

    def record_gap(self, vantage: str, **details: Any) -> None:
        self._keep("gap", vantage, details)

    def record_config(self, **details: Any) -> None:
        self._keep("config", details.pop("path"), details)

    def of(self, kind: str, subject: str | None = None) -> list[dict[str, Any]]:
        return [d for k, s, d in self.entries if k == kind and subject in (None, s)]

    async def wait_for(self, kind: str, subject: str | None = None, n: int = 1) -> dict[str, Any]:
        """Return the n-th entry of this kind, as soon as there is one."""
        async with asyncio.timeout(20):
            while len(found := self.of(kind, subject)) < n:
                self._news.clear()
                await self._news.wait()
        return found[n - 1]


Measure = Callable[[Config, VantagePoint], Awaitable[Sequence[Measurement]]]


async def measure_at_once(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
    return [measurement(vantage.id)]


@dataclass
class Running:
    """A scheduler at work, and what it did."""

    scheduler: Scheduler
    journal: FakeJournal
    stop: asyncio.Event
    saved: list[str] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def next_run_at(self, vantage_id: str) -> datetime:
        at: datetime = self.scheduler._jobs.get_job(vantage_id).next_run_time
        return at

    async def end(self) -> None:
        self.stop.set()
        assert self.task is not None
        await self.task


@asynccontextmanager
async def running(watcher: FakeWatcher, measure: Measure = measure_at_once, **changes: Any) -> Any:
    journal = FakeJournal()
    saved: list[str] = []

    def collect(measurements: Sequence[Measurement]) -> None:
        saved.extend(m.vantage for m in measurements)

    options: dict[str, Any] = {
        "watcher": watcher,
        "measure": measure,
        "collect": collect,
        "journal": journal,
        "clock": lambda: AT,
        "jitter_s": lambda at_most_s: 0.0,
        "poll_s": 0.01,
    }
    run = Running(Scheduler(**options | changes), journal, asyncio.Event(), saved)
    run.task = asyncio.create_task(run.scheduler.run(run.stop))
    try:
        yield run
    finally:
        await run.end()


# Slots --------------------------------------------------------------------------------------------------


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
        "a: works again",
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


# The journal --------------------------------------------------------------------------------------------


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
    assert caplog.text.count("journal: ValueError: never") == 1


def test_reason_is_one_short_line() -> None:
    assert reason_of(OSError("a\nb")) == "OSError: a"
    assert len(reason_of(OSError("x" * 9999))) == 500


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


# The end ------------------------------------------------------------------------------------------------


async def test_running_round_is_finished_and_saved_on_stop() -> None:
    started, may_end = asyncio.Event(), asyncio.Event()

    async def measure(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        started.set()
        await may_end.wait()
        return [measurement(vantage.id)]

    async with running(FakeWatcher(config(vantage("a"))), measure) as run:
        await started.wait()
        run.stop.set()
        asyncio.get_running_loop().call_later(0.05, may_end.set)
        await run.end()
    assert run.saved == ["a"]
    assert run.journal.of("run", "a")[0]["error"] is None
    assert run.journal.of("gap") == []


async def test_round_that_outlasts_the_grace_leaves_a_gap_and_nothing_else() -> None:
    started = asyncio.Event()

    async def measure(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with running(FakeWatcher(config(vantage("a"))), measure, stop_grace_s=0.02) as run:
        await started.wait()
        await run.end()
    assert run.saved == []
    assert run.journal.of("run") == []
    assert [(gap["at"], gap["reason"]) for gap in run.journal.of("gap", "a")] == [(AT, "stopped")]


async def test_saving_that_has_begun_is_waited_for_whatever_the_grace() -> None:
    saving, may_end = threading.Event(), threading.Event()
    saved: list[str] = []

    def collect(measurements: Sequence[Measurement]) -> None:
        saving.set()
        may_end.wait(20)
        saved.extend(m.vantage for m in measurements)

    async with running(FakeWatcher(config(vantage("a"))), collect=collect, stop_grace_s=0.02) as run:
        await asyncio.to_thread(saving.wait, 20)
        asyncio.get_running_loop().call_later(0.2, may_end.set)
        await run.end()
    assert saved == ["a"]
    assert run.journal.of("run", "a")[0]["n_measurements"] == 1
    assert run.journal.of("gap") == []


SERVICE = """
import asyncio, signal, sqlite3, sys
from contextlib import closing
from pathlib import Path
from observatory.config.watcher import ConfigWatcher
from observatory.runtime.lock import LockHeld, hold_lock
from observatory.vantage.scheduler import Scheduler

database = Path(sys.argv[1])

class Journal:
    def __init__(self): self.lines = []
    def save_vantage_points(self, vantage_points, **details): pass
    def record_config(self, **details): pass
    def record_run(self, vantage, *, n_measurements, error, **details):
        self.lines.append(f"run {n_measurements} {error}")
    def record_gap(self, vantage, *, reason, **details):
        self.lines.append(f"gap {reason}")

async def main():
    stop, journal = asyncio.Event(), Journal()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def measure(config, vantage):
        print("measuring", flush=True)
        await stop.wait()
        await asyncio.sleep(float(sys.argv[3]))
        return ["one", "two", "three"]

    def collect(measurements):
        with closing(sqlite3.connect(database)) as connection, connection:
            for text in measurements:
                connection.execute("insert into m values (?)", (text,))

    scheduler = Scheduler(
        watcher=ConfigWatcher(sys.argv[2]), measure=measure, collect=collect, journal=journal,
        stop_grace_s=float(sys.argv[4]),
    )
    await scheduler.run(stop)
    print(*journal.lines, sep="; ", flush=True)

try:
    with hold_lock(database):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("create table m (text)")
        asyncio.run(main())
except LockHeld as error:
    sys.exit(str(error))
"""

ONE_VANTAGE = "vantage_points:\n  - {id: a, name: A, isp: A, asn: 1, country: ID, every: 30s}\n"


def start_service(tmp_path: Path, finish_s: float = 0.0, grace_s: float = 20.0) -> subprocess.Popen[str]:
    (tmp_path / "v.yaml").write_text(ONE_VANTAGE)
    arguments = [str(tmp_path / "o.sqlite"), str(tmp_path / "v.yaml"), str(finish_s), str(grace_s)]
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVICE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def count_saved(tmp_path: Path) -> int:
    connection = sqlite3.connect(tmp_path / "o.sqlite")
    try:
        return int(connection.execute("select count(*) from m").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("finish_and_grace_s", "n_saved", "said"),
    [((0.05, 20.0), 3, "run 3 None\n"), ((60.0, 0.05), 0, "gap stopped\n")],
    ids=["finished in time", "cancelled"],
)
def test_signal_ends_the_process_with_nothing_half_written(
    number: signal.Signals, finish_and_grace_s: tuple[float, float], n_saved: int, said: str, tmp_path: Path
) -> None:
    with start_service(tmp_path, *finish_and_grace_s) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "measuring\n"
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (0, said, "")
    assert count_saved(tmp_path) == n_saved


def test_second_process_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    with start_service(tmp_path) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "measuring\n"
        with start_service(tmp_path) as second:
            _, errors = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"expected no other scheduler, got process {first.pid} on " in errors
        first.terminate()
        first.communicate(timeout=30)
    assert first.returncode == 0
