"""Fixtures of the tests against software of others."""

from collections.abc import Iterator

import pytest

from lab.control import LabControl
from observatory.model import Config
from tests.independent.servers import Servers


@pytest.fixture(scope="module")
def servers(lab: LabControl, config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Foreign programs of this test file, all ended when its last test is over; the lab itself is honest."""
    running = Servers(tmp_path_factory.mktemp("servers"), config)
    try:
        yield running
    finally:
        running.end()
