"""Base classes: one open database."""

from contextlib import AbstractContextManager
from typing import Self

from sqlalchemy import Connection, Engine

from observatory.store.engine import reading, writing


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
    """One that may be written to as well."""

    def _writing(self) -> AbstractContextManager[Connection]:
        return writing(self._engine)
