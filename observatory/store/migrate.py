"""Bring a database to the tables of this version, once, by the first process to open it."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from observatory.store.engine import make_engine, reading, switch_to_wal, writing
from observatory.store.errors import StoreUnavailable, name_database

_SCRIPTS: Final = "observatory.store:migrations"
# All that there are, in order. Alembic knows them too, but it is loaded only where there is something to
# migrate: it would take a tenth of the memory of a process that probes.
REVISIONS: Final = ("0001", "0002", "0003", "0004")
_VERSION_TABLE: Final = "alembic_version"


def migrate(engine: Engine) -> None:
    """Create or upgrade the tables in one transaction; nothing happens when they are up to date.

    Errors: StoreUnavailable when a newer version wrote the file or it belongs to something else;
            StoreError when it cannot be written.
    """
    switch_to_wal(engine)
    with reading(engine) as connection:
        if _is_current(connection):
            return
    # SQLite changes a table by copying it; dropping the old one would take along all that refers to it.
    unchained = make_engine(engine.url, foreign_keys=False)
    try:
        with writing(unchained) as connection:
            # Whoever waited for the lock finds the work done.
            if not _is_current(connection):
                upgrade(connection, REVISIONS[-1])
                _check_references(connection)
    finally:
        unchained.dispose()


def upgrade(connection: Connection, revision: str) -> None:
    """Run the migrations up to a revision, inside the transaction of the connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise RuntimeError(f"migration: expected every reference to hold, found {len(broken)} broken")


def check_version(engine: Engine) -> None:
    """Make sure that a database can be read as it is.

    Errors: StoreUnavailable with what to do when it is empty, older or newer.
    """
    with reading(engine) as connection:
        if not _is_current(connection):
            found = _found(connection, inspect(connection).get_table_names()) or "none"
            raise StoreUnavailable(
                f"{name_database(engine.url)}: expected tables of version {REVISIONS[-1]}, "
                f"found {found}; start probing (`observatory up` or `make run`) to create or upgrade them"
            )


def _is_current(connection: Connection) -> bool:
    tables = inspect(connection).get_table_names()
    found = _found(connection, tables)
    if found is None:
        strangers = [name for name in tables if name != _VERSION_TABLE]
        if strangers:
            raise StoreUnavailable(
                f"{name_database(connection.engine.url)}: expected a database of the observatory, "
                f"found one with the table {strangers[0]!r}; name another file with --database "
                "or in OBSERVATORY_DATABASE"
            )
        return False
    if found not in REVISIONS:
        raise StoreUnavailable(
            f"{name_database(connection.engine.url)}: its tables are of version {found}, newer "
            f"than this software knows ({REVISIONS[-1]}); upgrade the software, or name another file "
            "with --database or in OBSERVATORY_DATABASE"
        )
    return found == REVISIONS[-1]


def _found(connection: Connection, tables: Sequence[str]) -> str | None:
    if _VERSION_TABLE not in tables:
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar()
    return found
