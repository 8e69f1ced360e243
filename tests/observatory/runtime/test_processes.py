"""The web process: started, started again, moved to a free port, and never left behind."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from observatory.runtime.processes import (
    WebError,
    WebServer,
    choose_port,
    open_address,
    run_web,
    streamlit_command,
)

# Answers Streamlit's health page and writes down its environment; with a file `die` it dies once first,
# with a file `warming` its health page is once the page that Streamlit gives for every path.
SERVER = """
import http.server, os, pathlib, sys
die = pathlib.Path("die")
if die.exists():
    die.unlink()
    sys.exit(3)
pathlib.Path("started").write_text(f"{os.getpid()} {os.environ['OBSERVATORY_DATABASE']}")

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        warming = pathlib.Path("warming")
        if self.path == "/_stcore/health" and not warming.exists():
            pathlib.Path("healthy").touch()
            self.wfile.write(b"ok")
        else:
            warming.unlink(missing_ok=True)
            self.wfile.write(b"<html>")
    def log_message(self, *arguments): pass

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def server_command(web: WebServer, port: int) -> Sequence[str]:
    return [sys.executable, "-c", SERVER, str(port)]


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebServer:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dashboard.py").touch()
    return WebServer(script=tmp_path / "dashboard.py", database="sqlite:///o.sqlite", port=find_free_port())


def find_free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def taken(port: int) -> Iterator[None]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))
        sock.listen()
        yield


async def serve(web: WebServer, until: Callable[[list[str]], bool]) -> list[str]:
    """Run until the list of announced addresses satisfies a condition; return the list."""
    addresses: list[str] = []
    stop = asyncio.Event()

    def on_ready(url: str) -> None:
        addresses.append(url)
        if until(addresses):
            stop.set()

    async with asyncio.timeout(30):
        await run_web(web, stop, on_ready=on_ready, command=server_command, first_pause_s=0.01)
    return addresses


def started_pid(web: WebServer) -> int:
    return int((web.script.parent / "started").read_text().split()[0])


async def test_address_is_announced_once_it_answers_and_the_process_ends_with_stop(web: WebServer) -> None:
    assert await serve(web, lambda addresses: True) == [f"http://127.0.0.1:{web.port}"]
    assert (web.script.parent / "started").read_text().endswith(" sqlite:///o.sqlite")
    assert not psutil.pid_exists(started_pid(web))


async def test_answer_that_is_only_a_page_is_not_ready(web: WebServer) -> None:
    (web.script.parent / "warming").touch()
    await serve(web, lambda addresses: True)
    assert (web.script.parent / "healthy").exists()


async def test_process_that_dies_is_started_again(web: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    (web.script.parent / "die").touch()
    await serve(web, lambda addresses: True)
    assert "web process ended with 3; starting it again in 0.01 s" in caplog.text


async def test_next_free_port_is_taken(web: WebServer) -> None:
    with taken(web.port):
        [url] = await serve(web, lambda addresses: True)
    assert url != f"http://127.0.0.1:{web.port}"


async def test_missing_script_is_said(tmp_path: Path) -> None:
    web = WebServer(script=tmp_path / "dashboard.py", database="x")
    with pytest.raises(WebError, match="expected the dashboard's script, got no file"):
        await run_web(web, asyncio.Event(), on_ready=lambda url: None)


def test_address_of_another_machine_is_said() -> None:
    with pytest.raises(WebError, match=r"expected one of this machine, got 192\.0\.2\.1"):
        choose_port("192.0.2.1", 8501)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("::1", "http://[::1]:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("10.0.0.7", "http://10.0.0.7:1"),
    ],
)
def test_address_to_open(address: str, url: str) -> None:
    assert open_address(address, 1) == url


def test_streamlit_is_configured_to_keep_to_itself(web: WebServer) -> None:
    command = streamlit_command(web, 8502)
    assert command[1:4] == ["-m", "streamlit", "run"]
    assert {
        "--browser.gatherUsageStats=false",
        "--browser.serverAddress=127.0.0.1",
        "--server.address=127.0.0.1",
        "--server.enableXsrfProtection=true",
        "--server.headless=true",
        "--server.port=8502",
    } <= set(command)


PARENT = """
import asyncio, sys
from pathlib import Path
from observatory.runtime.processes import WebServer, run_web
from tests_server import server_command

web = WebServer(script=Path(sys.argv[1]), database="x", port=int(sys.argv[2]))
tell = lambda url: print(url, flush=True)
asyncio.run(run_web(web, asyncio.Event(), on_ready=tell, command=server_command))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_killed_parent_leaves_nothing_behind(web: WebServer, tmp_path: Path) -> None:
    (tmp_path / "tests_server.py").write_text(
        f"import sys\nSERVER = {SERVER!r}\n"
        "def server_command(web, port): return [sys.executable, '-c', SERVER, str(port)]\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(web.script), str(web.port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == f"http://127.0.0.1:{web.port}\n"
        child = psutil.Process(started_pid(web))
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        child.wait(timeout=20)
    assert not child.is_running()
