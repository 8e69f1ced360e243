"""From stored measurements to events and alerts: live, late, judged again, interrupted, two at once."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from observatory.detection.detector import Detector
from observatory.model import (
    AlertKind,
    Audience,
    Event,
    Note,
    Role,
    Series,
    Shows,
    Spell,
    State,
    VantagePoint,
    Verdict,
)
from observatory.model.detection import DetectionResult
from observatory.store import StaleDetection, Store, StoreError, open_store
from probes.records import Measurement
from tests.observatory.store.backdoor import connect
from tests.observatory.store.samples import make_measurement, make_verdict

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ONSET = START + 10 * DAY
NOW = START + 20 * DAY
Judged = tuple[Measurement, Verdict]

XL = VantagePoint(id="jkt-xl", name="XL", isp="XL Axiata", asn=24203, country="ID", timezone="Asia/Jakarta")
CONTROL = VantagePoint(id="sg", name="Singapore", isp="SG", asn=1, country="SG", role=Role.CONTROL)


@pytest.fixture
def store(tmp_path: Path) -> Iterable[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        opened.save_vantage_points([XL, CONTROL], at=START)
        yield opened


def measured(
    at: datetime, state: State, *, target: str = "t.me", vantage: VantagePoint = XL, version: str = "2"
) -> Judged:
    measurement = make_measurement(
        f"{vantage.id} {target} {at:%Y-%m-%dT%H:%M}",
        vantage=vantage.id,
        asn=vantage.asn,
        target=target,
        at=at,
    )
    mechanism = "tls.reset.sni" if state is State.BLOCKED else None
    return measurement, replace(make_verdict(state, mechanism=mechanism), rules_version=version)


def hours(start: datetime, end: datetime, state: State, **changes: object) -> list[Judged]:
    """One measurement an hour, ten minutes past it."""
    n = (end - start) // HOUR
    return [measured(start + k * HOUR + timedelta(minutes=10), state, **changes) for k in range(n)]  # type: ignore[arg-type]


def block(until: datetime = ONSET + 3 * DAY, **changes: object) -> list[Judged]:
    return hours(START, ONSET, State.OK, **changes) + hours(ONSET, until, State.BLOCKED, **changes)


def save(store: Store, judged: Sequence[Judged]) -> None:
    store.save_measurements(judged, received_at=NOW)


def search(store: Store, now: datetime = NOW, *, review: bool = False) -> None:
    Detector(store).run(now, review=review)


def the_event(store: Store) -> Event:
    (revision,) = store.load_events()
    return revision.event


def the_spell(store: Store) -> Spell:
    (spell,) = the_event(store).spells
    return spell


def announced(store: Store) -> list[str]:
    return [alert.kind.value for alert in store.load_alerts()]


def test_block_is_found_with_exact_borders_and_witnesses(store: Store) -> None:
    save(store, block() + hours(ONSET + 3 * DAY, ONSET + 5 * DAY, State.OK))
    save(store, hours(ONSET, ONSET + DAY, State.OK, vantage=CONTROL))
    search(store)
    spell = the_spell(store)
    ten = timedelta(minutes=10)
    assert (spell.onset.after, spell.onset.by) == (ONSET - HOUR + ten, ONSET + ten)
    assert spell.end is not None
    assert (spell.end.after, spell.end.by) == (ONSET + 71 * HOUR + ten, ONSET + 72 * HOUR + ten)
    assert (spell.isp, spell.country, spell.zone) == ("XL Axiata", "ID", "Asia/Jakarta")
    assert (spell.portion.n_blocked, spell.portion.n_judged) == (72, 72)
    assert [(w.shows, w.at) for w in spell.witnesses] == [
        (Shows.LAST_OK, ONSET - HOUR + ten),
        *((Shows.FIRST_BLOCKED, ONSET + k * HOUR + ten) for k in range(3)),
        *((Shows.LAST_BLOCKED, ONSET + k * HOUR + ten) for k in (70, 71)),
        *((Shows.FIRST_OK, ONSET + k * HOUR + ten) for k in (72, 73)),
    ]
    for witness in spell.witnesses:
        assert store.load_measurement(witness.measurement_id) is not None
    assert spell.control is not None
    assert (spell.control.n_blocked, spell.control.n_judged) == (0, 24)
    assert spell.versions == (("2", "2026-11"),)
    assert [(m.layer, m.mechanism) for m in spell.methods] == [("tls", "tls.reset.sni")]
    (alert,) = store.load_alerts()
    assert (alert.kind, alert.audience, alert.event, alert.revision) == (
        AlertKind.ONSET,
        Audience.PUBLIC,
        the_event(store).id,
        1,
    )


def live(store: Store, judged: Sequence[Judged]) -> None:
    for pair in judged:
        save(store, [pair])
        search(store, pair[0].started_at)


def at_once(store: Store, judged: Sequence[Judged]) -> None:
    save(store, judged)


def in_disorder(store: Store, judged: Sequence[Judged]) -> None:
    shuffled = list(judged)
    random.Random(5).shuffle(shuffled)
    for first in range(0, len(shuffled), 40):
        save(store, shuffled[first : first + 40])
        search(store)


def one_part_very_late(store: Store, judged: Sequence[Judged]) -> None:
    late = [pair for pair in judged if ONSET - DAY <= pair[0].started_at < ONSET + DAY]
    live(store, [pair for pair in judged if pair not in late][::3])
    live(store, [pair for pair in judged if pair not in late])
    save(store, late)


@pytest.mark.parametrize("feed", [live, in_disorder, one_part_very_late], ids=lambda feed: feed.__name__)
def test_how_it_is_fed_makes_no_difference(
    tmp_path: Path, feed: Callable[[Store, Sequence[Judged]], None]
) -> None:
    judged = block(ONSET + 2 * DAY) + hours(ONSET + 2 * DAY, ONSET + 4 * DAY, State.OK)
    found = []
    for name, way in {"one": at_once, "other": feed}.items():
        with open_store(f"sqlite:///{tmp_path}/{name}.sqlite") as store:
            store.save_vantage_points([XL], at=START)
            way(store, judged)
            search(store, review=True)
            found.append(store.load_spells())
    assert found[0] == found[1] and len(found[0]) == 1


def test_nothing_is_searched_twice(store: Store) -> None:
    save(store, block())
    assert Detector(store).run(NOW).n_series == 1
    outcome = Detector(store).run(NOW, review=True)
    assert (outcome.n_series, outcome.n_revised, outcome.n_alerts) == (0, 0, 0)


def test_late_upload_of_two_days_moves_the_onset_and_is_corrected_once(store: Store) -> None:
    back = ONSET + 2 * DAY
    save(store, hours(START, ONSET, State.OK) + hours(back, back + DAY, State.BLOCKED))
    search(store, back + DAY)
    assert the_spell(store).onset.after == ONSET - HOUR + timedelta(minutes=10)
    assert the_spell(store).onset.by == back + timedelta(minutes=10)
    (first,) = store.load_alerts()

    later = back + DAY + HOUR
    gap = hours(ONSET, ONSET + 20 * HOUR, State.OK) + hours(ONSET + 20 * HOUR, back, State.BLOCKED)
    for start in range(0, len(gap), 10):
        save(store, gap[start : start + 10])
        search(store, later)
    assert announced(store) == ["onset"], "the upload is still under way"
    search(store, later + timedelta(minutes=20), review=True)
    search(store, later + timedelta(minutes=40), review=True)
    assert the_spell(store).onset.by == ONSET + 20 * HOUR + timedelta(minutes=10)
    assert announced(store) == ["onset", "correction"]
    assert store.load_alerts()[0] == first, "what was announced stays in the log"
    revisions = store.load_revisions(the_event(store).id)
    assert revisions[0].event.onset.by == back + timedelta(minutes=10)
    assert AlertKind.CORRECTION in {cause for r in revisions for cause in r.causes}


def test_data_older_than_the_checkpoint(store: Store) -> None:
    judged = block(ONSET + 8 * DAY)
    live(store, judged[12 * 24 :])
    assert the_spell(store).onset.after is None, "blocked from the first measurement on"
    save(store, judged[: 12 * 24])
    search(store)
    assert the_spell(store).onset.by == ONSET + timedelta(minutes=10)


def old_spool_then_live_round(store: Store, spool: Sequence[Judged], live_round: Sequence[Judged]) -> None:
    save(store, spool)
    save(store, live_round)


def live_round_then_old_spool(store: Store, spool: Sequence[Judged], live_round: Sequence[Judged]) -> None:
    save(store, live_round)
    save(store, spool)


def both_in_one_batch(store: Store, spool: Sequence[Judged], live_round: Sequence[Judged]) -> None:
    save(store, [*live_round, *spool])


@pytest.mark.parametrize(
    "arrive",
    [old_spool_then_live_round, live_round_then_old_spool, both_in_one_batch],
    ids=lambda arrive: arrive.__name__,
)
def test_a_block_in_an_old_spool_is_not_lost_beside_a_live_round(
    store: Store, arrive: Callable[[Store, Sequence[Judged], Sequence[Judged]], None]
) -> None:
    """An agent was cut off during a block, and sends what it kept just before its next round."""
    back = ONSET + 2 * DAY
    save(store, hours(START, ONSET, State.OK) + hours(back, back + 8 * DAY, State.OK))
    search(store)
    assert store.load_events() == (), "the test has gone on from there"
    spool = hours(ONSET, back, State.BLOCKED)
    arrive(store, spool, [measured(back + 8 * DAY, State.OK)])
    search(store)
    spell = the_spell(store)
    assert spell.onset.by == spool[0][0].started_at
    assert spell.end is not None and spell.end.after == spool[-1][0].started_at


def test_verdicts_that_are_judged_again_withdraw_the_event(store: Store) -> None:
    save(store, block())
    search(store)
    store.replace_verdicts({m.id: replace(v, state=State.OK, mechanism=None) for m, v in block()})
    search(store)
    assert the_event(store).withdrawn and store.load_spells() == []
    assert announced(store) == ["onset", "withdrawal"]


def test_searching_everything_again_takes_back_what_is_not_found_again(store: Store) -> None:
    save(store, block())
    search(store)
    store.replace_verdicts({m.id: replace(v, state=State.OK, mechanism=None) for m, v in block()})
    store.mark_all_dirty()
    search(store)
    assert the_event(store).withdrawn and store.load_spells() == []


def test_onset_from_a_rule_change_is_for_the_operator_alone(store: Store) -> None:
    save(store, hours(START, ONSET, State.OK) + hours(ONSET, ONSET + DAY, State.BLOCKED, version="3"))
    search(store)
    search(store, review=True)
    assert store.load_events() == ()
    (alert,) = store.load_alerts()
    assert (alert.kind, alert.audience) == (AlertKind.RULE_CHANGE, Audience.OPERATOR)
    assert "XL Axiata: t.me" in alert.detail
    before = hours(START, ONSET, State.OK)
    store.replace_verdicts({m.id: replace(v, rules_version="3") for m, v in before})
    search(store)
    assert not the_spell(store).onset_from_rule_change, (
        "the past was judged by the same rules, and the block stands"
    )


def test_many_hosts_are_one_event_and_one_alert(store: Store) -> None:
    hosts = [f"host{n}" for n in range(11)]
    save(store, [pair for host in hosts for pair in block(ONSET + DAY, target=host)[-120:]])
    search(store)
    assert the_event(store).targets == tuple(sorted(hosts))
    assert announced(store) == ["onset"]


def test_spread_is_announced_once_in_half_an_hour_with_all_that_joined(store: Store) -> None:
    points = [replace(XL, id=f"v{n}", asn=n, isp=f"ISP {n}") for n in range(1, 5)]
    store.save_vantage_points([XL, *points], at=START)
    save(store, block(ONSET + DAY))
    search(store, ONSET + DAY)
    for number, point in enumerate(points):
        save(store, block(ONSET + DAY, vantage=point)[-150:])
        search(store, ONSET + DAY + (number + 1) * timedelta(minutes=5))
    assert announced(store) == ["onset"]
    search(store, ONSET + DAY + timedelta(minutes=30), review=True)
    search(store, ONSET + DAY + HOUR, review=True)
    assert announced(store) == ["onset", "spread"]
    assert len(the_event(store).networks) == 5


@pytest.mark.parametrize("ends", [True, False])
def test_archive_of_years_ago_is_kept_and_nobody_is_alarmed(store: Store, ends: bool) -> None:
    save(store, block() + (hours(ONSET + 3 * DAY, ONSET + 5 * DAY, State.OK) if ends else []))
    search(store, NOW + 400 * DAY)
    assert (the_event(store).end is not None) == ends and announced(store) == []


def test_a_clock_that_runs_ahead_leaves_the_others_where_they_are(store: Store) -> None:
    save(store, [*block(), measured(START + 4000 * DAY, State.OK, target="telegram.org")])
    search(store)
    (checkpoint,) = store.load_checkpoints([Series(target="t.me", asn=XL.asn)]).values()
    assert checkpoint.at == ONSET + 71 * HOUR - 2 * DAY


def test_control_vantage_points_have_no_events(store: Store) -> None:
    save(store, block(vantage=CONTROL))
    search(store)
    assert store.load_events() == ()


def test_full_disk_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    save(store, block())

    def refuse(result: DetectionResult, *, at: datetime) -> None:
        raise StoreError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "save_result", refuse)
        with pytest.raises(StoreError, match="disk full"):
            search(store)
    assert store.load_events() == ()
    search(store)
    assert announced(store) == ["onset"]


def test_two_detectors_at_once_announce_once(store: Store, tmp_path: Path) -> None:
    save(store, block())
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as other:
        original = store.load_events

        def overtaken(**options: bool | None) -> object:
            found = original(**options)
            if not found:
                search(other)
            return found

        store.load_events = overtaken  # type: ignore[assignment,method-assign]
        search(store)
    assert announced(store) == ["onset"]
    assert len(store.load_revisions(the_event(store).id)) == 1


def test_a_result_that_rests_on_old_events_is_refused(store: Store) -> None:
    save(store, block())
    search(store)
    event = the_event(store)
    stale = DetectionResult(
        searched=(), checkpoints=(), spells={}, revised={}, updated=[event], known={event.id: 7}, alerts=()
    )
    with pytest.raises(StaleDetection):
        store.save_result(stale, at=NOW)


def test_a_series_that_another_process_finished_with_is_not_written_over(store: Store) -> None:
    save(store, block())
    (dirty,) = store.load_dirty_series(10)
    search(store)
    stale = DetectionResult(
        searched=[dirty],
        checkpoints=(),
        spells={dirty.series: []},
        revised={},
        updated=(),
        known={},
        alerts=(),
    )
    with pytest.raises(StaleDetection):
        store.save_result(stale, at=NOW)
    assert len(store.load_spells()) == 1


def test_a_series_that_changes_while_it_is_searched_is_searched_again(store: Store) -> None:
    save(store, block()[:-1])
    (dirty,) = store.load_dirty_series(10)
    save(store, block()[-1:])
    result = DetectionResult(
        searched=[dirty], checkpoints=(), spells={}, revised={}, updated=(), known={}, alerts=()
    )
    store.save_result(result, at=NOW)
    assert len(store.load_dirty_series(10)) == 1


def test_witnesses_outlive_their_raw_rows(store: Store) -> None:
    save(store, block())
    search(store)
    before = the_spell(store)
    store.delete_raw_before(ONSET + 2 * DAY)
    store.mark_all_dirty()
    search(store)
    after = the_spell(store)
    assert after.onset == before.onset
    assert {w.measurement_id for w in before.witnesses} & {w.measurement_id for w in after.witnesses}


def test_borders_follow_verdicts_that_are_judged_again(store: Store) -> None:
    save(store, block())
    search(store)
    near = [(m, v) for m, v in block() if ONSET - 2 * HOUR <= m.started_at < ONSET]
    store.replace_verdicts({m.id: replace(v, state=State.IMPAIRED, mechanism=None) for m, v in near})
    search(store)
    assert the_spell(store).onset.after == ONSET - 3 * HOUR + timedelta(minutes=10)


def test_method_that_began_with_the_block_has_its_exact_onset(store: Store) -> None:
    save(store, block())
    search(store)
    (method,) = the_spell(store).methods
    assert method.onset == the_spell(store).onset


@pytest.mark.parametrize("table", ["alerts", "event_revisions", "event_notes"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET at = 0"])
def test_history_cannot_be_rewritten(store: Store, table: str, statement: str) -> None:
    save(store, block())
    search(store)
    store.save_note(Note(event=the_event(store).id, at=NOW, name="R. Reviewer", text="checked"))
    with connect(store) as connection, pytest.raises(Exception, match="only ever added"):
        connection.execute(text(statement.format(table)))


@pytest.mark.parametrize(
    ("name", "note", "message"),
    [
        ("", "text", "name: expected"),
        ("R", "  ", "text: expected"),
        ("R", "x" * 5000, "text: expected 1 to 4000"),
    ],
)
def test_a_note_that_cannot_be_taken(store: Store, name: str, note: str, message: str) -> None:
    save(store, block())
    search(store)
    event = the_event(store).id
    with pytest.raises(ValueError, match=message):
        store.save_note(Note(event=event, at=NOW, name=name, text=note))
    with pytest.raises(KeyError):
        store.save_note(Note(event="nothing", at=NOW, name="R", text="text"))
    assert store.load_notes(event) == ()
