"""What pages ask for."""

from typing import Any

import pytest
from sqlalchemy import event

from observatory.model import Cell, Grain, Role, State, VantagePoint, Via
from observatory.model.views import Coverage, Gap, GapReason, Share
from observatory.store import Store
from probes.records import TargetKind
from tests.observatory.store.backdoor import connect
from tests.observatory.store.samples import AT, DAY, HOUR, MINUTE, make_measurement, make_verdict

BUCKET = AT.replace(minute=0)
POINT = VantagePoint(
    id="jkt-one",
    name="Rumah",
    isp="One",
    asn=64500,
    country="ID",
    city="Jakarta",
    timezone="Asia/Jakarta",
    via=Via(kind="device", value="wlan0"),
)
CONTROL = VantagePoint(id="ams", name="Amsterdam", isp="Far", asn=64999, country="NL", role=Role.CONTROL)


@pytest.fixture
def filled(store: Store) -> Store:
    blocked = make_verdict(State.BLOCKED, mechanism="tls.reset")
    store.save_measurements(
        [
            (make_measurement("m1", at=AT), make_verdict()),
            (make_measurement("m2", at=AT + MINUTE), blocked),
            (make_measurement("m3", at=AT + 2 * MINUTE, asn=64501), blocked),
            (make_measurement("m4", vantage="jkt-two"), make_verdict(State.INSUFFICIENT)),
            (make_measurement("m5", target="dc1", at=AT + HOUR, emulated=True), make_verdict(State.DOWN)),
            (make_measurement("m6", target="example.com", kind=TargetKind.CANARY), make_verdict()),
        ],
        received_at=AT,
    )
    return store


def test_an_empty_store_answers_everything(store: Store) -> None:
    assert store.load_coverage() == Coverage(
        first_at=None, last_at=None, n_measurements=0, emulated=False, real=False
    )
    assert store.load_latest() == store.load_cells(Grain.DAY, AT, AT + DAY) == ()
    assert store.load_share(Grain.DAY, AT, AT + DAY, by="target") == ()
    assert store.load_vantage_status() == store.load_gaps(AT, AT + DAY) == ()
    assert store.load_config_state() is None
    assert store.load_measurements() == []


def test_cells_are_summed_over_networks(filled: Store) -> None:
    assert filled.load_cells(Grain.HOUR, BUCKET, BUCKET + HOUR, vantages=["jkt-one"]) == (
        _cell(State.BLOCKED, "tls.reset", 2),
        _cell(State.OK, None, 1),
    )


def _cell(state: State, mechanism: str | None, n: int) -> Cell:
    return Cell(
        bucket_at=BUCKET,
        vantage="jkt-one",
        target="t.me",
        layer="overall",
        state=state,
        mechanism=mechanism,
        rule_id=f"tls.{state}",
        n=n,
    )


def test_the_end_is_exclusive_and_the_start_is_a_bucket(filled: Store) -> None:
    assert filled.load_cells(Grain.HOUR, BUCKET + HOUR, BUCKET + HOUR) == ()
    assert {c.target for c in filled.load_cells(Grain.HOUR, BUCKET + HOUR, BUCKET + 2 * HOUR)} == {"dc1"}
    assert {c.target for c in filled.load_cells(Grain.HOUR, BUCKET, BUCKET + HOUR)} == {"t.me"}


@pytest.mark.parametrize(
    ("emulated", "targets"), [(None, {"t.me", "dc1"}), (True, {"dc1"}), (False, {"t.me"})]
)
def test_emulated_and_real_can_be_told_apart(filled: Store, emulated: bool | None, targets: set[str]) -> None:
    shares = filled.load_share(Grain.DAY, BUCKET - DAY, AT + DAY, by="target", emulated=emulated)
    assert {share.key for share in shares} == targets


def test_a_share_counts_what_could_be_judged(filled: Store) -> None:
    shares = filled.load_share(Grain.HOUR, BUCKET, BUCKET + HOUR, by="vantage")
    assert shares == (
        Share(bucket_at=BUCKET, key="jkt-one", n_blocked=2, n_judged=3, n=3),
        Share(bucket_at=BUCKET, key="jkt-two", n_blocked=0, n_judged=0, n=1),
    )
    dns = filled.load_share(Grain.HOUR, BUCKET, BUCKET + HOUR, by="target", layer="dns", targets=["t.me"])
    assert [(s.n_blocked, s.n_judged, s.n) for s in dns] == [(0, 4, 4)]


def test_latest_is_the_newest_whatever_came_last(filled: Store) -> None:
    filled.save_measurements([(make_measurement("old", at=AT - DAY), make_verdict())], received_at=AT)
    (latest,) = [x for x in filled.load_latest() if (x.vantage, x.target) == ("jkt-one", "t.me")]
    assert (latest.measurement_id, latest.state, latest.asn) == ("m3", State.BLOCKED, 64501)
    assert (latest.n_ok, latest.n_tried, latest.partial, latest.emulated) == (1, 2, False, False)


