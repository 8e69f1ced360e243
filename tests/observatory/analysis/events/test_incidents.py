"""Many spells and one event; its id over time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from observatory.analysis.events.incidents import group_spells
from observatory.analysis.events.news import find_news
from observatory.analysis.events.spells import NetworkInfo, find_spells
from observatory.model import AlertKind, Certainty, Event, Spell
from tests.observatory.analysis.events.series import (
    DAY,
    HOUR,
    START,
    blocked,
    healthy,
    make_cells,
    make_spell,
)


def ids(spells: list[Spell], known: list[Event] | None = None) -> list[str]:
    return [event.id for event in group_spells(spells, known or []) if not event.withdrawn]


def test_two_hundred_isps_and_eleven_hosts_within_an_hour_are_one_event() -> None:
    cells = []
    for asn in range(1, 201):
        for host in range(11):
            onset = START + 3 * DAY + (asn * 11 + host) % 60 * timedelta(minutes=1)
            hour = onset.replace(minute=0)
            n_before = (hour - START) // HOUR
            counts = [*healthy(n_before, per_cell=6), (3, 3), *blocked(4, per_cell=6)]
            cells += make_cells(counts[60:], start=START + 60 * HOUR, asn=asn, target=f"host{host}")
    networks = {asn: NetworkInfo(isp=f"ISP {asn}", country="ID") for asn in range(1, 201)}
    spells = find_spells(cells, networks)
    assert len(spells) == 2200
    (event,) = group_spells(spells)
    assert len(event.networks) == 200 and len(event.targets) == 11
    assert event.certainty is Certainty.CONFIRMED
    assert find_news(None, event) == (AlertKind.ONSET,)
    assert find_news(event, event) == ()


def test_ends_on_some_hosts_and_isps_first_are_one_event_with_an_end_for_each() -> None:
    hosts = ("t.me", "telegram.org")
    ends = {(1, "t.me"): 600.0, (1, "telegram.org"): 590.0, (2, "t.me"): 580.0, (2, "telegram.org"): None}
    spells = [make_spell(asn=a, target=t, end_h=ends[a, t]) for a in (1, 2) for t in hosts]
    (event,) = group_spells(spells)
    assert {(s.asn, s.target): s.end and (s.end.by - START) / HOUR for s in event.spells} == ends
    assert event.end is None
    (over,) = group_spells([replace(s, end=s.end or make_spell(end_h=610).end) for s in spells])
    assert over.end is not None and over.end.by == START + 610 * HOUR


@pytest.mark.parametrize(
    ("situation", "other", "n_events"),
    [
        ("another ISP, same host, two days later", make_spell(asn=2, onset_h=48), 1),
        ("another host, same ISP, six days later", make_spell(target="telegram.org", onset_h=144), 2),
        ("another host, another ISP, an hour later", make_spell(asn=2, target="web", onset_h=1), 1),
        ("another ISP, same host, eight days later", make_spell(asn=2, onset_h=192), 2),
        ("another ISP, never measured before", make_spell(asn=2, onset_h=500, since_before=True), 1),
        ("another country", make_spell(asn=2, country="MY"), 2),
        ("emulated", make_spell(asn=2, emulated=True), 2),
        ("only our rules changed", make_spell(asn=2, onset_from_rule_change=True), 1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_belongs_together(situation: str, other: Spell, n_events: int) -> None:
    assert len(ids([make_spell(), other])) == n_events


def test_a_block_that_ended_does_not_take_a_later_one() -> None:
    assert ids([make_spell(end_h=20), make_spell(asn=2, onset_h=72)]) == ["id-2026-01-05", "id-2026-01-08"]


def test_suspicions_alone_make_no_event_and_join_one() -> None:
    suspected = make_spell(asn=2, certainty=Certainty.SUSPECTED, confirmed_at=None)
    assert ids([suspected]) == []
    (event,) = group_spells([make_spell(), suspected])
    assert len(event.spells) == 2


def test_the_id_stays_when_late_data_moves_the_onset() -> None:
    known = group_spells([make_spell(onset_h=30)])
    assert ids([make_spell(onset_h=2)], known) == ["id-2026-01-06"]


def test_two_events_of_one_day_have_two_ids() -> None:
    spells = [make_spell(country="ID"), make_spell(asn=2, target="x", emulated=True)]
    assert ids(spells) == ["id-2026-01-05", "emulated-id-2026-01-05"]
    assert ids([make_spell(end_h=5), make_spell(asn=9, target="x", onset_h=20, country="ID")]) == [
        "id-2026-01-05"
    ]
    (first,) = group_spells([make_spell(asn=7, target="y", end_h=3)])
    assert ids([make_spell(onset_h=1)], [first]) == ["id-2026-01-05-2"]


def test_two_that_become_one_keep_the_older_id() -> None:
    known = group_spells([make_spell(), make_spell(asn=2, onset_h=192)])
    together = group_spells([make_spell(), make_spell(asn=2, onset_h=50)], known)
    assert [(e.id, e.withdrawn, len(e.spells)) for e in together] == [
        ("id-2026-01-05", False, 2),
        ("id-2026-01-13", True, 1),
    ]


def test_an_event_that_nothing_is_left_of_is_withdrawn() -> None:
    known = group_spells([make_spell()])
    (event,) = group_spells([], known)
    assert event.withdrawn and event.spells == known[0].spells
    assert find_news(known[0], event) == (AlertKind.WITHDRAWAL,)
    assert find_news(event, event) == ()
    assert find_news(event, known[0]) == (AlertKind.ONSET,)
