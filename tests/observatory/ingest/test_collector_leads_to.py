"""What is said of the host to which a target leads follows that host's own verdict, whoever comes first."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from observatory.analysis.judging.case import Control
from observatory.ingest.collector import Collector
from observatory.ingest.judging import judge_by_current_rules
from observatory.ingest.rescore import rescore
from observatory.model import LEADS_TO, Grain, LeadsTo, Role, Series, State, VantagePoint, Verdict
from observatory.model.selection import Selection
from observatory.store import Store, open_store
from probes.records import Failure, Measurement
from tests.observatory.analysis.judging import builder as b
from tests.observatory.analysis.judging.test_leads_to import leading

BEYOND = b.changed(b.host(name="telegram.org"), b.tls_fails(Failure.CONNECTION_RESET))
FIRST = leading("t.me", "telegram.org")
CANARY = b.canary()
UNKNOWN = LeadsTo(target="telegram.org", state=State.INSUFFICIENT)
SEEN = LeadsTo(target="telegram.org", state=State.LIKELY_BLOCKED, mechanism="tls.reset")
IMPAIRED = LeadsTo(target="telegram.org", state=State.IMPAIRED)
LATER = b.AT + timedelta(minutes=20)


class Clock:
    now = b.AT

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        control = VantagePoint(
            id="control", name="far", isp="Far", asn=64999, country="NL", role=Role.CONTROL
        )
        opened.save_vantage_points([control], at=b.AT)
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def collector(store: Store, clock: Clock) -> Collector:
    return Collector(store, judge_by_current_rules, clock=clock)


def stored(store: Store, measurement: Measurement = FIRST) -> Verdict:
    return store.load_verdicts([measurement.id])[measurement.id]


def newest(store: Store) -> LeadsTo | None:
    return next(one.leads_to for one in store.load_latest() if (one.vantage, one.target) == ("isp", "t.me"))


def of_control() -> list[Measurement]:
    return [b.canary("control"), b.host("control", "telegram.org"), b.host("control", "t.me")]


@pytest.mark.parametrize(
    "batches",
    [
        [[FIRST, BEYOND, CANARY]],
        [[BEYOND, CANARY], [FIRST]],
        [[FIRST, CANARY], [BEYOND]],
        [[FIRST], [BEYOND], [CANARY]],
    ],
    ids=["together", "the other came before", "the other came after", "one by one"],
)
def test_the_other_host_of_the_round_is_found_whichever_came_first(
    store: Store, collector: Collector, batches: list[list[Measurement]]
) -> None:
    collector.accept(of_control())
    for batch in batches:
        collector.accept(batch)
    verdict = stored(store)
    assert (verdict.state, verdict.leads_to) == (State.OK, SEEN)
    assert newest(store) == SEEN
    (led,) = store.load_cells(Grain.HOUR, b.AT - timedelta(days=1), b.AT + timedelta(days=1), layer=LEADS_TO)
    assert (led.target, led.vantage, led.state, led.n) == ("t.me", "isp", SEEN.state, 1)
    # What stands there is no evidence about the target, which the search for events looks at.
    searched = store.load_series_cells(
        Series(target="t.me", asn=FIRST.asn), b.AT - timedelta(days=1), layers_from=b.AT - timedelta(days=1)
    )
    assert LEADS_TO not in {layer for _, layer, _ in searched.series.values()}
    assert collector.judge_again([FIRST])[FIRST.id] == (verdict, verdict)


@pytest.mark.parametrize("complete", [False, True], ids=["a round", "an archive"])
def test_without_the_other_host_nothing_is_known(store: Store, collector: Collector, complete: bool) -> None:
    collector.accept([FIRST, CANARY], complete=complete)
    assert (stored(store).leads_to, newest(store)) == (UNKNOWN, UNKNOWN)
    collector.accept([BEYOND], complete=complete)
    beyond = stored(store, BEYOND)
    assert (
        stored(store).leads_to == replace(UNKNOWN, state=beyond.state, mechanism=beyond.mechanism) == IMPAIRED
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(BEYOND, round_id="another"),
        replace(BEYOND, vantage="another"),
        replace(BEYOND, emulated=True),
        replace(BEYOND, started_at=b.AT + timedelta(hours=2)),
    ],
    ids=["another round", "another vantage point", "an emulation", "hours later in an archive's round"],
)
def test_only_what_was_measured_beside_it_counts(
    store: Store, collector: Collector, clock: Clock, other: Measurement
) -> None:
    clock.now = b.AT + timedelta(hours=3)
    collector.accept([FIRST, CANARY, other], complete=True)
    assert stored(store).leads_to == UNKNOWN


def test_a_control_of_the_other_host_alone_settles_what_is_said_of_it(
    store: Store, collector: Collector
) -> None:
    collector.accept([FIRST, BEYOND, CANARY])
    assert stored(store).leads_to == IMPAIRED
    assert stored(store).provisional
    collector.accept([b.canary("control"), b.host("control", "telegram.org")])
    assert (stored(store).leads_to, newest(store)) == (SEEN, SEEN)


def test_a_window_that_closes_closes_for_both(store: Store, collector: Collector, clock: Clock) -> None:
    collector.accept([FIRST, replace(BEYOND, started_at=b.AT + timedelta(seconds=2)), CANARY])
    clock.now = b.AT + timedelta(minutes=15)
    collector.close_windows(clock.now)
    assert stored(store).provisional
    clock.now = LATER
    assert collector.close_windows(LATER) > 0
    assert (stored(store).provisional, stored(store).leads_to) == (False, IMPAIRED)
    assert collector.close_windows(LATER) == 0


class Strict:
    """The rules of another day, by which telegram.org is down."""

    def __call__(
        self, measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], open_: bool
    ) -> Verdict:
        verdict = judge_by_current_rules(measurement, canary, controls, open_)
        return replace(verdict, state=State.DOWN) if measurement.target == "telegram.org" else verdict


@pytest.mark.parametrize("targets", [(), ("telegram.org",), ("t.me",)], ids=["all", "the other", "the first"])
def test_rescoring_keeps_it_current(
    store: Store, collector: Collector, clock: Clock, targets: tuple[str, ...]
) -> None:
    clock.now = LATER
    collector.accept([*of_control(), FIRST, BEYOND, CANARY])
    strict = Collector(store, Strict(), clock=clock)
    report = rescore(store, strict, Selection(targets=targets), write=True)
    assert stored(store).state is State.OK
    assert stored(store).leads_to == replace(SEEN, state=State.DOWN)
    assert newest(store) == stored(store).leads_to
    assert report.n_seen == (len(store.load_measurements(targets=targets or None)))
    assert rescore(store, strict, Selection(), write=True).n_written in (0, 2)
    assert store.recompute_cells(b.AT - timedelta(days=1), b.AT + timedelta(days=1)) == 0
