"""A good file of vantage points; and the alerts that the tests of `observatory.notify` have."""

from pathlib import Path

import pytest

from tests.observatory.cli.invoke import GOOD
from tests.observatory.notify.conftest import empty, harness, receiver, store, url

__all__ = ["empty", "harness", "receiver", "store", "url"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "vantage_points.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path
