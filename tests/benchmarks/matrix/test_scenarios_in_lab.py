"""Every situation of the matrix, played across the emulated internet, × the verdict that must be stored."""

import asyncio
from collections.abc import Iterator

import pytest

from benchmarks.matrix.play import leads_wrong, plan_waves, play_all, report, to_outcome
from benchmarks.matrix.scenarios import SCENARIOS, Scenario
from benchmarks.matrix.score import BLOCKING, Fit, Outcome, false_block_rate
from benchmarks.matrix.service import open_service
from lab import world
from lab.control import LabControl
from observatory.model import Config, State
from observatory.vantage.once import JudgedMeasurement, select_targets, select_vantage_points
from tests.in_lab import Results

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BLOCKED, LIKELY = State.BLOCKED, State.LIKELY_BLOCKED
Expected = tuple[State, str | None]
FINE: Expected = (State.OK, None)
Played = dict[str, list[JudgedMeasurement]]


def measure(config: Config, vantage_points: list[str], targets: list[str]) -> Results:
    """One round of the service: stored by its collector, read back when the window has closed."""
    with open_service(config) as service:
        stored = asyncio.run(
            service.measure(select_vantage_points(config, vantage_points), select_targets(targets))
        )
    return {(r.vantage.id, r.measurement.target): r for r in stored}


def outcome(results: Results, vantage: str, target: str) -> Expected:
    verdict = results[vantage, target].verdict
    return verdict.state, verdict.mechanism


@pytest.fixture(scope="module")
def played(lab: LabControl) -> Iterator[Played]:
    """Everything once: results by the name of the situation."""

    async def play() -> Played:
        found: Played = {}
        async for scenario, result in play_all():
            found.setdefault(scenario.name, []).append(result)
        return found

    yield asyncio.run(play())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_situation(scenario: Scenario, played: Played) -> None:
    for result in played[scenario.name]:
        assert leads_wrong(scenario, result) is None
        judged = to_outcome(scenario, result)
        if judged is not None:
            assert judged.got == judged.expected, (judged.target, result.verdict)
            if scenario.partial is not None and judged.got[0] in BLOCKING:
                assert result.verdict.partial is scenario.partial, result.verdict


def test_nothing_is_wrong_over_specific_or_falsely_blocked(played: Played) -> None:
    outcomes: list[Outcome] = [
        judged
        for scenario in SCENARIOS
        for result in played[scenario.name]
        if (judged := to_outcome(scenario, result)) is not None
    ]
    print(report(outcomes))  # noqa: T201  (shown when it fails)
    assert len(SCENARIOS) >= 40
    assert [o for o in outcomes if o.fit in (Fit.WRONG, Fit.OVER_SPECIFIC)] == []
    assert false_block_rate(outcomes) == 0


def test_every_situation_has_a_network_that_fits() -> None:
    waves = plan_waves(SCENARIOS)
    assert sorted(s.name for wave in waves for s in wave.values()) == sorted(s.name for s in SCENARIOS)
    for wave in waves:
        assert all(s.ipv6 in (None, world.ISPS[isp].has_ipv6) for isp, s in wave.items())


def test_nothing_wrong_is_ok_everywhere(lab: LabControl, config: Config) -> None:
    lab.reset()
    results = measure(config, [], [])
    assert len(results) == 15 * 17
    assert {key: outcome(results, *key) for key in results if outcome(results, *key) != FINE} == {}


def test_some_names_are_blocked_and_the_others_are_not(lab: LabControl, config: Config) -> None:
    """A block per name: neighbours at the same address stay ok."""
    lab.reset()
    lab.switch("xl", "sni_reset", True, hosts=["t.me"])
    lab.switch("tri", "dns_injection", True, hosts=["telegram.org"])
    try:
        results = measure(config, ["xl", "tri"], ["web"])
    finally:
        lab.reset()
    wrong = {
        key: outcome(results, *key)
        for key in results
        if key not in {("xl", "t.me"), ("tri", "telegram.org")} and outcome(results, *key) != FINE
    }
    assert wrong == {}
    assert outcome(results, "xl", "t.me") == (LIKELY, "tls.reset.sni")
    assert outcome(results, "tri", "telegram.org") == (BLOCKED, "dns.injection.blockpage")


def test_everything_measured_here_is_marked_emulated(lab: LabControl, config: Config) -> None:
    results = measure(config, ["xl"], ["dc2"])
    assert all(r.measurement.emulated for r in results.values())
    assert results["xl", "dc2"].measurement.trust.startswith("ca_file sha256:")
