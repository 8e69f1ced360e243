"""A scheduler at work, with settings, measurements and a journal that a test controls."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from observatory.config.problems import ConfigError, Problem
from observatory.model import Config, Settings, VantagePoint
from observatory.vantage.scheduler import Scheduler
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
