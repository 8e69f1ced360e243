"""`make demo`: the block of July-August 2017, replayed across the emulated internet in five to eight minutes.

The lab and the probes run in namespaces of their own; the dashboard runs outside them, so that your browser
reaches it, and reads the same database.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final

from observatory.runtime.processes import WebError, WebServer, run_web
from observatory.runtime.up import DASHBOARD, announce

DATABASE: Final = Path("var/demo.sqlite")


def make_way(database: Path) -> str:
    """Remove the last replay and return the URL of the next."""
    database.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    return f"sqlite:///{database.resolve()}"


async def run(url: str, *, port: int, stay: bool, days_apart: float) -> int:
    """Replay into a database with the dashboard open meanwhile; returns an exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    web = WebServer(script=DASHBOARD, database=url, port=port)
    async with asyncio.TaskGroup() as group:
        group.create_task(run_web(web, stop, on_ready=_announce_address))
        code = await _replay(url, days_apart, stop)
        if code == 0 and stay and not stop.is_set():
            announce("The replay is over; the dashboard stays open. Stop with Ctrl-C.")
            await stop.wait()
        stop.set()
    return code


def _announce_address(address: str) -> None:
    announce(f"Open {address} and watch it fill: an emulation of July and August 2017, nothing real.")


async def _replay(url: str, days_apart: float, stop: asyncio.Event) -> int:
    command = (sys.executable, "-m", "lab", "--", sys.executable, "-m", "demo.replay")
    arguments = ("--database", url, "--days-apart", str(days_apart))
    process = await asyncio.create_subprocess_exec(*command, *arguments)
    ended = asyncio.create_task(process.wait())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Also when the web process failed: a replay that nobody sees must not go on.
        stopped.cancel()
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
    return await ended


def main() -> int:
    """Entry point; exit codes 0 done, 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("--database", type=Path, default=DATABASE, help="a file that is made anew")
    parser.add_argument("--port", type=int, default=8501, help="where the dashboard listens")
    parser.add_argument("--exit", action="store_true", help="end with the replay instead of staying open")
    parser.add_argument("--days-apart", type=float, default=0.5, help="days between regular rounds")
    arguments = parser.parse_args()
    try:
        code = asyncio.run(
            run(
                make_way(arguments.database),
                port=arguments.port,
                stay=not arguments.exit,
                days_apart=arguments.days_apart,
            )
        )
    except ExceptionGroup as group:
        for error in group.exceptions:
            if not isinstance(error, WebError):
                raise
            announce(str(error))
        return 1
    return 0 if code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
