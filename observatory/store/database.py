"""Base classes: one open database."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Self

from sqlalchemy import Connection, Engine

from observatory.store.engine import reading, writing
from observatory.store.errors import StoreLost


class Database:
    """An opened database. Safe to share between threads; every method is one transaction of its own.

    Errors: every method raises StoreError when the database refuses; then nothing was changed.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._name = name

    @property
    def name(self) -> str:
        """How people know this database: the path of its file."""
        return self._name

    def close(self) -> None:
        """Close all connections; the next call would open new ones."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _reading(self) -> AbstractContextManager[Connection]:
        return reading(self._engine)


class WritableDatabase(Database):
    """One that may be written to as well.

    Errors: StoreLost, before and after every transaction, where the file was deleted or replaced since it
            was opened: the kernel would let us write on into what nobody can open again.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        super().__init__(engine, name)
        # From now on it does not matter where the process stands.
        self._path = os.path.abspath(name)
        self._opened = _identity(self._path)

    def check_file(self) -> None:
        """Compare the open file with the one at its path. Errors: StoreLost."""
        found = _identity(self._path)
        if found == self._opened:
            return
        what = "another file" if found else "no file"
        raise StoreLost(
            f"{self._name}: expected the database that was opened, got {what}: it was deleted, moved or "
            "replaced meanwhile; nothing is saved any more. Put it back, or start again with what is there"
        )

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        self.check_file()
        with writing(self._engine) as connection:
            yield connection
        self.check_file()


def _identity(path: str) -> tuple[int, int] | None:
    """Return device and number of a file; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
