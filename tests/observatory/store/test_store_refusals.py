"""The disk is full, somebody holds the lock, writing is not allowed: nothing is half-written."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy import event

from observatory.store import Store, StoreError, StoreReader, engine, open_reader, open_store
from observatory.store.database import WritableDatabase
from tests.observatory.store.backdoor import hold_write_lock
from tests.observatory.store.samples import AT, DAY, make_measurement, make_observations, make_verdict


def _batch(name: str, n: int = 3) -> list[Any]:
    pages = [f"{name}{i}".encode() for i in range(n)]
    return [
        (make_measurement(page.decode(), observations=make_observations(body=page)), make_verdict())
        for page in pages
    ]


def _assert_untouched(store: Store) -> None:
    assert sorted(m.id for m in store.load_measurements()) == ["kept0", "kept1", "kept2"]
    assert store.load_coverage().n_measurements == 3
    assert store.recompute_cells(AT - DAY, AT + DAY) == 0


def test_the_disk_is_full(url: str, store: Store) -> None:
    store.save_measurements(_batch("kept"), received_at=AT)
    with open_store(url) as cramped:
        # Every connection from now on sees a disk with no page left.
        cramped._engine.dispose()

        @event.listens_for(cramped._engine, "connect")
        def _fill(connection: sqlite3.Connection, _record: Any) -> None:
            (n_pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {n_pages}")

        with pytest.raises(StoreError, match=r"full: free some space"):
            cramped.save_measurements(_batch("lost", 200), received_at=AT)
        _assert_untouched(store)
    assert store.save_measurements(_batch("lost", 200), received_at=AT) == 200


def test_another_process_holds_the_lock(url: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save_measurements(_batch("kept"), received_at=AT)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0.05)
    with open_store(url) as hasty, hold_write_lock(store):
        with pytest.raises(StoreError, match=r"locked.*try again"):
            hasty.save_measurements(_batch("lost"), received_at=AT)
        with pytest.raises(StoreError, match="locked"):
            hasty.replace_verdicts({"kept0": make_verdict()})
    _assert_untouched(store)


def test_a_reader_has_no_method_that_writes() -> None:
    writers = [kind for kind in Store.__mro__ if issubclass(kind, WritableDatabase)]
    methods = {name for kind in writers for name in vars(kind) if not name.startswith("__")}
    assert {"_writing", "save_measurements", "save_result", "delete_raw_before"} <= methods
    assert [name for name in methods if hasattr(StoreReader, name)] == []


def test_nobody_is_handed_the_engine_or_an_address(store: Store) -> None:
    shown = {name: getattr(store, name) for name in dir(store) if not name.startswith("_")}
    assert [name for name, value in shown.items() if not callable(value)] == ["name"]
    assert isinstance(store.name, str) and "://" not in store.name


def test_the_connections_of_a_reader_refuse_to_write(url: str, store: Store) -> None:
    store.save_measurements(_batch("kept"), received_at=AT)
    with open_reader(url) as reader:
        written = Store(reader._engine, reader.name)
        with pytest.raises(StoreError, match=r"^/.*observatory\.sqlite: .*may only be read"):
            written.save_measurements(_batch("lost"), received_at=AT)
        with pytest.raises(StoreError, match=r"may only be read"):
            written.delete_raw_before(AT + DAY)
        assert len(reader.load_latest()) == 1
    _assert_untouched(store)


def test_a_failure_in_the_middle_takes_back_everything(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save_measurements(_batch("kept"), received_at=AT)

    def fail(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("observatory.store.measurements.mark_seen", fail)
    with pytest.raises(RuntimeError):
        store.save_measurements(_batch("lost"), received_at=AT)
    _assert_untouched(store)