def test_canaries_are_kept_but_counted_nowhere(filled: Store) -> None:
    assert filled.load_coverage().n_measurements == 5
    assert "example.com" not in {x.target for x in filled.load_latest()}
    found = filled.load_measurement("m6")
    assert found is not None and found[1] == make_verdict()


def test_raw_rows_are_found_by_what_is_asked(filled: Store) -> None:
    filled.save_vantage_points([CONTROL], at=AT)
    filled.save_measurements(
        [(make_measurement("c1", vantage="ams", round_id="far"), make_verdict(provisional=True))],
        received_at=AT,
    )

    def ids(**asked: object) -> set[str]:
        return {m.id for m in filled.load_measurements(**asked)}  # type: ignore[arg-type]

    assert ids(target="dc1") == {"m5"}
    assert ids(targets=["dc1", "example.com"]) == {"m5", "m6"}
    assert ids(vantage="jkt-two") == {"m4"}
    assert ids(round_id="far") == ids(roles=[Role.CONTROL]) == ids(provisional=True) == {"c1"}
    assert ids(kind=TargetKind.CANARY) == {"m6"}
    assert ids(start=AT + MINUTE, end=AT + 2 * MINUTE) == {"m2"}
    assert ids(provisional=False, limit=1) <= {"m1", "m4", "m6"}


def test_vantage_points_follow_the_config(store: Store) -> None:
    store.save_vantage_points([POINT, CONTROL], at=AT)
    store.save_vantage_points([POINT], at=AT + HOUR)
    ams, jkt = store.load_vantage_status(now=AT)
    assert (ams.id, ams.removed, ams.role) == ("ams", True, Role.CONTROL)
    assert (jkt.name, jkt.via, jkt.timezone, jkt.removed) == ("Rumah", POINT.via, "Asia/Jakarta", False)
    assert store.load_control_vantages() == {"ams"}
    store.save_vantage_points([CONTROL], at=AT + 2 * HOUR)
    assert [status.removed for status in store.load_vantage_status(now=AT)] == [False, True]


def test_an_error_stays_until_a_newer_one(store: Store) -> None:
    store.save_vantage_points([POINT], at=AT)
    for minute, error in ((0, "no device wlan0"), (10, None)):
        at = AT + minute * MINUTE
        store.record_run(
            "jkt-one",
            started_at=at,
            finished_at=at + MINUTE,
            next_run_at=at + 10 * MINUTE,
            n_measurements=0,
            error=error,
        )
    (status,) = store.load_vantage_status(now=AT)
    assert (status.last_error, status.last_error_at) == ("no device wlan0", AT + MINUTE)
    assert (status.last_started_at, status.next_run_at) == (AT + 10 * MINUTE, AT + 20 * MINUTE)
    assert status.last_seen_at is None


def test_last_seen_is_when_it_measured_last(store: Store) -> None:
    store.save_vantage_points([POINT], at=AT)
    for minute in (0, 10, 5):
        measured = make_measurement(f"m{minute}", at=AT + minute * MINUTE)
        store.save_measurements([(measured, make_verdict())], received_at=AT)
    assert store.load_vantage_status(now=AT)[0].last_seen_at == AT + 10 * MINUTE


def test_gaps_are_counted_over_a_day(store: Store) -> None:
    store.save_vantage_points([POINT], at=AT)
    for hours in (0, 30):
        store.record_gap("jkt-one", at=AT + hours * HOUR, reason="misfire", detail="asleep")
    assert store.load_vantage_status(now=AT + 30 * HOUR)[0].n_gaps_24h == 1
    gap = Gap(vantage="jkt-one", at=AT, reason=GapReason.MISFIRE, detail="asleep")
    assert store.load_gaps(AT, AT + DAY) == (gap,)
    with pytest.raises(ValueError, match="tired"):
        store.record_gap("jkt-one", at=AT, reason="tired", detail="")


def test_a_bad_config_does_not_hide_the_last_good_one(store: Store) -> None:
    store.record_config(path="vantage_points.yaml", at=AT, errors=[])
    store.record_config(path="vantage_points.yaml", at=AT + HOUR, errors=["12 asn: expected …"])
    state = store.load_config_state()
    assert state is not None
    assert (state.at, state.good_at, state.errors) == (AT + HOUR, AT, ("12 asn: expected …",))


def test_open_windows_are_found_without_reading_history(filled: Store) -> None:
    statements: list[tuple[str, Any]] = []

    @event.listens_for(filled._engine, "before_cursor_execute")
    def _note(_c: Any, _cursor: Any, statement: str, parameters: Any, _x: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    filled.load_measurements(provisional=True, end=AT + DAY, limit=10)
    event.remove(filled._engine, "before_cursor_execute", _note)
    (asked,) = [pair for pair in statements if pair[0].startswith("SELECT")]
    with connect(filled) as connection:
        steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}", asked[1])]
    assert any("ix_verdicts_open" in step for step in steps), steps
    assert not any("ix_measurements" in step for step in steps), steps
