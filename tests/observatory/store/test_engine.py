"""Connections as the store really opens them: what they promise."""

from pathlib import Path

from observatory.store import Store, open_reader, open_store

FULL = 2


def test_what_was_acknowledged_survives_a_power_cut(url: str, store: Store) -> None:
    """An agent deletes its copy once a batch is acknowledged; NORMAL would lose the last transactions."""
    with store._writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    # On every connection, not on the first alone: the setting is not kept in the file.
    store.close()
    with store._writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == FULL


def test_readers_are_told_to_refuse_and_writers_watch_references(url: str, store: Store) -> None:
    with open_reader(url) as reader, reader._reading() as connection:
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1
    with store._writing() as connection:
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 0
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_name_is_the_path_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "my data.sqlite"
    with open_store(f"sqlite:///{path}") as store:
        assert store.name == str(path)
    with open_reader(f"sqlite:///{path}") as reader:
        assert reader.name == str(path)
