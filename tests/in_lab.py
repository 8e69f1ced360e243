"""Rounds across the emulated internet, for tests: real packets, real censors. Fixtures are in conftest.py."""

import asyncio
from pathlib import Path

from observatory.config.vantage_points import load_config
from observatory.model import Config
from observatory.vantage.once import JudgedMeasurement, measure_now, select_targets, select_vantage_points

CONFIG = Path(__file__).parents[1] / "lab" / "vantage_points.yaml"
Results = dict[tuple[str, str], JudgedMeasurement]


def load_lab_config() -> Config:
    return load_config(CONFIG)


def measure(config: Config, vantage_points: list[str], targets: list[str]) -> Results:
    """Measure one round, with the control vantage; results by (vantage, target)."""
    results, errors = asyncio.run(
        measure_now(config, select_vantage_points(config, vantage_points), select_targets(targets))
    )
    assert not errors
    return {(r.vantage.id, r.measurement.target): r for r in results}
