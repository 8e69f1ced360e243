"""The web process beside the probing one: started, watched, started again, and stopped with it.

It is a process of its own because page loads must not disturb the timing of measurements.
"""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

logger = logging.getLogger("observatory.supervise")

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
# A web process that lived this long was sound: its end starts the pauses from the shortest again.
SOUND_AFTER_S: Final = 60.0
STOP_GRACE_S: Final = 5.0
READY_WITHIN_S: Final = 60.0
N_PORTS: Final = 50


class WebError(Exception):
    """The web process cannot be started at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What to serve and where. `database` is handed on as OBSERVATORY_DATABASE."""

    script: Path
    database: str
    address: str = "127.0.0.1"
    port: int = 8501


def streamlit_command(web: Web, port: int) -> list[str]:
    """Return the command line of the dashboard: no browser, no telemetry, no look-up of our own address."""
    options = {
        "server.headless": "true",
        "server.address": web.address,
        "server.port": str(port),
        "server.enableXsrfProtection": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        # Without it Streamlit asks a service on the Internet for this machine's address.
        "browser.serverAddress": web.address,
        "global.developmentMode": "false",
    }
    settings = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "streamlit", "run", str(web.script.resolve()), *settings]


def choose_port(address: str, port: int) -> int:
    """Return `port`, or the next one that is free on this address.

    Errors: WebError when the address is not this machine's, or none of fifty ports is free.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for candidate in range(port, min(port + N_PORTS, 65536)):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((address, candidate))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise WebError(f"web address: expected one of this machine, got {address} ({error.strerror})") from error
        return candidate
    raise WebError(f"web port: expected a free one from {port} on, got none in {N_PORTS}; choose another --port")


async def run_web(
    web: Web,
    stop: asyncio.Event,
    *,
    on_ready: Callable[[str], object],
    command: Callable[[Web, int], Sequence[str]] = streamlit_command,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Keep the web process alive until `stop` is set; call `on_ready` with the address to open.

    `on_ready` is called again only when the port had to change. Must run on the main thread: the kernel
    ends the child with the thread that started it.
    Errors: WebError when there is no script or no port. A web process that dies is started again, after a
            pause that doubles up to a minute.
    """
    if not web.script.is_file():
        raise WebError(f"{web.script}: expected the dashboard's script, got no file")
    told: str | None = None
    port, pause_s = choose_port(web.address, web.port), first_pause_s
    loop = asyncio.get_running_loop()
    while not stop.is_set():
        port = choose_port(web.address, port)
        url = f"http://{f'[{web.address}]' if ':' in web.address else web.address}:{port}"
        started = loop.time()
        async with _child(command(web, port), web) as child:
            if await _is_ready(child, web.address, port, stop) and url != told:
                told = url
                on_ready(url)
            await _first_of(child.wait(), stop.wait())
            if stop.is_set():
                return
            logger.error("web process ended with %s; starting it again in %g s", child.returncode, pause_s)
        await _first_of(stop.wait(), asyncio.sleep(pause_s))
        lived_s = loop.time() - started
        pause_s = first_pause_s if lived_s > SOUND_AFTER_S else min(pause_s * 2, LONGEST_PAUSE_S)


@contextlib.asynccontextmanager
async def _child(command: Sequence[str], web: Web):  # type: ignore[no-untyped-def]
    environment: Mapping[str, str] = {**os.environ, "OBSERVATORY_DATABASE": web.database}
    wrapped = [sys.executable, "-m", "observatory.die_with_parent", str(os.getpid()), *command]
    child = await asyncio.create_subprocess_exec(
        *wrapped,
        cwd=web.script.resolve().parent,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        # Streamlit's greeting names addresses of its own choice; errors go to stderr.
        stdout=asyncio.subprocess.DEVNULL,
        # A group of its own: Ctrl-C reaches us alone, and what the child started ends with it.
        start_new_session=True,
    )
    try:
        yield child
    finally:
        await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    _signal_group(child, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_GRACE_S):
            await child.wait()
    except (TimeoutError, asyncio.CancelledError):
        _signal_group(child, signal.SIGKILL)
        await child.wait()
        raise_if_cancelled()
    else:
        _signal_group(child, signal.SIGKILL)


def _signal_group(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
