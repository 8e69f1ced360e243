"""The probing service on a schedule, with real packets: started, watched, stopped, killed, started twice."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control import LabControl
from observatory.runtime.lock import hold_lock
from observatory.store import StoreUnavailable, open_reader
from tests.in_lab import CONFIG

pytestmark = [pytest.mark.lab, pytest.mark.slow]

TWO_VANTAGE_POINTS = ("xl", "control-sg")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/observatory.sqlite"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """The lab's file with all but two vantage points disabled, every 30 s."""
    blocks = CONFIG.read_text(encoding="utf-8").split("\n  - id: ")
    kept = [blocks[0]] + [b for b in blocks[1:] if b.splitlines()[0].strip() in TWO_VANTAGE_POINTS]
    path = tmp_path / "vantage_points.yaml"
    path.write_text("\n  - id: ".join(kept).replace("every: 60s", "every: 30s"), encoding="utf-8")
    return path


@contextlib.contextmanager
def service(config_file: Path, database: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "observatory", "up", "--no-web", "--config", str(config_file)],
        env=os.environ | {"OBSERVATORY_DATABASE": database},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_measurements(database: str, vantages: int, seconds: float = 60) -> None:
    """Poll the database as a reader beside the writer until every vantage point was seen."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(StoreUnavailable), open_reader(database) as store:
            if len({row.vantage for row in store.load_latest()}) >= vantages:
                return
        time.sleep(0.2)
    raise AssertionError(f"no measurements of {vantages} vantage points within {seconds} s")


def test_it_measures_and_stops_clean(lab: LabControl, config_file: Path, database: str) -> None:
    lab.reset()
    lab.switch("xl", "sni_reset", True, hosts=["t.me"])
    with service(config_file, database) as process:
        wait_for_measurements(database, 2)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    lab.reset()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    with open_reader(database) as store:
        latest = {(row.vantage, row.target): row for row in store.load_latest()}
        status = {row.id: row for row in store.load_vantage_status()}
        coverage = store.load_coverage()
    assert latest["xl", "t.me"].mechanism == "tls.reset.sni"
    assert latest["xl", "telegram.org"].state == "ok"
    assert all(row.emulated for row in latest.values())
    assert status["xl"].last_error is None
    assert coverage.n_measurements % 17 == 0, "a half-written round"


def test_a_second_scheduler_is_told_who_holds_the_database(
    lab: LabControl, config_file: Path, database: str
) -> None:
    with service(config_file, database) as first:
        wait_for_measurements(database, 1)
        with service(config_file, database) as second:
            _, errors = second.communicate(timeout=30)
    assert second.returncode == 1
    assert f"process {first.pid}" in errors


def test_a_refused_one_leaves_nothing_behind(config_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "held" / "observatory.sqlite"
    with hold_lock(path), service(config_file, f"sqlite:///{path}") as refused:
        _, errors = refused.communicate(timeout=30)
    assert refused.returncode == 1
    assert f"process {os.getpid()}" in errors
    assert not path.exists()


def test_a_database_that_is_deleted_ends_it_with_the_truth(
    lab: LabControl, config_file: Path, database: str
) -> None:
    path = Path(database.removeprefix("sqlite:///"))
    with service(config_file, database) as process:
        wait_for_measurements(database, 2)
        path.unlink()
        _, errors = process.communicate(timeout=90)
    assert process.returncode == 1
    assert f"{path}: expected the database that was opened, got no file" in errors
    assert "what was measured is saved" not in errors
    assert not path.exists()


def test_a_killed_one_leaves_whole_rounds_and_no_lock(
    lab: LabControl, config_file: Path, database: str
) -> None:
    with service(config_file, database) as process:
        wait_for_measurements(database, 1)
        process.kill()
    with service(config_file, database) as again:
        wait_for_measurements(database, 2)
        again.send_signal(signal.SIGTERM)
        _, errors = again.communicate(timeout=30)
    assert again.returncode == 0, errors
    with open_reader(database) as store:
        assert store.load_coverage().n_measurements % 17 == 0


def test_status_shows_what_was_measured(lab: LabControl, config_file: Path, database: str) -> None:
    with service(config_file, database) as process:
        wait_for_measurements(database, 2)
        command = [sys.executable, "-m", "observatory", "status", "--database", database]
        as_json = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
        table = subprocess.run(command, capture_output=True, text=True, check=True)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    report = json.loads(as_json.stdout)
    assert {row["id"] for row in report["vantage_points"]} == set(TWO_VANTAGE_POINTS)
    assert all(row["next_run_at"] for row in report["vantage_points"])
    assert "XL" in table.stdout


def test_mistakes_at_the_start_are_all_reported_and_nothing_starts(config_file: Path, database: str) -> None:
    text = config_file.read_text(encoding="utf-8")
    config_file.write_text(text.replace("asn: 24203", "asn: XL").replace("every: 30s", "every: 0"), "utf-8")
    with service(config_file, database) as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "xl.asn: expected" in errors and "xl.every: expected" in errors
