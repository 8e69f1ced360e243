"""Opening the database for a command: what goes wrong with it is one line and exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from observatory.cli.output import fail
from observatory.store import Store, StoreError, StoreReader, open_reader, open_store


@contextmanager
def open_to_read(database: str | None) -> Iterator[StoreReader]:
    """Open a database that is there already; looking for one must not create it."""
    try:
        with open_reader(database) as store:
            yield store
    except StoreError as error:
        raise fail(str(error)) from error


@contextmanager
def open_to_write(database: str | None, *, create: bool = False) -> Iterator[Store]:
    """Open a database to write to; without `create` it must be there already."""
    try:
        if not create:
            open_reader(database).close()
        with open_store(database) as store:
            yield store
    except StoreError as error:
        raise fail(str(error)) from error
