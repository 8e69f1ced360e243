"""Child processes of the service: started, watched, restarted when they die, and stopped with it.

They are processes of their own because neither page loads nor the search for onsets may disturb the timing of
measurements, or take the memory of a small machine that only probes.
"""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

logger = logging.getLogger("observatory.runtime.processes")

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
# After a process has run this long, pauses between restarts begin again with the shortest.
STABLE_AFTER_S: Final = 60.0
STOP_GRACE_S: Final = 5.0
READY_WITHIN_S: Final = 60.0
HEALTH_CHECK_EVERY_S: Final = 0.1
HEALTH_CHECK_TIMEOUT_S: Final = 5.0
MAX_REPLY_BYTES: Final = 65_536
N_PORTS: Final = 50


class WebError(Exception):
    """The web process cannot be started at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebServer:
    """What the web process serves and where. It gets `database` as OBSERVATORY_DATABASE."""

    script: Path
    database: str
    address: str = "127.0.0.1"
    port: int = 8501


def streamlit_command(web: WebServer, port: int) -> list[str]:
    """Return the command line of the dashboard: no browser, no telemetry, no look-up of our own address."""
    options = {
        "server.headless": "true",
        "server.address": web.address,
        "server.port": str(port),
        "server.enableXsrfProtection": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        # Without it Streamlit asks a service on the internet for this machine's address.
        "browser.serverAddress": urlsplit(open_address(web.address, port)).hostname or web.address,
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
            reason = f"{address} ({error.strerror})"
            raise WebError(f"web address: expected one of this machine, got {reason}") from error
        return candidate
    raise WebError(
        f"web port: expected a free one from {port} on, got none in {N_PORTS}; choose another --port"
    )


async def run_web(
    web: WebServer,
    stop: asyncio.Event,
    *,
    on_ready: Callable[[str], object],
    command: Callable[[WebServer, int], Sequence[str]] = streamlit_command,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Keep the web process alive until `stop` is set; call `on_ready` with the address to open.

    `on_ready` is called again only when the port had to change.
    Errors: WebError when there is no script or no port; see `keep_running`.
    """
    if not web.script.is_file():
        raise WebError(f"{web.script}: expected the dashboard's script, got no file")
    announced, port = "", web.port

    def launch() -> Sequence[str]:
        nonlocal port
        port = choose_port(web.address, port)
        return command(web, port)

    async def announce_address(child: asyncio.subprocess.Process) -> None:
        nonlocal announced
        url = open_address(web.address, port)
        if await _is_ready(child, url, stop) and url != announced:
            announced = url
            on_ready(url)

    await keep_running(
        launch,
        stop,
        what="web process",
        # Where we are: an address of a database may be relative.
        folder=Path.cwd(),
        database=web.database,
        on_start=announce_address,
        first_pause_s=first_pause_s,
    )


async def keep_running(
    launch: Callable[[], Sequence[str]],
    stop: asyncio.Event,
    *,
    what: str,
    folder: Path,
    database: str,
    on_start: Callable[[asyncio.subprocess.Process], Awaitable[None]] | None = None,
    first_pause_s: float = FIRST_PAUSE_S,
) -> None:
    """Keep one process alive until `stop` is set.

    Shape:  `launch` gives the command line of each start, `on_start` is awaited after it. `database` is
            given to it as OBSERVATORY_DATABASE. Must run on the main thread: the kernel ends the child with
            the thread that started it.
    Errors: those of `launch`. A process that dies is started again, after a pause that doubles to a minute.
    """
    loop = asyncio.get_running_loop()
    pause_s = first_pause_s
    while not stop.is_set():
        started_s = loop.time()
        async with _child(launch(), folder, database) as child:
            if on_start is not None:
                await on_start(child)
            await _first_of(child.wait(), stop.wait())
        if stop.is_set():
            return
        if loop.time() - started_s > STABLE_AFTER_S:
            pause_s = first_pause_s
        logger.error("%s ended with %s; starting it again in %g s", what, child.returncode, pause_s)
        await _first_of(stop.wait(), asyncio.sleep(pause_s))
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def open_address(address: str, port: int) -> str:
    """Return what to type into a browser on this machine; an address that means "all" cannot be opened."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def _child(
    command: Sequence[str], folder: Path, database: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "observatory.runtime.die_with_parent", str(os.getpid())),
        *command,
        cwd=folder,
        env={**os.environ, "OBSERVATORY_DATABASE": database},
        stdin=asyncio.subprocess.DEVNULL,
        # Streamlit's greeting names addresses of its own choosing; errors go to stderr.
        stdout=asyncio.subprocess.DEVNULL,
        # A process group of its own: Ctrl-C reaches us alone, and whatever the child started ends with it.
        start_new_session=True,
    )
    try:
        yield child
    finally:
        _signal_group(child, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_GRACE_S):
                await child.wait()
        except TimeoutError:
            logger.warning("a process did not end within %g s; killing it", STOP_GRACE_S)
        finally:
            _signal_group(child, signal.SIGKILL)
            await child.wait()


def _signal_group(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


async def _is_ready(child: asyncio.subprocess.Process, url: str, stop: asyncio.Event) -> bool:
    """Wait until the page answers; False when the process ends, or is to end, before that."""
    warn_at_s = asyncio.get_running_loop().time() + READY_WITHIN_S
    while child.returncode is None and not stop.is_set():
        if await _is_healthy(url):
            return True
        if asyncio.get_running_loop().time() > warn_at_s:
            logger.warning("web process does not answer on %s yet", url)
            warn_at_s += READY_WITHIN_S
        await _first_of(stop.wait(), child.wait(), asyncio.sleep(HEALTH_CHECK_EVERY_S))
    return False


async def _is_healthy(url: str) -> bool:
    """Return whether Streamlit's health page says ok; every path answers 200, so the status is not enough."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(HEALTH_CHECK_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            with contextlib.closing(writer):
                writer.write(f"GET /_stcore/health HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
                reply = await reader.read(MAX_REPLY_BYTES)
                while not reader.at_eof() and len(reply) < MAX_REPLY_BYTES:
                    reply += await reader.read(MAX_REPLY_BYTES)
    except (OSError, TimeoutError):
        return False
    head, _, body = reply.partition(b"\r\n\r\n")
    return head.split(b" ")[1:2] == [b"200"] and body.strip() == b"ok"


async def _first_of(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
