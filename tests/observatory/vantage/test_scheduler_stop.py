"""A clean end: a running round is saved whole, or leaves a gap and nothing else."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from observatory.model import Config, VantagePoint
from probes.records import Measurement
from tests.observatory.vantage.fakes import (
    AT,
    FakeWatcher,
    config,
    measurement,
    running,
    vantage,
)


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
