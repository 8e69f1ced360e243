"""Past the store, for tests alone: a connection of our own to the file that a store has open."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from observatory.store import StoreReader
from observatory.store.engine import make_engine, parse_url, writing


@contextmanager
def connect(store: StoreReader) -> Iterator[Connection]:
    """Open a transaction in which any SQL may be run; what it changed is kept."""
    engine = make_engine(parse_url(f"sqlite:///{store.name}"))
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def hold_write_lock(store: StoreReader) -> Iterator[None]:
    """Keep every other writer waiting, as another process would."""
    engine = make_engine(parse_url(f"sqlite:///{store.name}"))
    try:
        with writing(engine):
            yield
    finally:
        engine.dispose()
