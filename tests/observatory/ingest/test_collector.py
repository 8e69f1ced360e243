"""Who is judged with whom, what is stored, and when a verdict is final."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.analysis.judging.reference import Reference
from observatory.ingest.collector import Collector
from observatory.model import Role, State, VantagePoint, Verdict
from observatory.store import Store, StoreError, open_store
from probes.records import Measurement, TargetKind
from tests.observatory.store.samples import AT, DAY, MINUTE, make_measurement, make_observations, make_verdict

CONTROL_POINTS = [
    VantagePoint(id=id_, name=id_, isp="Far", asn=64999, country="NL", role=Role.CONTROL)
    for id_ in ("ams", "fra")
]


class RecordingJudge:
    """Blocked when a control was seen, insufficient without one; remembers what it was shown."""

    def __init__(self) -> None:
        self.canary: dict[str, str | None] = {}
        self.controls: dict[str, list[str]] = {}
        self.control_canaries: dict[str, list[str | None]] = {}
        self.n_calls = 0

    def __call__(
        self,
        measurement: Measurement,
        canary: Measurement | None,
        controls: Sequence[Control],
        provisional: bool,
    ) -> Verdict:
        self.n_calls += 1
        self.canary[measurement.id] = canary.id if canary else None
        self.controls[measurement.id] = [c.measurement.id for c in controls]
        self.control_canaries[measurement.id] = [c.canary.id if c.canary else None for c in controls]
        state = State.LIKELY_BLOCKED if controls else State.INSUFFICIENT
        return make_verdict(state, provisional=provisional)


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        opened.save_vantage_points(CONTROL_POINTS, at=AT)
        yield opened


@pytest.fixture
def judge() -> RecordingJudge:
    return RecordingJudge()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def collector(store: Store, judge: RecordingJudge, clock: Clock) -> Collector:
    return Collector(store, judge, window_s=900, clock=clock)


def _round(
    name: str, *, vantage: str = "jkt-one", minute: float = 0, target: str = "t.me", emulated: bool = False
) -> list[Measurement]:
    """One target and the canary, at a minute after AT."""
    at = AT + minute * MINUTE
    return [
        make_measurement(
            name, vantage=vantage, at=at, round_id=f"r-{name}", target=target, emulated=emulated
        ),
        make_measurement(
            f"{name}-canary",
            vantage=vantage,
            at=at,
            round_id=f"r-{name}",
            target="example.com",
            kind=TargetKind.CANARY,
            emulated=emulated,
        ),
    ]


def _verdict(store: Store, id_: str) -> Verdict:
    found = store.load_measurement(id_)
    assert found is not None
    return found[1]


def test_a_round_is_judged_with_its_canary(collector: Collector, store: Store, judge: RecordingJudge) -> None:
    judged = collector.accept(_round("m"))
    assert [m.id for m, _ in judged] == ["m", "m-canary"]
    assert judge.canary == {"m": "m-canary", "m-canary": "m-canary"}
    assert _verdict(store, "m") == judged[0][1]


def test_the_canary_came_before(collector: Collector, judge: RecordingJudge) -> None:
    measured, canary = _round("m")
    collector.accept([canary])
    collector.accept([measured])
    assert judge.canary["m"] == "m-canary"


def test_the_canary_comes_after(collector: Collector, judge: RecordingJudge) -> None:
    measured, canary = _round("m")
    collector.accept([measured])
    assert judge.canary["m"] is None
    collector.accept([canary])
    assert judge.canary["m"] == "m-canary"


def test_controls_are_nearest_first_and_three_of_each(collector: Collector, judge: RecordingJudge) -> None:
    for vantage, minutes in (("ams", (-14, -9, -4, 1, 6)), ("fra", (-2, 15, 16))):
        for minute in minutes:
            collector.accept(_round(f"{vantage}{minute}", vantage=vantage, minute=minute))
    collector.accept(_round("m"))
    assert judge.controls["m"] == ["ams1", "fra-2", "ams-4", "ams6", "fra15"]
    assert judge.control_canaries["m"][:2] == ["ams1-canary", "fra-2-canary"]


@pytest.mark.parametrize(
    ("situation", "other"),
    [
        ("another target", _round("c", vantage="ams", target="telegram.org")),
        ("a vantage point that is no control", _round("c", vantage="sby-two")),
        ("out of the window, before", _round("c", vantage="ams", minute=-15.1)),
        ("out of the window, after", _round("c", vantage="ams", minute=15.1)),
        ("an emulation beside the real world", _round("c", vantage="ams", emulated=True)),
    ],
)
def test_what_is_no_control(
    collector: Collector, judge: RecordingJudge, situation: str, other: list[Measurement]
) -> None:
    collector.accept(other)
    collector.accept(_round("m"))
    assert judge.controls["m"] == [], situation


def test_an_agent_sends_a_whole_day_at_once(
    collector: Collector, store: Store, judge: RecordingJudge, clock: Clock
) -> None:
    clock.now = AT + DAY
    hours = range(0, 24, 6)
    batch = [m for hour in hours for m in _round(f"m{hour}", minute=60 * hour)]
    batch += [m for hour in hours for m in _round(f"c{hour}", vantage="ams", minute=60 * hour + 5)]
    collector.accept(batch)
    assert [judge.controls[f"m{hour}"] for hour in hours] == [[f"c{hour}"] for hour in hours]
    assert store.recompute_cells(AT - DAY, AT + 2 * DAY) == 0


def test_a_control_is_its_own_first_control(collector: Collector, judge: RecordingJudge) -> None:
    collector.accept([*_round("a1", vantage="ams"), *_round("a2", vantage="ams", minute=1)])
    collector.accept(_round("f", vantage="fra"))
    assert judge.controls["f"] == ["f", "a1", "a2"]
    assert judge.controls["a1"] == ["a1", "f"]


def test_a_control_in_the_same_batch_counts(collector: Collector, judge: RecordingJudge) -> None:
    collector.accept([*_round("m"), *_round("c", vantage="ams", minute=2)])
    assert judge.controls["m"] == ["c"]
    assert judge.control_canaries["m"] == ["c-canary"]


def test_an_archive_is_compared_with_the_controls_it_brings(
    collector: Collector, store: Store, judge: RecordingJudge, clock: Clock
) -> None:
    """Those of the same round first, else others of the archive; never one that is stored already."""
    clock.now = AT + DAY
    collector.accept([*_round("stored", minute=1), *_round("known", vantage="ams", minute=1)])
    helped, alone = _round("helped"), _round("alone", vantage="sby", minute=3)
    helper = replace(helped[0], id="helper", vantage="ams")
    n_calls = judge.n_calls
    collector.accept([*helped, *alone, helper, *_round("other", vantage="fra")], complete=True)
    assert judge.controls["helped"] == ["helper"]
    assert judge.controls["alone"] == ["helper", "other"]
    # Thousands of strangers' measurements of one hour would each touch all others.
    assert judge.controls["stored"] == ["known"]
    assert judge.n_calls == n_calls + 7


def test_a_verdict_waits_for_a_control_after_it(
    collector: Collector, store: Store, judge: RecordingJudge, clock: Clock
) -> None:
    collector.accept(_round("before", vantage="ams", minute=-5))
    ((_, verdict), _) = collector.accept(_round("m"))
    assert verdict.provisional and verdict.state is State.LIKELY_BLOCKED
    assert store.load_latest()[-1].provisional

    clock.now = AT + 5 * MINUTE
    collector.accept(_round("after", vantage="ams", minute=5))
    assert judge.controls["m"] == ["before", "after"]
    assert not _verdict(store, "m").provisional
    assert store.recompute_cells(AT - DAY, AT + DAY) == 0


def test_a_final_verdict_is_left_alone_by_live_controls(
    collector: Collector, judge: RecordingJudge, clock: Clock
) -> None:
    collector.accept([*_round("m"), *_round("c", vantage="ams", minute=2)])
    clock.now = AT + 8 * MINUTE
    collector.accept(_round("f", vantage="fra", minute=8))
    assert judge.controls["m"] == ["c"]


def test_a_control_that_was_late_opens_the_window_again(
    collector: Collector, store: Store, judge: RecordingJudge, clock: Clock
) -> None:
    collector.accept(_round("m"))
    clock.now = AT + DAY
    collector.close_windows(clock.now)
    assert _verdict(store, "m").state is State.INSUFFICIENT
    collector.accept(_round("c", vantage="ams", minute=15))
    assert judge.controls["m"] == ["c"]
    assert _verdict(store, "m") == make_verdict(State.LIKELY_BLOCKED)
    assert store.load_latest()[-1].state is State.LIKELY_BLOCKED


def test_windows_close(collector: Collector, store: Store, clock: Clock) -> None:
    collector.accept(_round("m"))
    collector.accept(_round("n", minute=1))
    assert collector.close_windows(AT + 15 * MINUTE - timedelta(microseconds=1)) == 0
    assert collector.close_windows(AT + 15 * MINUTE) == 2
    assert not _verdict(store, "m").provisional
    assert _verdict(store, "n").provisional
    assert collector.close_windows(AT + DAY) == 2
    assert collector.close_windows(AT + DAY) == 0


def test_more_windows_close_than_one_turn_takes(
    collector: Collector, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observatory.ingest.collector._CLOSE_AT_ONCE", 3)
    collector.accept([make_measurement(f"m{i}", round_id="r") for i in range(10)])
    assert collector.close_windows(AT + DAY) == 10
    assert store.load_measurements(provisional=True) == []


def test_an_old_batch_is_final_at_once(collector: Collector, clock: Clock) -> None:
    clock.now = AT + DAY
    assert not any(verdict.provisional for _, verdict in collector.accept(_round("m")))


def test_a_batch_may_be_sent_again(collector: Collector, store: Store, judge: RecordingJudge) -> None:
    batch = [*_round("m"), *_round("m"), *_round("c", vantage="ams")]
    first = collector.accept(batch)
    n_calls = judge.n_calls
    assert collector.accept(batch) == first
    assert judge.n_calls == n_calls
    assert store.load_coverage().n_measurements == 2
    assert collector.accept([]) == []


def test_the_order_of_arrival_does_not_matter_in_the_end(tmp_path: Path, store: Store, clock: Clock) -> None:
    rounds = [
        _round("m"),
        _round("n", vantage="sby", minute=20),
        _round("c", vantage="ams", minute=3),
        _round("f", vantage="fra", minute=31),
    ]
    clock.now = AT + DAY
    ends = []
    for number, order in enumerate(([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2])):
        with open_store(f"sqlite:///{tmp_path}/{number}.sqlite") as other:
            other.save_vantage_points(CONTROL_POINTS, at=AT)
            judge = RecordingJudge()
            for index in order:
                Collector(other, judge, clock=clock).accept(rounds[index])
            ends.append(({m.id: _verdict(other, m.id) for r in rounds for m in r}, judge.controls))
    assert ends[0] == ends[1] == ends[2]


def test_nothing_is_kept_when_the_store_refuses(
    collector: Collector, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save_measurements", refuse)
        with pytest.raises(StoreError):
            collector.accept(_round("m"))
    assert store.load_measurements() == []
    assert len(collector.accept(_round("m"))) == 2


def test_the_real_judge_fits(store: Store, clock: Clock) -> None:
    reference = Reference(version="test")

    def judge(
        measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], provisional: bool
    ) -> Verdict:
        return judge_measurement(measurement, canary, controls, reference=reference, provisional=provisional)

    collector = Collector(store, judge, clock=clock)
    measured = make_measurement("m", observations=make_observations())
    ((_, verdict), _) = collector.accept([measured, _round("m")[1]])
    assert verdict.provisional
    assert _verdict(store, "m") == verdict
    assert collector.close_windows(AT + DAY) == 2


def test_the_window_is_a_setting(store: Store, judge: RecordingJudge, clock: Clock) -> None:
    for name, window_s in (("c", 60), ("m", 60), ("n", 180)):
        vantage, minute = ("ams", 2) if name == "c" else ("jkt-one", 0)
        Collector(store, judge, window_s=window_s, clock=clock).accept(
            _round(name, vantage=vantage, minute=minute)
        )
    assert (judge.controls["m"], judge.controls["n"]) == ([], ["c"])


def test_without_any_control_another_network_that_proved_the_target_stands_in(
    store: Store, clock: Clock
) -> None:
    """Judged alone it is unsettled; with the other's measurement, stored or in the same batch, it is not."""
    seen: dict[str, list[tuple[str, bool]]] = {}

    def judge(
        measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], provisional: bool
    ) -> Verdict:
        seen[measurement.id] = [(c.measurement.id, c.peer) for c in controls]
        if measurement.id.startswith("good"):
            return make_verdict(State.OK, provisional=provisional)
        return make_verdict(State.LIKELY_BLOCKED if controls else State.IMPAIRED, provisional=provisional)

    collector = Collector(store, judge, window_s=900, clock=clock)
    good = [replace(m, asn=64511) for m in _round("good", vantage="other", minute=-3)]
    collector.accept(good)
    collector.accept(_round("bad"))
    assert seen["bad"] == [("good", True)]
    late = [replace(m, asn=64511) for m in _round("good-late", vantage="other", minute=60)]
    collector.accept([*_round("bad-late", minute=61), *late])
    assert seen["bad-late"] == [("good-late", True)]
    same_network = _round("bad-there", vantage="other", minute=120)
    collector.accept([replace(m, asn=64511) for m in _round("good-there", vantage="x", minute=120)])
    collector.accept([replace(m, asn=64511) for m in same_network])
    assert seen["bad-there"] == []
