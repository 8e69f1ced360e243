"""Measuring now, without database or service: rounds of some vantage points, judged with their controls."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import Config, Role, VantagePoint, Verdict
from observatory.reference import APP, WEB, load_reference, load_targets
from observatory.vantage.rounds import VantageError, measure_vantage
from probes.records import Measurement, Target, TargetKind

# Rounds that start together compete for the processor just while they time their first packets.
STAGGER_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedMeasurement:
    """A measurement with the control host of its round and what both mean."""

    vantage: VantagePoint
    measurement: Measurement
    canary: Measurement
    verdict: Verdict


class UnknownName(Exception):
    """A vantage point or target that is not there; the message lists those that are."""


def select_targets(names: Sequence[str]) -> tuple[Target, ...]:
    """Return the named targets; none named means all, `web` the hosts, `telegram-app` the data centres."""
    targets = load_targets()
    if not names:
        return targets
    groups = {
        WEB: {t.name for t in targets if t.kind is TargetKind.HOST},
        APP: {t.name for t in targets if t.kind is TargetKind.DATA_CENTRE},
    }
    known = {t.name for t in targets}
    wanted: set[str] = set()
    for name in names:
        if name not in known and name not in groups:
            raise UnknownName(
                f"target: expected one of {', '.join(t.name for t in targets)}, {WEB}, {APP}; got {name!r}"
            )
        wanted |= groups.get(name, {name})
    return tuple(t for t in targets if t.name in wanted)


def select_vantage_points(config: Config, names: Sequence[str]) -> tuple[VantagePoint, ...]:
    """Return the named vantage points, enabled or not; none named means every enabled one."""
    known = {v.id: v for v in config.vantage_points}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownName(f"vantage: expected one of {', '.join(known)}; got {', '.join(unknown)}")
    return tuple(known[n] for n in dict.fromkeys(names)) or tuple(v for v in known.values() if v.enabled)


async def measure_now(
    config: Config,
    vantage_points: Sequence[VantagePoint],
    targets: Sequence[Target],
    *,
    with_controls: bool = True,
    on_done: Callable[[VantagePoint], None] = lambda vantage: None,
) -> tuple[list[JudgedMeasurement], list[str]]:
    """Measure one round from each vantage point at the same time and judge them with each other's controls.

    Shape:  v vantage points and t targets -> v * t results, and a line for each vantage point that could
            not measure at all; control vantage points that were not asked for are measured too, as
            controls, and leave no result.
    """
    helpers = [
        v
        for v in config.vantage_points
        if with_controls and v.enabled and v.role is Role.CONTROL and v not in vantage_points
    ]
    everyone = (*vantage_points, *helpers)

    errors: list[str] = []

    async def run(place: int, vantage: VantagePoint) -> tuple[Measurement, ...]:
        await asyncio.sleep(place * STAGGER_S)
        try:
            return await measure_vantage(config.settings, vantage, targets)
        except VantageError as error:
            errors.append(f"{vantage.id}: {error}")
            return ()
        finally:
            on_done(vantage)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(place, vantage)) for place, vantage in enumerate(everyone)]
    rounds = {v.id: task.result() for v, task in zip(everyone, tasks, strict=True)}
    controls = [rounds[v.id] for v in everyone if with_controls and v.role is Role.CONTROL and rounds[v.id]]
    peers = [r for r in rounds.values() if r] if with_controls else []
    results = [
        result
        for vantage in vantage_points
        if rounds[vantage.id]
        for result in _judge_round(vantage, rounds[vantage.id], controls, peers)
    ]
    return results, errors


def _judge_round(
    vantage: VantagePoint,
    measurements: Sequence[Measurement],
    control_rounds: Sequence[Sequence[Measurement]],
    peer_rounds: Sequence[Sequence[Measurement]],
) -> list[JudgedMeasurement]:
    """Without a control vantage point the others stand in, each where it proved the target."""
    canary = measurements[-1]
    reference = load_reference()
    results = []
    for measurement in measurements[:-1]:
        controls = [
            Control(m, round_[-1], peer=not control_rounds)
            for round_ in control_rounds or peer_rounds
            for m in round_[:-1]
            if m.target == measurement.target and (control_rounds or m.asn != measurement.asn)
        ]
        verdict = judge_measurement(measurement, canary, controls, reference=reference)
        results.append(
            JudgedMeasurement(vantage=vantage, measurement=measurement, canary=canary, verdict=verdict)
        )
    return results
