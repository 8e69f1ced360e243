"""Fixtures of the lab's own tests."""

from collections.abc import Iterator

import pytest

from lab.control import LabControl
from tests.lab.client import Customer


@pytest.fixture
def control() -> Iterator[LabControl]:
    """The lab this test runs in, with everything off before and after."""
    lab = LabControl()
    lab.reset()
    yield lab
    lab.reset()


@pytest.fixture
def xl() -> Customer:
    return Customer("xl")
