"""Plays the situations across the emulated internet, several networks at once, and scores what is stored."""

from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.figure import Figure, show
from benchmarks.matrix.scenarios import EVERYONE, SCENARIOS, Scenario
from benchmarks.matrix.score import Fit, Outcome, Score, false_block_rate, score
from benchmarks.matrix.service import ServiceRounds, open_service
from lab import world
from lab.control import LabControl
from observatory.config.vantage_points import load_config
from observatory.model import Config
from observatory.vantage.once import JudgedMeasurement, select_targets, select_vantage_points

CONFIG: Final = Path(__file__).parents[2] / "lab" / "vantage_points.yaml"
# More at once would only have the two cores of a small machine wait for each other.
NETWORKS_AT_ONCE: Final = 7
# Each of those that concern everyone adds a host, and every network measures every host of the wave.
NETWORKS_FOR_EVERYONE: Final = 5

Wave = dict[str, Scenario]


def plan_waves(scenarios: Iterable[Scenario]) -> list[Wave]:
    """Give every situation a network of its own; those that concern everyone come last, by themselves."""
    waves: list[Wave] = []
    for group, size in (
        ([s for s in scenarios if s not in EVERYONE], NETWORKS_AT_ONCE),
        ([s for s in scenarios if s in EVERYONE], NETWORKS_FOR_EVERYONE),
    ):
        first = len(waves)
        for scenario in group:
            for wave in waves[first:]:
                room = len(wave) < size and not any(_is_at_odds(scenario, other) for other in wave.values())
                isp = _free_network(wave, scenario) if room else None
                if isp is not None:
                    wave[isp] = scenario
                    break
            else:
                isp = _free_network({}, scenario)
                if isp is None:
                    raise ValueError(f"{scenario.name}: no network fits")
                waves.append({isp: scenario})
    return waves


def _is_at_odds(scenario: Scenario, other: Scenario) -> bool:
    """Both switch on the same for everybody, each in its own way."""
    own = {s.censor: s.params for s in scenario.switches if s.everyone}
    return any(s.everyone and own.get(s.censor, s.params) != s.params for s in other.switches)


def _free_network(wave: Wave, scenario: Scenario) -> str | None:
    fitting = [
        isp
        for isp in world.PROBE_ISPS
        if isp not in wave and scenario.ipv6 in (None, world.ISPS[isp].has_ipv6)
    ]
    # The few that have IPv6 are kept for those that need it.
    fitting.sort(key=lambda isp: world.ISPS[isp].has_ipv6)
    return fitting[0] if fitting else None


async def play(
    lab: LabControl, config: Config, service: ServiceRounds, wave: Wave
) -> list[tuple[Scenario, JudgedMeasurement]]:
    """Switch on what each situation needs, measure once from everywhere, switch it off."""
    lab.reset()
    for isp, scenario in wave.items():
        for switch in scenario.switches:
            place = None if switch.everyone else isp
            lab.switch(place, switch.censor, True, switch.hosts, **switch.params)
    wanted = {t for s in wave.values() for t in (s.host, s.data_centre)}
    wanted |= {s.leads_to.target for s in wave.values() if s.leads_to is not None}
    targets = [t for t in select_targets([]) if t.name in wanted]
    try:
        results = await service.measure(select_vantage_points(config, list(wave)), targets)
    finally:
        lab.reset()
    return [
        (scenario, result)
        for result in results
        for scenario in (wave[result.vantage.id],)
        if result.measurement.target in (scenario.host, scenario.data_centre)
    ]


async def play_all(
    scenarios: Sequence[Scenario] = SCENARIOS,
) -> AsyncIterator[tuple[Scenario, JudgedMeasurement]]:
    """Yield every situation's results, wave by wave."""
    lab, config = LabControl(), load_config(CONFIG)
    with open_service(config) as service:
        for wave in plan_waves(scenarios):
            for pair in await play(lab, config, service, wave):
                yield pair


def to_outcome(scenario: Scenario, result: JudgedMeasurement) -> Outcome | None:
    """Return how a result compares with what is right; None where the situation says nothing of it."""
    is_host = result.measurement.target == scenario.host
    expected = scenario.web if is_host else scenario.app
    # A situation that filters the app says nothing against its names, and the other way round.
    filtered = expected is not None and expected[1] is not None
    if expected is None:
        return None
    return Outcome(
        situation=scenario.name,
        target=result.measurement.target,
        censorship=scenario.censorship and filtered,
        expected=expected,
        got=(result.verdict.state, result.verdict.mechanism),
    )


def leads_wrong(scenario: Scenario, result: JudgedMeasurement) -> str | None:
    """Return what is said of the place to which the host leads where it is not right; None where it is."""
    found = result.verdict.leads_to
    if result.measurement.target != scenario.host or found == scenario.leads_to:
        return None
    return f"not right: {scenario.name}: expected to lead to {scenario.leads_to}, got {found}"


def _line(one: Score) -> str:
    fits = "".join(f"{one.fits[kind]:>15}" for kind in Fit)
    return f"{one.mechanism:<26}{one.n:>5}{fits}{one.precision:>11.3f}{one.recall:>9.3f}"


def report(outcomes: Sequence[Outcome]) -> str:
    """Return the table of mechanisms, and each situation that did not come out right."""
    head = f"{'mechanism':<26}{'n':>5}" + "".join(f"{kind:>15}" for kind in Fit)
    lines = [f"{head}{'precision':>11}{'recall':>9}", *(_line(one) for one in score(outcomes))]
    lines += [
        f"not right: {o.situation} ({o.target}): expected {o.expected[0]} {o.expected[1]}, "
        f"got {o.got[0]} {o.got[1]}"
        for o in outcomes
        if not o.right
    ]
    return "\n".join(lines)


async def bench_matrix() -> list[Figure]:
    """Every situation once: how its mechanism is named, and whether anything healthy is called blocked."""
    outcomes, led_wrong = [], []
    async for scenario, result in play_all():
        outcome = to_outcome(scenario, result)
        if outcome is not None:
            outcomes.append(outcome)
        if (wrong := leads_wrong(scenario, result)) is not None:
            led_wrong.append(wrong)
    print("\n".join((report(outcomes), *led_wrong)))  # noqa: T201  (the report is its purpose)
    n_bad = sum(o.fit in (Fit.WRONG, Fit.OVER_SPECIFIC) for o in outcomes)
    figures = [
        Figure(what="situations", value=len({o.situation for o in outcomes}), unit=""),
        Figure(what="verdicts", value=len(outcomes), unit=""),
        Figure(
            what="state or mechanism not right", value=sum(not o.right for o in outcomes), unit="", bound=0
        ),
        Figure(what="leads_to not right", value=len(led_wrong), unit="", bound=0),
        Figure(what="mechanism wrong or over-specific", value=n_bad, unit="", bound=0),
        Figure(
            what="false-block rate where nobody censors", value=false_block_rate(outcomes), unit="", bound=0
        ),
    ]
    return [show(figure) for figure in figures]
