"""The site in a browser: `streamlit run server.py` over a seeded database; nobody else may be talked to."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request

from observatory.store import open_store
from tests.observatory.site.world import fill_replay

ROOT = Path(__file__).parents[3]
# Two cores shared with other tests: generous, for only a failure waits that long.
PATIENCE_MS = 90_000
# Streamlit itself asks below every page's path before it asks at the root.
_STREAMLIT_ASKS = ("/_stcore/health", "/_stcore/host-config")
_IDLE = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning'
    && app.dataset.testConnectionState === 'CONNECTED'
    && !document.querySelector('[data-stale=true], [data-testid=stSkeleton], [data-testid=stSpinner]');
}"""
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    quiet = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --disable-dev-shm-usage"
    )
    return {**browser_type_launch_args, "executable_path": "/usr/bin/chromium", "args": quiet.split()}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Stand in for pytest-base-url's own, whose form pytest 9 warns about; addresses here are whole."""


def serve(database: Path) -> Iterator[str]:
    """Run the site on a port that the system chose; give its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "server.py", "--server.port", "0"],
        cwd=ROOT,
        env={**os.environ, "OBSERVATORY_DATABASE": f"sqlite:///{database}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: Queue[str] = Queue()
    reader = Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    try:
        yield _address(lines)
    finally:
        process.terminate()
        process.wait(30)
        reader.join(30)
        if process.stdout:
            process.stdout.close()


def _read(process: subprocess.Popen[str], lines: "Queue[str]") -> None:
    for line in process.stdout or ():
        lines.put(line)


def _address(lines: "Queue[str]") -> str:
    seen = ""
    while not (found := re.search(r"URL: http://[^:\s]+:(\d+)", seen)):
        try:
            seen += lines.get(timeout=PATIENCE_MS / 1000)
        except Empty:
            pytest.fail(f"streamlit did not start; it said:\n{seen}")
    return f"http://127.0.0.1:{found[1]}"


@pytest.fixture(scope="session")
def seeded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    database = tmp_path_factory.mktemp("seeded") / "observatory.sqlite"
    with open_store(f"sqlite:///{database}") as store:
        fill_replay(store, days=14)
    yield from serve(database)


@pytest.fixture(scope="session")
def missing_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from serve(tmp_path_factory.mktemp("missing") / "observatory.sqlite")


@pytest.fixture
def open_page(page: Page) -> Iterator[OpenPage]:
    """Give a function that opens an address and waits until the page is drawn.

    Afterwards nothing may have gone wrong in the browser, and nothing may have left this machine.
    """
    outside: list[str] = []
    wrong: list[str] = []
    page.set_default_timeout(PATIENCE_MS)
    page.on("request", lambda request: _note_outside(request, outside))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: _note_error(message, wrong))

    def open_(address: str) -> Page:
        page.goto(address)
        # The finding, or what is missing: then the rest of the page.
        page.wait_for_selector("[data-testid=stMain] h1, .st-key-missing")
        wait_until_idle(page)
        return page

    yield open_
    assert outside == []
    assert wrong == []


def wait_until_idle(page: Page) -> None:
    page.wait_for_function(_IDLE, timeout=PATIENCE_MS)


def _note_outside(request: Request, outside: list[str]) -> None:
    if not re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", request.url):
        outside.append(request.url)


def _note_error(message: ConsoleMessage, wrong: list[str]) -> None:
    where = str(message.location.get("url", ""))
    if message.type == "error" and not where.endswith(_STREAMLIT_ASKS):
        wrong.append(f"{message.text} ({where})")
