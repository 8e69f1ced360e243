"""A fresh database file for each test, closed at its end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from observatory.store import Store, open_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/observatory.sqlite"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with open_store(url) as opened:
        yield opened
