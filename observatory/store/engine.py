"""Connections: how SQLite is opened, and transactions that read or write whole."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError

from observatory.store.errors import StoreError, StoreUnavailable, describe_refusal

BUSY_TIMEOUT_S: Final = 20.0
_WRITES: Final = "observatory_writes"
_WAL_RETRY_S: Final = 0.02


def parse_url(url: str) -> URL:
    """Return a database address that this store can use.

    Errors: StoreUnavailable when it is no address, is in memory, or names another kind of database. Its
            message repeats no part of the address that may hold a password.
    """
    try:
        parsed = make_url(url)
    # A port that is no number is a ValueError.
    except (ArgumentError, ValueError):
        raise StoreUnavailable(
            "database address (--database or OBSERVATORY_DATABASE): expected one such as "
            "sqlite:///var/observatory.sqlite, got something else"
        ) from None
    if parsed.get_backend_name() != "sqlite":
        # The password may stand among the options, too.
        shown = parsed.set(query={}).render_as_string(hide_password=True)
        raise StoreUnavailable(f"{shown}: expected sqlite:///…, the only kind so far")
    if not parsed.database or parsed.database == ":memory:" or parsed.database.startswith("file:"):
        place = (parsed.database or "").partition("?")[0]
        raise StoreUnavailable(
            f"sqlite:///{place}: expected the path of a file, as in sqlite:///var/observatory.sqlite"
        )
    return parsed


def make_engine(url: URL, *, read_only: bool = False, foreign_keys: bool = True) -> Engine:
    """Return an engine whose connections know the rules of this store. Opens nothing yet."""
    address = url
    if read_only:
        # `mode=ro` also keeps a reader from leaving an empty file behind where there was none.
        path = Path(url.database or "").absolute().as_uri()
        address = url.set(database=path, query={"mode": "ro", "uri": "true"})
    engine = create_engine(address, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver's own BEGIN comes late and never asks for the write lock; the listener below does both.
        connection.isolation_level = None
        try:
            for pragma in _pragmas(read_only, foreign_keys):
                connection.execute(pragma)
        except sqlite3.Error:
            connection.close()
            raise

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        # A transaction that reads first and asks to write later can be refused at once, however long it
        # would wait: take the write lock at the start.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _pragmas(read_only: bool, foreign_keys: bool) -> tuple[str, ...]:
    return (
        f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}",
        f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}",
        # FULL: what was acknowledged to an agent survives a power cut, for one fsync a round. NORMAL would
        # lose the last transactions, and the agent has already deleted its copy.
        "PRAGMA synchronous = FULL",
        f"PRAGMA query_only = {'ON' if read_only else 'OFF'}",
    )


def switch_to_wal(engine: Engine) -> None:
    """Let readers and the writer work side by side; kept in the file from then on.

    Errors: StoreError when it cannot be switched.
    """
    end = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            with closing(engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.Error as error:
            # SQLite does not wait for this lock by itself: two processes may open a fresh file at once.
            if "locked" not in str(error) or time.monotonic() > end:
                cause = DBAPIError("PRAGMA journal_mode = WAL", None, error)
                raise StoreError(describe_refusal(cause, engine.url)) from error
        time.sleep(_WAL_RETRY_S)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One moment of the database: every query inside sees the same state.

    Errors: StoreError.
    """
    try:
        with engine.connect() as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        raise StoreError(describe_refusal(error, engine.url)) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the write lock: all of it is kept at the end, or none.

    Errors: StoreError, after everything was rolled back.
    """
    try:
        with engine.execution_options(**{_WRITES: True}).begin() as connection:
            yield connection
    except DBAPIError as error:
        raise StoreError(describe_refusal(error, engine.url)) from error


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that understands ON CONFLICT: the only statement the databases spell differently."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
