"""Probers that are not well: a wrong clock, a machine that is too busy. Neither may call anything blocked."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lab.control import LabControl
from observatory.model import Config, State
from observatory.vantage.once import measure_now, select_targets, select_vantage_points
from tests.in_lab import CONFIG

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BLOCKING = (State.BLOCKED, State.LIKELY_BLOCKED)


@pytest.fixture(autouse=True)
def _nothing_on(lab: LabControl) -> Iterator[None]:
    lab.reset()
    yield
    lab.reset()


@pytest.mark.parametrize("clock", ["+400 days", "-400 days"])
def test_a_prober_whose_clock_is_wrong_claims_nothing(clock: str) -> None:
    """Every certificate seems to have run out, or not to have begun: the canary's too."""
    faketime = shutil.which("faketime")
    assert faketime, "expected the command faketime; `make test` installs it"
    command = [sys.executable, "-m", "observatory", "measure", "--json", "--config", str(CONFIG)]
    done = subprocess.run(
        [faketime, "-f", clock.replace(" days", "d"), *command, "-v", "xl", "-t", "t.me", "-t", "dc2"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    host, centre = (json.loads(line) for line in done.stdout.splitlines())
    errors = [e for o in host["observations"] for e in o.get("certificate_errors", ())]
    assert errors, "the clock was not wrong"
    assert host["state"] == State.INSUFFICIENT, host
    assert centre["state"] not in BLOCKING, centre


async def _hog(stop: asyncio.Event) -> None:
    """Take the loop away from everybody else for over a second at a time."""
    while not stop.is_set():
        time.sleep(1.3)  # noqa: ASYNC251  (that it blocks is the point)
        await asyncio.sleep(0.01)


def test_a_prober_that_is_too_busy_claims_nothing(config: Config) -> None:
    async def measure() -> list[tuple[str, State]]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(_hog(stop))
            results, _ = await measure_now(
                config, select_vantage_points(config, ["xl"]), select_targets(["t.me", "telegram.org", "dc2"])
            )
            stop.set()
        assert all(r.measurement.lag_s > 1 for r in results)
        return [(r.measurement.target, r.verdict.state) for r in results]

    outcomes = asyncio.run(measure())
    assert [o for o in outcomes if o[1] in BLOCKING] == []
