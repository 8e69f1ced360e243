"""Measuring now, without database or service: rounds of some vantage points, compared with each other."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.controls import choose_controls, judge_with_controls
from observatory.ingest.judging import judge_by_current_rules
from observatory.model import Config, Role, State, VantagePoint, Verdict
from observatory.reference import TARGET_GROUPS, load_targets
from observatory.vantage.rounds import VantageError, measure_vantage, utc_now
from probes.records import Measurement, Target, TargetKind

# Rounds that start together compete for the processor just while they time their first packets.
STAGGER_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedMeasurement:
    """A measurement with the canary of its round, and what it means."""

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
    groups = {group: {t.name for t in targets if t.kind is kind} for group, kind in TARGET_GROUPS.items()}
    known = {t.name for t in targets}
    wanted: set[str] = set()
    for name in names:
        if name not in known and name not in groups:
            choices = ", ".join([*(t.name for t in targets), *groups])
            raise UnknownName(f"target: expected one of {choices}; got {name!r}")
        wanted |= groups.get(name, {name})
    return tuple(t for t in targets if t.name in wanted)


def select_vantage_points(config: Config, names: Sequence[str]) -> tuple[VantagePoint, ...]:
    """Return the named vantage points, enabled or not; none named means every enabled one."""
    known = {v.id: v for v in config.vantage_points}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownName(f"vantage: expected one of {', '.join(known)}; got {', '.join(map(repr, unknown))}")
    return tuple(known[n] for n in dict.fromkeys(names)) or tuple(v for v in known.values() if v.enabled)


def with_control_vantage_points(
    config: Config, vantage_points: Sequence[VantagePoint]
) -> tuple[VantagePoint, ...]:
    """Return the vantage points and, behind them, the enabled controls that are not among them."""
    controls = (v for v in config.vantage_points if v.enabled and v.role is Role.CONTROL)
    return (*vantage_points, *(v for v in controls if v not in vantage_points))


async def measure_now(
    config: Config,
    vantage_points: Sequence[VantagePoint],
    targets: Sequence[Target],
    *,
    with_controls: bool = True,
    on_done: Callable[[VantagePoint], None] = lambda vantage: None,
) -> tuple[list[JudgedMeasurement], list[str]]:
    """Measure one round from each vantage point at the same time and judge them as the service would.

    Shape:  v vantage points and t targets -> v * t results, and a line for each vantage point that could
            not measure at all; control vantage points that were not selected are measured too, as
            controls, and leave no result. `with_controls` False: nothing is compared with anything.
    """
    everyone = with_control_vantage_points(config, vantage_points) if with_controls else vantage_points
    rounds, errors = await measure_rounds(config, everyone, targets, on_done=on_done)
    around = _Together(rounds.values(), everyone, with_controls=with_controls)
    verdicts = judge_with_controls(
        [m for v in vantage_points for m in rounds.get(v.id, ())[:-1]], around, judge_by_current_rules
    )
    results = [
        JudgedMeasurement(vantage=v, measurement=m, canary=rounds[v.id][-1], verdict=verdicts[m.id])
        for v in vantage_points
        for m in rounds.get(v.id, ())[:-1]
    ]
    return results, errors


async def measure_rounds(
    config: Config,
    vantage_points: Sequence[VantagePoint],
    targets: Sequence[Target],
    *,
    clock: Callable[[], datetime] = utc_now,
    on_done: Callable[[VantagePoint], None] = lambda vantage: None,
) -> tuple[dict[str, tuple[Measurement, ...]], list[str]]:
    """Measure one round from each vantage point at the same time; return them by vantage point.

    Shape:  v vantage points and t targets -> at most v rounds of t measurements, the canary last in each,
            and a line for each vantage point that could not measure at all.
    """
    rounds: dict[str, tuple[Measurement, ...]] = {}
    errors: list[str] = []

    async def run(place: int, vantage: VantagePoint) -> None:
        await asyncio.sleep(place * STAGGER_S)
        try:
            rounds[vantage.id] = await measure_vantage(config.settings, vantage, targets, clock=clock)
        except VantageError as error:
            errors.append(f"{vantage.id}: {error}")
        finally:
            on_done(vantage)

    async with asyncio.TaskGroup() as group:
        for place, vantage in enumerate(vantage_points):
            group.create_task(run(place, vantage))
    return {v.id: rounds[v.id] for v in vantage_points if v.id in rounds}, errors


class _Together:
    """Rounds that were measured together and are stored nowhere: all there is to compare with.

    `with_controls` False: nothing is compared with anything, and every measurement speaks for itself.
    """

    def __init__(
        self,
        rounds: Iterable[Sequence[Measurement]],
        vantage_points: Iterable[VantagePoint],
        *,
        with_controls: bool,
    ) -> None:
        everything = [m for round_ in rounds for m in round_]
        self._of_rounds = {(m.vantage, m.round_id, m.target): m for m in everything}
        control_vantages = {v.id for v in vantage_points if v.role is Role.CONTROL}
        self._canaries = {m.vantage: m for m in everything if m.target_kind is TargetKind.CANARY}
        self._control_vantages = control_vantages if with_controls else set()
        self._controls = [m for m in everything if m.vantage in self._control_vantages]
        self._others = everything if with_controls else []

    def canary_of(self, measurement: Measurement) -> Measurement | None:
        return self._canaries.get(measurement.vantage)

    def controls_of(self, measurement: Measurement) -> tuple[Control, ...]:
        is_control = measurement.vantage in self._control_vantages
        chosen = choose_controls(measurement, self._controls, is_control=is_control)
        return tuple(Control(control, self.canary_of(control)) for control in chosen)

    def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> Iterable[Measurement]:
        return [m for m in self._others if m.id in verdicts and verdicts[m.id].state is State.OK]

    def beside(self, measurement: Measurement, target: str) -> Measurement | None:
        return self._of_rounds.get((measurement.vantage, measurement.round_id, target))

    def is_provisional(self, measurement: Measurement, controls: Sequence[Control]) -> bool:
        """Nothing else will come: what is measured now is shown now."""
        return False
