"""Bring a database to the tables of this version, once, whoever opens it first."""

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from observatory.store.engine import make_engine, reading, switch_to_wal, writing
from observatory.store.errors import StoreUnavailable, name_database

_SCRIPTS: Final = "observatory.store:migrations"


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
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                _check_references(connection)
    finally:
        unchained.dispose()


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
            raise StoreUnavailable(
                f"{name_database(engine.url)}: expected tables of version {_head()}, "
                f"found {_found(connection)}; start probing (`make run`) to create or upgrade them"
            )


def _is_current(connection: Connection) -> bool:
    found = MigrationContext.configure(connection).get_current_revision()
    if found is None:
        strangers = inspect(connection).get_table_names()
        if strangers and strangers != ["alembic_version"]:
            raise StoreUnavailable(
                f"{name_database(connection.engine.url)}: expected a database of the observatory, "
                f"found one with the table {strangers[0]!r}; name another file in OBSERVATORY_DATABASE"
            )
        return False
    if found not in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}:
        raise StoreUnavailable(
            f"{name_database(connection.engine.url)}: its tables are of version {found}, newer "
            f"than this software knows ({_head()}); upgrade the software, or name another file "
            "in OBSERVATORY_DATABASE"
        )
    return found == _head()


def _found(connection: Connection) -> str:
    return MigrationContext.configure(connection).get_current_revision() or "none"


def _head() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or "none"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.set_main_option("path_separator", "os")
    return config
