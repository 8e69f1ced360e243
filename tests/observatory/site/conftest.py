"""Real database files; the pages find them the way the dashboard does, by OBSERVATORY_DATABASE."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from observatory.store import Store, open_store
from tests.observatory.site.in_browser import (
    base_url,
    browser_type_launch_args,
    missing_url,
    open_page,
    seeded_url,
)

__all__ = ["base_url", "browser_type_launch_args", "missing_url", "open_page", "seeded_url"]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "observatory.sqlite"
    monkeypatch.setenv("OBSERVATORY_DATABASE", f"sqlite:///{path}")
    yield path
    st.cache_resource.clear()


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{database}") as opened:
        yield opened
