"""Across the emulated Internet: real packets, real censors."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control import LabControl
from observatory.adhoc import Result, measure_now, select_targets, select_vantage_points
from observatory.config import load_config
from observatory.model import Config

CONFIG = Path(__file__).parents[2] / "lab" / "vantage_points.yaml"
Results = dict[tuple[str, str], Result]


@pytest.fixture(scope="session")
def config() -> Config:
    return load_config(CONFIG)


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[LabControl]:
    control = LabControl()
    control.reset()
    yield control
    control.reset()


def measure(config: Config, vantage_points: list[str], targets: list[str]) -> Results:
    """Measure one round, with the control vantage; results by (vantage, target)."""
    results, errors = asyncio.run(
        measure_now(config, select_vantage_points(config, vantage_points), select_targets(targets))
    )
    assert not errors
    return {(r.vantage.id, r.measurement.target): r for r in results}
