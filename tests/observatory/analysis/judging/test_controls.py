"""What a measurement is compared with: which controls, which peers, and in which order it is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.controls import (
    CONTROL_WINDOW,
    MAX_CONTROLS,
    MAX_PEERS,
    choose_controls,
    choose_peers,
    judge_with_controls,
)
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import StandIn, State, Verdict
from observatory.reference import load_reference
from probes.records import Failure, Measurement, TargetKind
from tests.observatory.analysis.judging import builder as b

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def measured(
    id_: str,
    *,
    vantage: str = "",
    minute: float = 0,
    asn: int = 1,
    target: str = "t.me",
    emulated: bool = False,
    kind: TargetKind = TargetKind.HOST,
) -> Measurement:
    return replace(
        b.host(),
        id=id_,
        vantage=vantage or id_,
        asn=asn,
        target=target,
        target_kind=kind,
        started_at=AT + minute * MINUTE,
        emulated=emulated,
    )


def ids(measurements: Sequence[Measurement]) -> list[str]:
    return [m.id for m in measurements]


def test_controls_are_nearest_first_and_three_of_each_vantage_point() -> None:
    candidates = [
        measured(f"{vantage}{minute}", vantage=vantage, minute=minute)
        for vantage, minutes in (("ams", (-14, -9, -4, 1, 6)), ("fra", (-2, 15, 16)))
        for minute in minutes
    ]
    chosen = choose_controls(measured("m"), candidates, is_control=False)
    assert ids(chosen) == ["ams1", "fra-2", "ams-4", "ams6", "fra15"]


def test_a_control_is_its_own_first_control() -> None:
    seen, other = measured("seen", vantage="ams"), measured("other", vantage="fra")
    assert ids(choose_controls(seen, [other, seen], is_control=True)) == ["seen", "other"]
    again = measured("again", vantage="ams", minute=1)
    assert ids(choose_controls(seen, [again], is_control=True)) == ["seen"]


def test_in_an_archive_the_controls_of_the_same_round_come_before_others() -> None:
    asked = measured("m")
    own = replace(measured("own", minute=5), round_id=asked.round_id)
    nearer = replace(measured("nearer", minute=1), round_id="another")
    chosen = choose_controls(asked, [nearer, own], is_control=False, same_round_first=True)
    assert ids(chosen) == ["own"]
    assert ids(choose_controls(asked, [nearer, own], is_control=False)) == ["nearer", "own"]
    alone = choose_controls(asked, [nearer], is_control=False, same_round_first=True)
    assert ids(alone) == ["nearer"]
    itself = choose_controls(asked, [nearer], is_control=True, same_round_first=True)
    assert ids(itself) == ["m"]


@pytest.mark.parametrize(
    ("situation", "other"),
    [
        ("another target", measured("c", target="telegram.org")),
        ("the same vantage point", measured("c", vantage="m")),
        ("out of the window, before", measured("c", minute=-15.1)),
        ("out of the window, after", measured("c", minute=15.1)),
        ("an emulation beside the real world", measured("c", emulated=True)),
    ],
)
def test_what_is_compared_with_nothing(situation: str, other: Measurement) -> None:
    assert choose_controls(measured("m"), [other], is_control=False) == (), situation
    assert choose_peers(measured("m"), [replace(other, asn=2)]) == (), situation


def test_the_window_reaches_as_far_before_as_after_and_its_ends_belong_to_it() -> None:
    ends = [measured("before", minute=-15), measured("after", minute=15)]
    assert ids(choose_controls(measured("m"), ends, is_control=False)) == ["before", "after"]
    assert choose_controls(measured("m"), ends, is_control=False, window=CONTROL_WINDOW - MINUTE) == ()


def test_peers_are_three_of_other_networks_nearest_first() -> None:
    candidates = [measured(f"p{n}", asn=10 + n, minute=n) for n in range(5)]
    candidates += [measured("neighbour", asn=1), candidates[0]]
    assert ids(choose_peers(measured("m"), candidates)) == ["p0", "p1", "p2"]


def test_a_canary_has_no_peers() -> None:
    canary = measured("m", kind=TargetKind.CANARY)
    assert choose_peers(canary, [measured("p", asn=2, kind=TargetKind.CANARY)]) == ()


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-20, 20), st.integers(1, 3), st.booleans()), max_size=30
    )
)
def test_whatever_is_there_the_bounds_hold(given_: list[tuple[str, int, int, bool]]) -> None:
    candidates = [
        measured(f"{n}", vantage=vantage, minute=minute, asn=asn, emulated=emulated)
        for n, (vantage, minute, asn, emulated) in enumerate(given_)
    ]
    asked = measured("m")
    controls = choose_controls(asked, candidates, is_control=False)
    vantages = [c.vantage for c in controls]
    assert all(vantages.count(v) <= MAX_CONTROLS for v in vantages)
    peers = choose_peers(asked, candidates)
    assert len(peers) <= MAX_PEERS and all(p.asn != asked.asn for p in peers)
    for chosen in (controls, peers):
        distances = [abs(c.started_at - asked.started_at) for c in chosen]
        assert distances == sorted(distances)
        assert all(d <= CONTROL_WINDOW for d in distances)
        assert not any(c.emulated for c in chosen)


@dataclass
class Around:
    """Surroundings out of lists; notes what was asked for peers."""

    controls: dict[str, list[Measurement]] = field(default_factory=dict)
    peers: list[Measurement] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    open: bool = False

    def canary_of(self, measurement: Measurement) -> Measurement | None:
        return b.canary(measurement.vantage)

    def controls_of(self, measurement: Measurement) -> list[Control]:
        return [Control(c, self.canary_of(c)) for c in self.controls.get(measurement.id, [])]

    def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> list[Measurement]:
        self.asked.append(measurement.id)
        return self.peers

    def beside(self, measurement: Measurement, target: str) -> Measurement | None:
        return None

    def is_provisional(self, measurement: Measurement, controls: Sequence[Control]) -> bool:
        return self.open


def judge(
    measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], provisional: bool
) -> Verdict:
    return judge_measurement(
        measurement, canary, controls, reference=load_reference(), provisional=provisional
    )


SILENT = b.changed(measured("m"), b.tcp_fails(Failure.TIMEOUT))


def test_a_healthy_host_has_no_peer_as_stand_in_though_others_proved_it_too() -> None:
    """It proves itself: the service names no peer there, and neither may anything else."""
    around = Around(peers=[measured("p", asn=2)])
    verdict = judge_with_controls([measured("m")], around, judge)["m"]
    assert verdict.state is State.OK
    assert StandIn.PEER not in verdict.stand_ins and verdict.controls == ()
    assert around.asked == []


def test_what_stays_unsettled_without_a_control_is_judged_again_with_peers() -> None:
    alone = judge_with_controls([SILENT], Around(), judge)["m"]
    assert alone.state in (State.IMPAIRED, State.INSUFFICIENT)
    verdict = judge_with_controls([SILENT], Around(peers=[measured("p", asn=2)]), judge)["m"]
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "tcp.timeout")
    assert StandIn.PEER in verdict.stand_ins and verdict.controls == ("p",)


def test_a_control_that_failed_as_well_is_not_overruled_by_peers() -> None:
    failed = b.changed(measured("c", vantage="ams"), b.tcp_fails(Failure.TIMEOUT))
    around = Around(controls={"m": [failed]}, peers=[measured("p", asn=2)])
    verdict = judge_with_controls([SILENT], around, judge)["m"]
    assert verdict.state is State.DOWN
    assert around.asked == []


def test_peers_are_looked_for_when_the_whole_round_has_been_judged() -> None:
    """The one that proves the target may come after the one that needs it."""

    class Together(Around):
        def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> list[Measurement]:
            return [p for p in self.peers if verdicts[p.id].state is State.OK]

    peer = measured("p", asn=2)
    verdicts = judge_with_controls([SILENT, peer], Together(peers=[peer]), judge)
    assert verdicts["m"].controls == ("p",)
    assert verdicts["p"].controls == ()


@pytest.mark.parametrize("peers", [[], [measured("p", asn=2)]], ids=["alone", "beside a peer"])
def test_an_open_window_makes_the_verdict_provisional(peers: list[Measurement]) -> None:
    verdict = judge_with_controls([SILENT], Around(peers=peers, open=True), judge)["m"]
    assert verdict.provisional
