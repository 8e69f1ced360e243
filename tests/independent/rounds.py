"""Real rounds from vantage points that stand behind, or use, software of others."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from observatory.model import Config, Role, State, VantagePoint, Via
from observatory.vantage.once import measure_now, select_targets
from tests.in_lab import Results

Outcome = tuple[State, str | None]
FINE: Outcome = (State.OK, None)


def vantage_point(
    config: Config, network: str, name: str, *, resolver: str | None = None, via: Via | None = None
) -> VantagePoint:
    """Return a vantage point of its own at one of the lab's networks, with another resolver or way out."""
    (there,) = (v for v in config.vantage_points if v.id == network)
    return replace(there, id=name, name=name, resolver=resolver or there.resolver, via=via or there.via)


def measure(config: Config, vantage_points: Sequence[VantagePoint], targets: Sequence[str]) -> Results:
    """Measure one round from all of them at the same time, with the lab's control; by (vantage, target)."""
    controls = tuple(v for v in config.vantage_points if v.role is Role.CONTROL)
    whole = replace(config, vantage_points=(*vantage_points, *controls))
    results, errors = asyncio.run(measure_now(whole, vantage_points, select_targets(targets)))
    assert not errors
    return {(r.vantage.id, r.measurement.target): r for r in results}


def verdicts(results: Results, vantage: str) -> dict[str, Outcome]:
    """Return state and mechanism by target."""
    return {
        target: (r.verdict.state, r.verdict.mechanism)
        for (where, target), r in results.items()
        if where == vantage
    }
