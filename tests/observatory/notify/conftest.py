"""A harness with an empty store, and somebody who receives alerts."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from observatory.store import Store, open_store
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import AlertHarness


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables: making them anew would be most of each test's time."""
    path = tmp_path_factory.mktemp("empty") / "observatory.sqlite"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def url(empty: Path, tmp_path: Path) -> str:
    shutil.copy(empty, tmp_path / "observatory.sqlite")
    return f"sqlite:///{tmp_path}/observatory.sqlite"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened


@pytest.fixture
def harness(store: Store) -> AlertHarness:
    return AlertHarness(store)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()
