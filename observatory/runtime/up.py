"""`observatory up`: the probing process; beside it the detection worker and the web process."""

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from observatory.config.problems import ConfigError
from observatory.config.vantage_points import load_config
from observatory.config.watcher import ConfigWatcher
from observatory.ingest.collector import Collector
from observatory.model import Config, VantagePoint
from observatory.reference import load_reference, load_targets
from observatory.reference.fingerprint_csv import ReferenceDataError
from observatory.runtime.lock import LockError, hold_lock
from observatory.runtime.processes import WebError, WebServer, keep_running, run_web
from observatory.store import Store, StoreError, StoreLost, find_path, find_url, open_store
from observatory.vantage.rounds import measure_vantage
from observatory.vantage.scheduler import Scheduler
from probes.records import Measurement

DASHBOARD: Final = Path(__file__).parents[1] / "site" / "app.py"
Result = TypeVar("Result")


class ServiceError(Exception):
    """The service cannot start; the message says why and what to do."""


async def run_service(config_path: Path, *, web: tuple[str, int] | None) -> None:
    """Probe on schedule until SIGTERM or SIGINT; serve the dashboard beside it.

    Shape:  `web` is (address, port) to serve on, None for probing alone.
    Errors: ServiceError when another scheduler holds the database, when it cannot be opened, or when the
            vantage points (later mistakes keep the last good file) or an added list of block pages have
            mistakes at the start.
    """
    watcher = ConfigWatcher(config_path)
    try:
        _check_config(config_path)
        load_reference()
        url = find_url()
        # The lock first: a service that is refused must leave nothing behind.
        with hold_lock(find_path(url)), open_store(url) as store:
            await _run(watcher, store, url, web)
    except (ConfigError, ReferenceDataError, StoreError, LockError, WebError) as error:
        raise ServiceError(str(error)) from error


def _check_config(path: Path) -> None:
    """Refuse to start with mistakes in the file; what the machine lacks may still come, as a modem does."""
    try:
        load_config(path)
    except ConfigError as error:
        if not all(problem.of_machine for problem in error.problems):
            raise
        announce(f"{error}\nWaiting; measuring starts once it is available.")


async def _run(watcher: ConfigWatcher, store: Store, url: str, web: tuple[str, int] | None) -> None:
    collector = Collector(store)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    guard = _FileGuard(lambda: loop.call_soon_threadsafe(stop.set))

    async def measure(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        guard.run(store.check_file)
        return await measure_vantage(config.settings, vantage, load_targets())

    def close_windows(now: datetime) -> None:
        guard.run(store.check_file)
        collector.close_windows(now)

    scheduler = Scheduler(
        watcher=watcher,
        measure=measure,
        collect=lambda measurements: guard.run(lambda: collector.accept(measurements)),
        journal=store,
        close_windows=close_windows,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    announce(f"Probing as set in {watcher.path}; writing to {store.name}. Stop with Ctrl-C.")
    try:
        await _run_all(scheduler, web, url, stop)
    except ExceptionGroup as group:
        web_errors = group.subgroup(WebError)
        raise (web_errors.exceptions[0] if web_errors else group) from group
    if guard.lost is not None:
        raise guard.lost
    announce(_last_words(scheduler.n_unsaved, scheduler.n_unwritten))


class _FileGuard:
    """Stops the service when its database is gone: nothing that it measures from then on would be kept."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop
        self.lost: StoreLost | None = None

    def run(self, call: Callable[[], Result]) -> Result:
        try:
            return call()
        except StoreLost as error:
            self.lost = self.lost or error
            self._stop()
            raise


def _last_words(n_unsaved: int, n_unwritten: int) -> str:
    if not n_unsaved and not n_unwritten:
        return "Stopped; what was measured is saved."
    return (
        f"Stopped; not saved: rounds that were measured: {n_unsaved}, "
        f"entries about rounds and settings: {n_unwritten}. The log says why."
    )


async def _run_all(
    scheduler: Scheduler, web: tuple[str, int] | None, database: str, stop: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(stop))
        group.create_task(
            keep_running(
                lambda: [sys.executable, "-m", "observatory.detection.worker"],
                stop,
                what="the search for onsets and ends",
                folder=Path.cwd(),
                database=database,
            )
        )
        if web is not None:
            address, port = web
            server = WebServer(script=DASHBOARD, database=database, address=address, port=port)
            group.create_task(run_web(server, stop, on_ready=lambda url: announce(f"Open {url}")))


def announce(line: str) -> None:
    """Print a line for the person who started the service; the log is for what went wrong."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
