"""The one chooser of controls: what a measurement is compared with, wherever it comes from.

    measurement ─ controls of its window ─ judge ┬ settled, or compared with a control: this is its verdict
                                                 └ neither: judge again with networks that proved the target
    an ok target leads to another host ─ the verdict of the same round on that one: what a visitor meets

Measurements of control vantage points are chosen by nearness in time, before anything is judged. Peers come
in only afterwards and only where nothing else could be compared with: each may itself be censored.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Protocol

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.leads_to import follow
from observatory.model import State, Verdict
from probes.records import Measurement, TargetKind

# How far from a measurement, before or after, what it is compared with may lie.
CONTROL_WINDOW: Final = timedelta(minutes=15)
# Of each control vantage point.
MAX_CONTROLS: Final = 3
# Of all other networks together: one good peer is enough.
MAX_PEERS: Final = 3
# What a comparison could still settle.
UNSETTLED: Final = frozenset({State.IMPAIRED, State.INSUFFICIENT})

# By the id of a measurement, the one of the same round on the host to which it leads.
BesideThem = dict[str, Measurement]
# Measurement, the canary of its round, controls nearest first, whether its window is still open.
Judge = Callable[[Measurement, Measurement | None, Sequence[Control], bool], Verdict]


class Surroundings(Protocol):
    """What lies around a measurement: in a store, among rounds measured together or in an imported file."""

    def canary_of(self, measurement: Measurement) -> Measurement | None:
        """Return the canary of its round."""

    def controls_of(self, measurement: Measurement) -> Sequence[Control]:
        """Return what it is compared with first, as `choose_controls` chooses."""

    def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> Iterable[Measurement]:
        """Return measurements of its target that came out ok; `verdicts` are those known by now, by id."""

    def beside(self, measurement: Measurement, target: str) -> Measurement | None:
        """Return the measurement of another target in its round, None where there is none."""

    def is_provisional(self, measurement: Measurement, controls: Sequence[Control]) -> bool:
        """Say whether something better to compare with may still come."""


def bears_on(control: Measurement, measurement: Measurement, *, window: timedelta = CONTROL_WINDOW) -> bool:
    """Say whether one measurement can be compared with another; emulated and real ones never meet."""
    return (
        control.target == measurement.target
        and control.vantage != measurement.vantage
        and control.emulated == measurement.emulated
        and abs(control.started_at - measurement.started_at) <= window
    )


def choose_controls(
    measurement: Measurement,
    candidates: Iterable[Measurement],
    *,
    is_control: bool,
    same_round_first: bool = False,
    window: timedelta = CONTROL_WINDOW,
) -> tuple[Measurement, ...]:
    """Return the measurements by control vantage points that a measurement is compared with.

    Shape:  `candidates` are by control vantage points, in any order; at most three of each are returned,
            nearest first. `is_control`: the measurement is itself by one, and then its own first control:
            what fails where no censor is fails at the target. `same_round_first`: the candidates came with
            an archive, in which a control belongs to one round; others count only where that brought none.
    Errors: none.
    """
    chosen: list[Measurement] = [measurement] if is_control else []
    if same_round_first:
        candidates = [*chosen, *candidates]
        of_round = [
            c for c in candidates if c.target == measurement.target and c.round_id == measurement.round_id
        ]
        candidates = of_round or candidates
    taken: Counter[str] = Counter()
    for control in _nearest_first(measurement, candidates, window):
        if taken[control.vantage] < MAX_CONTROLS:
            taken[control.vantage] += 1
            chosen.append(control)
    return tuple(chosen)


def choose_peers(
    measurement: Measurement, candidates: Iterable[Measurement], *, window: timedelta = CONTROL_WINDOW
) -> tuple[Measurement, ...]:
    """Return up to three measurements of the same target from other networks, nearest first.

    Shape:  `candidates` came out ok, in any order; the same one may be among them twice. A canary has no
            peers: it shows whether its own line works.
    Errors: none.
    """
    if measurement.target_kind is TargetKind.CANARY:
        return ()
    unique = {c.id: c for c in candidates if c.asn != measurement.asn}
    return tuple(_nearest_first(measurement, unique.values(), window)[:MAX_PEERS])


def judge_with_controls(
    measurements: Sequence[Measurement],
    surroundings: Surroundings,
    judge: Judge,
    *,
    window: timedelta = CONTROL_WINDOW,
) -> dict[str, Verdict]:
    """Judge measurements, each with what the chooser gives it; return their verdicts by id.

    Shape:  all are judged with their controls first. What stays impaired or insufficient without any control
            is then judged again with peers; what was settled, or compared with a control, never is. Where one
            leads to another target of its round, that one is judged too, and `leads_to` says how it fares.
    Errors: those of `judge` and of `surroundings`.
    """
    verdicts = _judge_each(measurements, surroundings, judge, window)
    beyond: BesideThem = {}
    newest: Sequence[Measurement] = measurements
    while newest := _find_led_to(newest, verdicts, surroundings, beyond):
        verdicts |= _judge_each(newest, surroundings, judge, window)
    return {m.id: _with_way(m, verdicts, beyond) for m in measurements}


def _find_led_to(
    measurements: Iterable[Measurement],
    verdicts: Mapping[str, Verdict],
    surroundings: Surroundings,
    beyond: BesideThem,
) -> list[Measurement]:
    """Note in `beyond` what was measured where these lead; return what of it was not judged yet."""
    unjudged: dict[str, Measurement] = {}
    for measurement in measurements:
        leads = verdicts[measurement.id].leads_to
        found = surroundings.beside(measurement, leads.target) if leads is not None else None
        if found is not None:
            beyond[measurement.id] = found
            if found.id not in verdicts:
                unjudged[found.id] = found
    return list(unjudged.values())


def _with_way(measurement: Measurement, verdicts: Mapping[str, Verdict], beyond: BesideThem) -> Verdict:
    verdict = verdicts[measurement.id]
    way: dict[str, Verdict] = {}
    last = measurement
    while (there := beyond.get(last.id)) is not None and there.target not in way:
        way[there.target] = verdicts[there.id]
        last = there
    # What is said of another host may still change with that one's verdict.
    provisional = verdict.provisional or any(there.provisional for there in way.values())
    return replace(verdict, leads_to=follow(verdict, measurement.target, way.get), provisional=provisional)


def _judge_each(
    measurements: Sequence[Measurement], surroundings: Surroundings, judge: Judge, window: timedelta
) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    uncompared: list[Measurement] = []
    for measurement in measurements:
        controls = surroundings.controls_of(measurement)
        provisional = surroundings.is_provisional(measurement, controls)
        verdict = judge(measurement, surroundings.canary_of(measurement), controls, provisional)
        verdicts[measurement.id] = replace(verdict, provisional=provisional)
        if not controls and verdict.state in UNSETTLED:
            uncompared.append(measurement)
    for measurement in uncompared:
        peers = choose_peers(measurement, surroundings.peers_of(measurement, verdicts), window=window)
        if peers:
            provisional = verdicts[measurement.id].provisional
            stand_ins = [Control(peer, surroundings.canary_of(peer), peer=True) for peer in peers]
            verdict = judge(measurement, surroundings.canary_of(measurement), stand_ins, provisional)
            verdicts[measurement.id] = replace(verdict, provisional=provisional)
    return verdicts


def _nearest_first(
    measurement: Measurement, candidates: Iterable[Measurement], window: timedelta
) -> list[Measurement]:
    near = [c for c in candidates if bears_on(c, measurement, window=window)]
    near.sort(key=lambda c: (abs(c.started_at - measurement.started_at), c.started_at, c.id))
    return near
