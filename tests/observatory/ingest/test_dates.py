"""Measurements whose date cannot be right are set aside at the one way in, whoever brings them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from observatory.ingest.collector import Collector
from observatory.ingest.dates import CLOCK_TOLERANCE, FIRST_DATE, date_problem
from observatory.model.views import Gap, GapReason
from observatory.store import Store, open_store
from probes.records import Measurement, TargetKind
from tests.observatory.store.samples import make_measurement

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("situation", "at"),
    [
        ("the first moment", FIRST_DATE),
        ("the block of 2017", datetime(2017, 7, 14, tzinfo=UTC)),
        ("as it arrives", NOW),
        ("a clock a little fast", NOW + CLOCK_TOLERANCE),
        ("the same in local time", (NOW + CLOCK_TOLERANCE).astimezone(timezone(timedelta(hours=7)))),
    ],
)
def test_dates_that_can_be_right(situation: str, at: datetime) -> None:
    assert date_problem(at, NOW) is None, situation


@pytest.mark.parametrize(
    ("at", "found"),
    [
        (FIRST_DATE - MOMENT, "2011-12-31 23:59 UTC"),
        (datetime(1970, 1, 1, tzinfo=UTC), "1970-01-01 00:00 UTC"),
        (datetime.min.replace(tzinfo=UTC), "0001-01-01 00:00 UTC"),
        # West and east of UTC, where the year overflows.
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-7))), "9999-12-31 23:59"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=7))), "0001-01-01 00:00"),
        (NOW + CLOCK_TOLERANCE + MOMENT, "2026-11-25 15:00 UTC"),
        (NOW + timedelta(hours=7), "2026-11-25 19:00 UTC"),
        (NOW.replace(year=2036), "2036-11-25 12:00 UTC"),
    ],
)
def test_dates_that_cannot_be_right_say_why(at: datetime, found: str) -> None:
    problem = date_problem(at, NOW)
    assert problem is not None
    assert problem.startswith("start time: expected 2012-01-01 to 2026-11-25 12:00 UTC")
    assert found in problem


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        yield opened


def _round(name: str, at: datetime, vantage: str = "jkt-one") -> list[Measurement]:
    return [
        make_measurement(name, vantage=vantage, at=at, round_id=f"r-{name}"),
        make_measurement(
            f"{name}-canary",
            vantage=vantage,
            at=at,
            round_id=f"r-{name}",
            target="example.com",
            kind=TargetKind.CANARY,
        ),
    ]


def _accept(store: Store, *measurements: Measurement) -> list[str]:
    return [m.id for m, _ in Collector(store, clock=lambda: NOW).accept(measurements)]


def _gaps(store: Store) -> tuple[Gap, ...]:
    return store.load_gaps(NOW - timedelta(hours=1), NOW + timedelta(hours=1))


@pytest.mark.parametrize("at", [NOW.replace(year=2036), NOW.replace(year=9999), NOW.replace(year=1980)])
def test_a_round_with_a_wrong_clock_leaves_a_gap_and_nothing_else(store: Store, at: datetime) -> None:
    assert _accept(store, *_round("wrong", at)) == []
    assert store.load_latest() == ()
    assert store.load_coverage().n_measurements == 0
    assert store.load_measurements() == []
    assert all(status.last_seen_at is None for status in store.load_vantage_status(now=NOW))
    (gap,) = _gaps(store)
    assert (gap.vantage, gap.at, gap.reason) == ("jkt-one", NOW, GapReason.CLOCK)
    assert gap.detail.startswith("2 of 2 measurements set aside; start time: expected 2012-01-01")


def test_what_comes_afterwards_is_the_newest(store: Store) -> None:
    _accept(store, *_round("wrong", NOW.replace(year=2036)))
    _accept(store, *_round("right", NOW))
    (latest,) = store.load_latest()
    assert (latest.measurement_id, latest.measured_at) == ("right", NOW)


def test_one_wrong_date_costs_its_measurement_alone(store: Store) -> None:
    wrong = replace(
        make_measurement("wrong", at=NOW, target="telegram.org"), started_at=NOW.replace(year=2036)
    )
    elsewhere = _round("elsewhere", NOW.replace(year=1999), vantage="sby-two")
    assert _accept(store, *_round("right", NOW), wrong, *elsewhere) == ["right", "right-canary"]
    assert [row.measurement_id for row in store.load_latest()] == ["right"]
    found = {gap.vantage: gap.detail.partition(";")[0] for gap in _gaps(store)}
    assert found == {
        "jkt-one": "1 of 5 measurements set aside",
        "sby-two": "2 of 5 measurements set aside",
    }


def test_rounds_with_good_dates_leave_no_gap(store: Store) -> None:
    _accept(store, *_round("right", NOW), *_round("old", datetime(2017, 7, 14, tzinfo=UTC)))
    assert _gaps(store) == ()
