"""What every test shares."""

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from lab.control import LabControl
from observatory.model import Config

# An operator's own lists of block pages must not decide what a test sees.
os.environ["OBSERVATORY_REFERENCE"] = os.path.join(tempfile.gettempdir(), "no-such-reference-folder")

# No test fails for being slow: beside others on two cores, each of them is at times.
settings.register_profile("observatory", deadline=None)
settings.load_profile("observatory")

NEEDS_LAB = (
    "this test crosses the emulated internet: run `make test`, or `.venv/bin/python -m lab -- "
    ".venv/bin/python -m pytest …`"
)


@pytest.fixture(autouse=True)
def _lab_is_up(request: pytest.FixtureRequest) -> None:
    """A crossing test outside the lab fails loudly; it never skips."""
    if request.node.get_closest_marker("lab") and "LAB_CONTROL" not in os.environ:
        pytest.fail(NEEDS_LAB, pytrace=False)


@pytest.fixture(autouse=True, scope="session")
def _priority() -> "Priority":
    return Priority()


@pytest.fixture(autouse=True)
def _makes_way(request: pytest.FixtureRequest, _priority: "Priority") -> None:
    """Probes in another worker must not wait for a processor that only computes: they would be overloaded."""
    if not request.node.get_closest_marker("lab"):
        _priority.lower()


class Priority:
    """Of this worker process: lowered once, when its last crossing test is over."""

    def __init__(self) -> None:
        self._is_low = "PYTEST_XDIST_WORKER" not in os.environ

    def lower(self) -> None:
        if not self._is_low:
            self._is_low = True
            os.nice(10)


@pytest.fixture(scope="session")
def config() -> Config:
    """The vantage points of the emulated internet."""
    from tests.in_lab import load_lab_config

    return load_lab_config()


@pytest.fixture(scope="module")
def lab() -> Iterator[LabControl]:
    """The emulated internet this test runs in, with every censor off before and after."""
    control = LabControl()
    control.reset()
    yield control
    control.reset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests come last: Playwright's own event loop runs on until the session ends, and no other
    loop can be started meanwhile. Tests that wait for silences come first, so that no worker ends with one.
    """
    items.sort(key=lambda item: (_is(item, "browser"), not _is(item, "lab")))


def _is(item: pytest.Item, marker: str) -> bool:
    return item.get_closest_marker(marker) is not None
