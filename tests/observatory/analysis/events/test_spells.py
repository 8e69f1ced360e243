"""Onsets and ends in one series: each row is a situation that a network can be in."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from observatory.analysis.events.incidents import group_spells
from observatory.analysis.events.silences import find_silences
from observatory.analysis.events.spells import NetworkInfo, find_spells
from observatory.analysis.events.tallies import pool
from observatory.model import Cell, Certainty, DailyWindow, Spell, State
from tests.observatory.analysis.events.series import (
    DAY,
    HOUR,
    START,
    blocked,
    drawn,
    healthy,
    make_cell,
    make_cells,
    silent,
)

DAYS_HEALTHY = 20
BEFORE = healthy(DAYS_HEALTHY * 24)
ONSET = START + DAYS_HEALTHY * DAY
XL = {24203: NetworkInfo(isp="XL", country="ID", zone="Asia/Jakarta")}


def the_spell(cells: Sequence[Cell]) -> Spell:
    spells = find_spells(cells, XL)
    assert len(spells) == 1, [(s.onset, s.end) for s in spells]
    return spells[0]


def fed_until_found(cells: Sequence[Cell]) -> int:
    """Return how many of the last cells are needed before there is an onset."""
    ordered = sorted(cells, key=lambda c: c.bucket_at)
    first = next(n for n, cell in enumerate(ordered) if cell.state is State.LIKELY_BLOCKED)
    return next(n for n in range(1, 50) if find_spells(ordered[: first + n], XL))


@pytest.mark.parametrize("history", [3, 24, 500])
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_full_block_of_hourly_data_is_an_onset_by_the_third_failure(history: int, noise: float) -> None:
    before = drawn(history, noise, seed=7)
    before[-2:] = [(1, 0)] * 2
    cells = make_cells(before + blocked(12))
    found = find_spells(make_cells(before + blocked(3)), XL)
    assert [s.certainty for s in found] == [Certainty.SUSPECTED]
    assert fed_until_found(make_cells(healthy(history) + blocked(12))) <= 3
    spell = the_spell(cells)
    assert spell.certainty is Certainty.CONFIRMED and not spell.partial
    onset = START + history * HOUR
    assert (spell.onset.after, spell.onset.by) == (onset - HOUR, onset + HOUR)
    assert spell.suspected_at - onset <= 3 * HOUR


def test_six_measurements_an_hour_need_one_hour() -> None:
    cells = make_cells(healthy(500, per_cell=6) + blocked(4, per_cell=6))
    spell = the_spell(cells)
    assert spell.suspected_at == START + 501 * HOUR
    assert spell.confirmed_at == START + 501 * HOUR


def test_block_that_begins_within_an_hour_is_found_within_two() -> None:
    spell = the_spell(make_cells([*healthy(500, per_cell=6), (3, 3), *blocked(6, per_cell=6)]))
    assert spell.suspected_at <= START + 502 * HOUR
    assert spell.onset.after is not None and spell.onset.after <= START + 500 * HOUR + HOUR / 2
    assert spell.onset.by >= START + 500 * HOUR + HOUR / 2


@pytest.mark.parametrize("share", [0.5, 0.35, 0.2])
@pytest.mark.parametrize("per_cell", [1, 6])
def test_part_of_the_measurements_is_blocked(share: float, per_cell: int) -> None:
    counts = drawn(480, 0.01, seed=3, per_cell=per_cell) + drawn(480, share, seed=5, per_cell=per_cell)
    spell = the_spell(make_cells(counts))
    assert spell.certainty is Certainty.CONFIRMED
    assert spell.partial and spell.end is None
    assert spell.portion.low <= share <= spell.portion.high
    assert spell.onset.after is not None
    assert spell.onset.after - HOUR <= START + 480 * HOUR <= spell.onset.by + HOUR


@pytest.mark.parametrize(
    "steps_h",
    [[24], [25], [36], [48], [5, 31, 2, 19, 44], [1, 9, 3, 30]],
    ids=lambda s: "-".join(map(str, s)),
)
def test_sparse_and_irregular_series(steps_h: list[int]) -> None:
    counts = healthy(60) + blocked(8) + healthy(12)
    times, at = [], START
    for number in range(len(counts)):
        times.append(at)
        at += steps_h[number % len(steps_h)] * HOUR
    assert fed_until_found(make_cells(counts[:68], times=times)) <= 3
    spell = the_spell(make_cells(counts, times=times))
    assert (spell.onset.after, spell.onset.by) == (times[59], times[60] + HOUR)
    assert spell.end is not None
    assert (spell.end.after, spell.end.by) == (times[67], times[68] + HOUR)
    assert spell.silences == ()


@pytest.mark.parametrize("per_cell", [1, 6])
def test_two_windows_a_day_are_one_recurring_event(per_cell: int) -> None:
    counts = healthy(10 * 24, per_cell=per_cell)
    for _ in range(20):
        day = healthy(24, per_cell=per_cell)
        # 09 to 12 and 19 to 22 in Jakarta.
        day[2:5] = day[12:15] = blocked(3, per_cell=per_cell)
        counts += day
    counts += healthy(10 * 24, per_cell=per_cell)
    spell = the_spell(make_cells(counts))
    assert spell.windows == (DailyWindow.parse("09:00", "12:00"), DailyWindow.parse("19:00", "22:00"))
    assert spell.zone == "Asia/Jakarta" and spell.certainty is Certainty.CONFIRMED
    assert spell.onset.by == START + 10 * DAY + 3 * HOUR
    last = START + 29 * DAY + 14 * HOUR
    assert spell.end is not None and spell.end.after is not None
    assert last - DAY <= spell.end.after <= last < spell.end.by <= last + DAY
    assert len(group_spells([spell])) == 1


def test_blocked_from_the_first_measurement_on() -> None:
    spell = the_spell(make_cells(blocked(48)))
    assert spell.onset.after is None and spell.onset.by == START + HOUR
    assert spell.end is None and spell.portion.n_blocked == 48


def test_vantage_point_falls_silent_while_it_is_blocked() -> None:
    spell = the_spell(make_cells(BEFORE + blocked(48) + silent(100) + blocked(48)))
    assert spell.end is None
    assert [(s.start, s.end, s.offline) for s in spell.silences] == [
        (ONSET + 48 * HOUR, ONSET + 148 * HOUR, False)
    ]


def test_block_is_gone_when_the_vantage_point_speaks_again() -> None:
    spell = the_spell(make_cells(BEFORE + blocked(48) + silent(100) + healthy(48)))
    assert spell.end is not None
    assert (spell.end.after, spell.end.by) == (ONSET + 47 * HOUR, ONSET + 149 * HOUR)


def test_canary_fails_while_it_is_blocked() -> None:
    offline = [
        make_cell(ONSET + n * HOUR, State.INSUFFICIENT, rule_id="guard.vantage_offline")
        for n in range(24, 72)
    ]
    spell = the_spell(make_cells(BEFORE + blocked(24) + silent(48) + blocked(24)) + offline)
    assert spell.end is None and [s.offline for s in spell.silences] == [True]


@pytest.mark.parametrize("rule_id", ["guard.vantage_offline", "guard.vantage_unavailable"])
def test_silence_of_a_healthy_series_is_neither_onset_nor_end(rule_id: str) -> None:
    offline = [make_cell(ONSET + n * HOUR, State.INSUFFICIENT, rule_id=rule_id) for n in range(24)]
    cells = make_cells(BEFORE + silent(72) + healthy(48)) + offline
    assert find_spells(cells, XL) == []
    (tallies,) = pool(cells, width=HOUR).values()
    assert [(s.start, s.end, s.offline) for s in find_silences(tallies)] == [(ONSET, ONSET + 72 * HOUR, True)]


@pytest.mark.parametrize("state", [State.IMPAIRED, State.DOWN])
def test_what_is_unclear_is_no_block_and_no_end(state: State) -> None:
    unclear = [make_cell(ONSET + n * HOUR, state) for n in range(48)]
    assert find_spells(make_cells(BEFORE) + unclear, XL) == []
    after = make_cells(blocked(24), start=ONSET - DAY) + unclear
    spell = the_spell(make_cells(BEFORE[:-24]) + after)
    assert spell.end is None and spell.silences == ()


def test_method_changes_while_it_is_blocked() -> None:
    dns = {"mechanism": "dns.injection.blockpage", "rule_id": "dns.blockpage"}
    cells = make_cells(BEFORE) + make_cells(blocked(48), start=ONSET, **dns)
    spell = the_spell(cells + make_cells(blocked(48), start=ONSET + 2 * DAY))
    assert spell.end is None and spell.portion.n_blocked == 96
    assert [(m.layer, m.mechanism) for m in spell.methods] == [
        ("dns", "dns.injection.blockpage"),
        ("tls", "tls.reset.sni"),
    ]
    first, second = spell.methods
    assert first.end is not None and first.end.by == ONSET + 2 * DAY + HOUR
    assert second.onset.after == ONSET + 2 * DAY - HOUR and second.end is None


def test_layers_name_the_methods_and_resolvers_are_kept_apart() -> None:
    cells = make_cells(BEFORE + blocked(48))
    for resolver, counts in {"10.3.53.53": BEFORE + blocked(48), "8.8.8.8": BEFORE + healthy(48)}.items():
        cells += make_cells(counts, layer="dns", resolver=resolver, mechanism="dns.nxdomain")
    cells += make_cells(BEFORE + healthy(48), layer="tls")
    (method,) = the_spell(cells).methods
    assert (method.layer, method.mechanism, method.resolver) == ("dns", "dns.nxdomain", "10.3.53.53")
    assert method.portion.n_blocked == 48


def test_layers_alone_are_series_of_their_own() -> None:
    cells = make_cells(BEFORE + healthy(48), layer="tls")
    for resolver, counts in {"10.3.53.53": blocked(48), "8.8.8.8": healthy(48)}.items():
        cells += make_cells(BEFORE + counts, layer="dns", resolver=resolver, mechanism="dns.nxdomain")
    spell = the_spell(cells)
    assert not spell.partial and spell.onset.by == ONSET + HOUR
    assert [(m.layer, m.resolver) for m in spell.methods] == [("dns", "10.3.53.53")]


def test_a_deeper_word_for_the_same_method_is_no_change() -> None:
    cells = make_cells(BEFORE + blocked(24), mechanism="tls.reset")
    cells += make_cells(blocked(24), start=ONSET + DAY, mechanism="tls.reset.sni")
    assert [m.mechanism for m in the_spell(cells).methods] == ["tls.reset.sni"]


def test_onset_that_came_with_new_rules_is_ours() -> None:
    cells = make_cells(BEFORE) + make_cells(blocked(72), start=ONSET, rules_version="3")
    spell = the_spell(cells)
    assert spell.onset_from_rule_change
    assert group_spells([spell]) == []


def test_onset_that_came_with_new_reference_data_is_ours() -> None:
    cells = make_cells(BEFORE) + make_cells(blocked(72), start=ONSET, reference_version="2027-01-01")
    assert the_spell(cells).onset_from_rule_change


def test_onset_some_time_after_new_rules_is_in_the_world() -> None:
    cells = make_cells(BEFORE) + make_cells(healthy(5) + blocked(72), start=ONSET, rules_version="3")
    spell = the_spell(cells)
    assert not spell.onset_from_rule_change and spell.versions == (("3", "2026-11-23"),)
    assert len(group_spells([spell])) == 1


def test_new_rules_while_it_is_blocked_change_nothing() -> None:
    cells = make_cells(BEFORE + blocked(24)) + make_cells(blocked(24), start=ONSET + DAY, rules_version="3")
    spell = the_spell(cells)
    assert not spell.onset_from_rule_change and spell.portion.n_blocked == 48 and len(spell.versions) == 2


def test_end_that_came_with_new_rules_is_ours() -> None:
    cells = make_cells(BEFORE + blocked(48)) + make_cells(
        healthy(48), start=ONSET + 2 * DAY, rules_version="3"
    )
    spell = the_spell(cells)
    assert spell.end is not None and spell.end_from_rule_change


def test_versions_nobody_knows_any_more_prove_no_change_of_ours() -> None:
    cells = make_cells(BEFORE, rules_version="", reference_version="") + make_cells(blocked(48), start=ONSET)
    assert not the_spell(cells).onset_from_rule_change


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_failures_are_no_onset(n: int) -> None:
    assert find_spells(make_cells(BEFORE + blocked(n)), XL) == []


def test_three_failures_that_end_are_withdrawn() -> None:
    assert find_spells(make_cells(BEFORE + blocked(3) + healthy(24)), XL) == []


def test_vantage_points_of_one_network_are_added_up() -> None:
    one = make_cells(BEFORE + blocked(24), vantage="jkt-xl")
    other = make_cells(BEFORE + healthy(24), vantage="sby-xl")
    spell = the_spell(one + other)
    assert spell.vantages == ("jkt-xl", "sby-xl")
    assert spell.partial and spell.portion.low <= 0.5 <= spell.portion.high


def test_emulated_and_real_series_never_meet() -> None:
    cells = make_cells(BEFORE + blocked(2)) + make_cells(blocked(2), start=ONSET, emulated=True)
    assert find_spells(cells, XL) == []


def test_cells_in_any_order_give_the_same() -> None:
    cells = make_cells(drawn(480, 0.02, seed=1) + drawn(300, 0.4, seed=2) + drawn(200, 0.02, seed=3))
    shuffled = list(cells)
    random.Random(4).shuffle(shuffled)
    assert find_spells(shuffled, XL) == find_spells(cells, XL) != []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=120),
    st.lists(st.integers(1, 90), min_size=1, max_size=10),
)
@example(counts=[(4, 1), (0, 2)], steps_h=[1])
def test_any_series_gives_sound_spells(counts: list[tuple[int, int]], steps_h: list[int]) -> None:
    times: list[datetime] = []
    at = START
    for number in range(len(counts)):
        times.append(at)
        at += steps_h[number % len(steps_h)] * HOUR
    cells = make_cells(counts, times=times)
    spells = find_spells(cells, XL)
    failing = sum(k for _, k in counts)
    assert sum(s.portion.n_blocked for s in spells) <= failing
    for spell in spells:
        # Three failures raise a suspicion; one of them may lie in an hour that the border leaves out.
        assert failing >= 3 and spell.portion.n_blocked >= 1
        assert spell.onset.after is None or spell.onset.after < spell.onset.by
        assert spell.end is None or (spell.end.after is not None and spell.end.after < spell.end.by)
        assert spell.end is None or spell.onset.by <= spell.end.by
    for one, other in pairwise(spells):
        assert one.end is not None and one.end.by < other.onset.by
    assert find_spells([replace(c, state=State.OK, mechanism=None) for c in cells], XL) == []


def test_silence_up_to_now_belongs_to_what_goes_on() -> None:
    until = ONSET + 10 * DAY
    (spell,) = find_spells(make_cells(BEFORE + blocked(48)), XL, until=until)
    assert [(s.start, s.end) for s in spell.silences] == [(ONSET + 48 * HOUR, until)]


@pytest.mark.parametrize("change", [{"n": -1}, {"bucket_at": datetime(2026, 1, 1)}])  # noqa: DTZ001
def test_cells_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"cell of t\.me at AS24203: expected an aware time and a count"):
        find_spells([replace(make_cell(START, State.OK), **change)], XL)  # type: ignore[arg-type]


def test_a_zone_nobody_knows_hides_no_block() -> None:
    networks = {24203: NetworkInfo(zone="Mars/Olympus")}
    assert len(find_spells(make_cells(BEFORE + blocked(200)), networks)) == 1


def test_single_measurements_have_exact_borders() -> None:
    step = timedelta(minutes=10)
    cells = make_cells(healthy(500) + blocked(20) + healthy(20), step=step)
    (spell,) = find_spells(cells, XL, width=timedelta())
    assert (spell.onset.after, spell.onset.by) == (START + 499 * step, START + 500 * step)
    assert spell.end is not None
    assert (spell.end.after, spell.end.by) == (START + 519 * step, START + 520 * step)
