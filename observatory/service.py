"""`observatory up`: the probing process, and beside it the web process."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from observatory.analysis.case import Control
from observatory.analysis.judge import judge_measurement
from observatory.collector import Collector
from observatory.config import ConfigError, ConfigWatcher, load_config
from observatory.data import load_reference, load_targets
from observatory.lock import LockError, hold_lock
from observatory.model import Config, VantagePoint, Verdict
from observatory.rounds import measure_vantage
from observatory.schedule import Scheduler
from observatory.store import Store, StoreError, open_store
from observatory.supervise import Web, WebError, run_web
from probes.records import Measurement

DASHBOARD: Final = Path(__file__).parents[1] / "dashboard.py"


class ServiceError(Exception):
    """The service cannot start; the message says why and what to do."""


def judge(
    measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], provisional: bool
) -> Verdict:
    """The rules with the reference data that ships, as the collector calls them."""
    return judge_measurement(
        measurement, canary, controls, reference=load_reference(), provisional=provisional
    )


async def run_service(config_path: Path, *, web: tuple[str, int] | None) -> None:
    """Probe on schedule until SIGTERM or SIGINT; serve the dashboard beside it.

    Shape:  `web` is (address, port) to serve on, None for probing alone.
    Errors: ServiceError when another scheduler holds the database, when it cannot be opened, or when the
            vantage points have mistakes at the start (later ones keep the last good file).
    """
    watcher = ConfigWatcher(config_path)
    try:
        load_config(config_path)
        with open_store() as store, hold_lock(store.engine.url.database or "observatory"):
            await _run(watcher, store, web)
    except (ConfigError, StoreError, LockError, WebError) as error:
        raise ServiceError(str(error)) from error


async def _run(watcher: ConfigWatcher, store: Store, web: tuple[str, int] | None) -> None:
    collector = Collector(store, judge)

    async def measure(config: Config, vantage: VantagePoint) -> Sequence[Measurement]:
        return await measure_vantage(config.settings, vantage, load_targets())

    scheduler = Scheduler(
        watcher=watcher,
        measure=measure,
        collect=collector.accept,
        journal=store,
        close_windows=collector.close_windows,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    say(f"Probing as {watcher.path} says, into {store.engine.url.database}. Stop with Ctrl-C.")
    try:
        await _run_both(scheduler, web, store.engine.url.render_as_string(hide_password=False), stop)
    except ExceptionGroup as group:
        web_errors = group.subgroup(WebError)
        raise (web_errors.exceptions[0] if web_errors else group) from group
    say("Stopped; what was measured is saved.")


async def _run_both(
    scheduler: Scheduler, web: tuple[str, int] | None, database: str, stop: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(scheduler.run(stop))
        if web is not None:
            address, port = web
            served = Web(script=DASHBOARD, database=database, address=address, port=port)
            group.create_task(run_web(served, stop, on_ready=lambda url: say(f"Open {url}")))


def say(line: str) -> None:
    """Tell the person who started the service; the log is for what went wrong."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
