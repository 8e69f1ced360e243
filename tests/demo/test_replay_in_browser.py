"""The dashboard beside a running replay: real probes fill the database while a browser reads it."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import expect

from observatory.model import Grain, State
from observatory.store import open_reader
from tests.observatory.site.in_browser import OpenPage, serve
from tests.observatory.site.test_dashboard_in_browser import PATHS, assert_no_error_box

pytestmark = [pytest.mark.browser, pytest.mark.lab, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Running:
    """A replay of five rounds over the 29 days, in progress."""

    url: str
    database: str
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    path: Path = tmp_path_factory.mktemp("demo") / "demo.sqlite"
    database = f"sqlite:///{path}"
    command = [sys.executable, "-m", "demo.replay", "--coarse", "--days-apart", "6.5"]
    process = subprocess.Popen([*command, "--database", database])
    with contextlib.contextmanager(serve)(path) as url:
        try:
            yield Running(url, database, process)
        finally:
            process.terminate()
            process.wait(60)


def test_each_page_opens_while_the_replay_runs_and_when_it_is_over(
    demo: Running, open_page: OpenPage
) -> None:
    for path in PATHS:
        assert_no_error_box(open_page(f"{demo.url}/{path}?lang=en"))
    assert demo.process.wait(120) == 0
    for path in PATHS:
        page = open_page(f"{demo.url}/{path}?lang=en")
        assert_no_error_box(page)
        expect(page.get_by_test_id("stAlertContentWarning")).to_contain_text("Emulated")


def test_only_scripted_networks_were_seen_blocked(demo: Running) -> None:
    assert demo.process.wait(120) == 0
    with open_reader(demo.database) as store:
        coverage = store.load_coverage()
        assert coverage.first_at and coverage.last_at and coverage.emulated and not coverage.real
        cells = store.load_cells(Grain.DAY, coverage.first_at.replace(hour=0), coverage.last_at)
    blocked = {cell.vantage for cell in cells if cell.state in (State.BLOCKED, State.LIKELY_BLOCKED)}
    assert blocked == {"indosat", "telkomsel", "indihome", "xl", "firstmedia", "tri"}
