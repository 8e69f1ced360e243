"""What is new in an event since the last alert about it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from observatory.analysis.events.news import find_news
from observatory.analysis.events.tallies import portion
from observatory.model import AlertKind, Certainty, Event, Interval, Method, Spell
from tests.observatory.analysis.events.series import HOUR, START, make_spell

SPELL = make_spell(
    methods=(Method(layer="dns", mechanism="dns.nxdomain", onset=make_spell().onset, portion=portion(9, 9)),)
)


@pytest.mark.parametrize(
    ("situation", "now", "news"),
    [
        ("nothing", [SPELL], ()),
        ("more measurements", [replace(SPELL, portion=portion(90, 90))], ()),
        ("another ISP", [SPELL, make_spell(asn=2)], (AlertKind.SPREAD,)),
        (
            "another method",
            [
                replace(
                    SPELL,
                    methods=(
                        *SPELL.methods,
                        Method(layer="tls", mechanism="tls.reset", onset=SPELL.onset, portion=portion(9, 9)),
                    ),
                )
            ],
            (AlertKind.METHOD,),
        ),
        ("it ended", [replace(SPELL, end=make_spell(end_h=90).end)], (AlertKind.END,)),
        (
            "it ended on one of two",
            [replace(SPELL, end=make_spell(end_h=90).end), make_spell(asn=2)],
            (AlertKind.SPREAD, AlertKind.PARTIAL_END),
        ),
        (
            "the onset moved a day",
            [replace(SPELL, onset=make_spell(onset_h=-24).onset)],
            (AlertKind.CORRECTION,),
        ),
        ("the onset moved by minutes", [replace(SPELL, onset=make_spell(onset_h=-0.5).onset)], ()),
        (
            "it turned out to be older than the first measurement",
            [replace(SPELL, onset=make_spell(since_before=True).onset)],
            (AlertKind.CORRECTION,),
        ),
        (
            "the network is not part of it any more",
            [make_spell(asn=2)],
            (AlertKind.CORRECTION, AlertKind.SPREAD),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_news_since_the_last_alert(situation: str, now: list[Spell], news: tuple[AlertKind, ...]) -> None:
    before = Event(id="x", country="ID", emulated=False, spells=(SPELL,))
    assert find_news(before, replace(before, spells=tuple(now))) == news


BY_RULES = replace(SPELL, end=make_spell(end_h=90).end, end_from_rule_change=True)
SUSPECTED = make_spell(asn=2, certainty=Certainty.SUSPECTED)
IN_PROGRESS = (SPELL, make_spell(asn=3))


@pytest.mark.parametrize(
    ("situation", "before", "now", "news"),
    [
        ("our rules ended it", [SPELL], [BY_RULES], (AlertKind.CORRECTION,)),
        ("they had ended it already", [BY_RULES], [BY_RULES], ()),
        ("its end is known after all", [BY_RULES], [replace(SPELL, end=BY_RULES.end)], (AlertKind.END,)),
        ("an end that was told is not known any more", [replace(SPELL, end=BY_RULES.end)], [BY_RULES],
         (AlertKind.CORRECTION,)),
        ("they ended one of two", IN_PROGRESS, [BY_RULES, make_spell(asn=3)], ()),
        ("a suspicion joined", [SPELL], [SPELL, SUSPECTED], ()),
        ("a suspicion that joined is confirmed", [SPELL, SUSPECTED], [SPELL, make_spell(asn=2)],
         (AlertKind.SPREAD,)),
        ("the suspected part alone is left", [SPELL, SUSPECTED], [SUSPECTED], (AlertKind.WITHDRAWAL,)),
        ("what was suspected is confirmed", [SUSPECTED], [make_spell(asn=2)], (AlertKind.ONSET,)),
        ("a suspicion spreads", [SUSPECTED], [SUSPECTED, replace(SUSPECTED, asn=4)], ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_only_what_is_published_is_news(
    situation: str, before: Sequence[Spell], now: Sequence[Spell], news: tuple[AlertKind, ...]
) -> None:
    event = Event(id="x", country="ID", emulated=False, spells=tuple(before))
    assert find_news(event, replace(event, spells=tuple(now))) == news


def test_an_end_that_did_not_last_is_corrected() -> None:
    before = Event(id="x", country="ID", emulated=False, spells=(make_spell(end_h=90),))
    assert find_news(before, replace(before, spells=(make_spell(),))) == (AlertKind.CORRECTION,)


def test_a_vague_border_that_becomes_clearer_is_not_a_correction() -> None:
    vague = make_spell(partial=True, onset=Interval(after=START - 30 * HOUR, by=START))
    before = Event(id="x", country="ID", emulated=False, spells=(vague,))
    clearer = replace(vague, onset=Interval(after=START - 20 * HOUR, by=START - 9 * HOUR))
    assert find_news(before, replace(before, spells=(clearer,))) == ()
    elsewhere = replace(vague, onset=Interval(after=START - 90 * HOUR, by=START - 40 * HOUR))
    assert find_news(before, replace(before, spells=(elsewhere,))) == (AlertKind.CORRECTION,)
