"""The process that searches for onsets: started, killed, started again; what was stored waits for it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from observatory.detection import worker
from observatory.model import AlertKind, State, VantagePoint
from observatory.store import Store, StoreLost, open_store
from tests.observatory.detection.test_detector import DAY, hours

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def watching(url: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "observatory.detection.worker"],
        cwd=ROOT,
        env=os.environ | {"OBSERVATORY_DATABASE": url},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


def has_searched(store: Store) -> Callable[[], bool]:
    return lambda: not store.load_dirty_series(1)


def test_it_sees_what_others_store_and_survives_being_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/observatory.sqlite"
    # Recent, so that it is news.
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start, onset = now - 12 * DAY, now - 2 * DAY
    xl = VantagePoint(id="jkt-xl", name="XL", isp="XL Axiata", asn=24203, country="ID", timezone="UTC")
    with open_store(url) as store:
        store.save_vantage_points([xl], at=now)
        store.save_measurements(hours(start, onset, State.OK), received_at=now)
        with watching(url) as process:
            wait_until(has_searched(store))
            assert store.load_events() == () and process.poll() is None
        store.save_measurements(hours(onset, onset + DAY, State.BLOCKED), received_at=now)
        with watching(url):
            # The silence of the vantage point is announced as well.
            wait_until(lambda: bool(store.load_alerts(kinds=[AlertKind.ONSET])))
        (alert,) = store.load_alerts(kinds=[AlertKind.ONSET])
        (revision,) = store.load_events()
        assert alert.event == revision.event.id and revision.event.networks == {24203: "XL Axiata"}
        with watching(url):
            store.save_measurements(hours(onset + DAY, now, State.OK), received_at=now)
            wait_until(lambda: store.load_events()[0].event.end is not None)
        assert [a.kind for a in store.load_alerts(of_events=[revision.event.id])] == ["onset", "end"]


def test_where_no_database_is_none_is_made(tmp_path: Path) -> None:
    """It may have been deleted under a service that runs; an empty one would hide that."""
    with watching(f"sqlite:///{tmp_path}/new.sqlite") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "no database yet" in errors
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_is_replaced_ends_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/observatory.sqlite"
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with open_store(url) as store, watching(url) as process:
        store.save_measurements(hours(now - DAY, now, State.OK), received_at=now)
        wait_until(has_searched(store))
        (tmp_path / "observatory.sqlite").unlink()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "got no file" in errors
    assert not (tmp_path / "observatory.sqlite").exists()


def test_it_reviews_at_its_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Started again more often than once a minute, it would otherwise never say that something has ended."""
    reviews: list[bool] = []

    class OnePass:
        def __init__(self, store: Store) -> None: ...

        def run(self, now: datetime, *, review: bool) -> None:
            reviews.append(review)
            raise StoreLost

    monkeypatch.setattr(worker, "Detector", OnePass)
    monkeypatch.setattr(worker, "_deliver", lambda store, has_news: None)
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as store, pytest.raises(StoreLost):
        worker.watch(store)
    assert reviews == [True]


def test_a_database_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").write_text("remember the milk\n" * 100)
    with watching(f"sqlite:///{tmp_path}/notes.sqlite") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "not a SQLite file" in errors
