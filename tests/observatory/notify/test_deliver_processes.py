"""One process is killed while the receiver reads, several deliver at once, the disk is full."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from observatory.model import AlertKind
from observatory.notify.deliver import CLAIM
from observatory.store import StoreError, open_store
from tests.observatory.notify.receivers import Receiver, Request
from tests.observatory.notify.samples import HOUR, MINUTE, SECRET, AlertHarness, hook, make_event, make_spell

ROOT = Path(__file__).parents[3]


def record_many(harness: AlertHarness, n: int) -> None:
    for number in range(n):
        harness.record(make_event(make_spell(asn=1000 + number), id=f"e{number:03}"), AlertKind.ONSET)


def test_a_process_that_is_killed_while_the_receiver_reads(
    tmp_path: Path, url: str, harness: AlertHarness, receiver: Receiver
) -> None:
    harness.add_channels(hook(receiver.url))
    record_many(harness, 1)
    file = tmp_path / "alerts.yaml"
    file.write_text(
        "site: https://observatory.example\n"
        "channels:\n"
        "  - {name: press, audience: public, settle: 0, webhook: "
        f"{{url: '{receiver.url}', secret: {SECRET}}}}}\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "observatory", "alerts", "deliver"]
    started: list[subprocess.Popen[bytes]] = []

    def kill(_: Request) -> int:
        os.kill(started[0].pid, signal.SIGKILL)
        return 204

    receiver.answer = kill
    with subprocess.Popen([*command, "--file", file, "--database", url], cwd=ROOT) as process:
        started.append(process)
        assert process.wait(30) == -signal.SIGKILL
    assert len(receiver.requests) == 1
    receiver.answer = lambda _: 204
    [(_, claimed)] = harness.store.load_deliveries()
    assert claimed.next_attempt_at is not None
    harness.now = claimed.next_attempt_at
    harness.deliver()
    first, second = (request.headers["webhook-id"] for request in receiver.requests)
    assert first == second
    assert harness.states() == [("delivered", None)]


def test_many_at_once_tell_each_alert_once(url: str, harness: AlertHarness, receiver: Receiver) -> None:
    channel = hook(receiver.url, max_per_hour=1000)
    harness.add_channels(channel)
    record_many(harness, 30)

    def work(_: int) -> int:
        with open_store(url) as store:
            [report] = AlertHarness(store, (channel,), now=harness.now + MINUTE).deliver()
            return report.n_sent

    with ThreadPoolExecutor(4) as pool:
        sent = list(pool.map(work, range(4)))
    assert sum(sent) == 30
    assert len(receiver.requests) == 30
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 30


def test_the_disk_is_full(url: str, harness: AlertHarness, receiver: Receiver) -> None:
    channel = hook(receiver.url, digest=HOUR)
    harness.add_channels(channel)
    record_many(harness, 200)
    with open_store(url) as cramped:
        cramped._engine.dispose()

        @event.listens_for(cramped._engine, "connect")
        def _fill(connection: sqlite3.Connection, _record: Any) -> None:
            (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {n_pages}")

        with pytest.raises(StoreError, match="full: free some space"):
            AlertHarness(cramped, (channel,), now=harness.now).deliver(MINUTE)
    assert receiver.requests == []
    harness.deliver(CLAIM)
    assert receiver.subjects == ["200 notices"]
    assert set(harness.states()) == {("delivered", None)}
