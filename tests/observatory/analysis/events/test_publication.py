"""What may be published: each situation of an event, and the same answer wherever it is asked for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from observatory.analysis.events.news import find_news
from observatory.analysis.events.publication import (
    Present,
    PresentKind,
    Publication,
    has_end_from_rule_change,
    is_fresh,
    is_going_on,
    is_proven,
    is_published,
    judge_present,
    judge_publication,
    public_part,
    publishable,
    shows_emulated,
    suspicions,
)
from observatory.model import (
    AlertKind,
    Certainty,
    Event,
    Interval,
    Method,
    Portion,
    Role,
    Shows,
    Spell,
    SpellEvidence,
    State,
    Witness,
)
from observatory.model.views import Coverage, Latest
from observatory.site.feeds.atom import make_entry
from tests.observatory.site.feeds.samples import HISTORIES
from tests.observatory.views.samples import NOW, make_latest, make_status

AT = datetime(2017, 7, 14, 11, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ENDED = Interval(after=AT + 2 * HOUR, by=AT + 3 * HOUR)


def make_spell(asn: int = 1, **other: Any) -> Spell:
    """Return a confirmed block of t.me that goes on."""
    given: dict[str, Any] = {
        "target": "t.me",
        "asn": asn,
        "onset": Interval(after=AT, by=AT + HOUR),
        "certainty": Certainty.CONFIRMED,
        "suspected_at": AT + HOUR,
        "portion": Portion(n_blocked=9, n_judged=10, low=0.6, high=0.98),
    }
    return Spell(**{**given, **other})


def make_event(*spells: Spell, withdrawn: bool = False) -> Event:
    return Event(id="id-1", country="ID", emulated=False, spells=spells, withdrawn=withdrawn)


SUSPECTED = make_spell(certainty=Certainty.SUSPECTED)
OVER = make_spell(end=ENDED)
OVER_BY_RULES = make_spell(2, end=ENDED, end_from_rule_change=True)
PUBLISHED, WITHDRAWN, UNCONFIRMED = Publication
# What is published of an event, and whether it is said to go on.
SITUATIONS = {
    "going on": (make_event(make_spell()), PUBLISHED, True),
    "over": (make_event(OVER), PUBLISHED, False),
    "over on one network": (make_event(OVER, make_spell(2)), PUBLISHED, True),
    "suspected": (make_event(SUSPECTED), UNCONFIRMED, False),
    "suspected, then withdrawn": (make_event(SUSPECTED, withdrawn=True), WITHDRAWN, False),
    "confirmed, then withdrawn": (make_event(make_spell(), withdrawn=True), WITHDRAWN, False),
    "confirmed part over, a suspicion goes on": (make_event(OVER, SUSPECTED), PUBLISHED, False),
    "ended by our rules alone": (make_event(OVER_BY_RULES), PUBLISHED, False),
    "ended by our rules here, going on there": (make_event(OVER_BY_RULES, make_spell()), PUBLISHED, True),
    "without any spell": (make_event(), UNCONFIRMED, False),
}


@pytest.mark.parametrize(("event", "publication", "goes_on"), SITUATIONS.values(), ids=SITUATIONS)
def test_event_is_published_once_confirmed_until_withdrawn(
    event: Event, publication: Publication, goes_on: bool
) -> None:
    assert judge_publication(event) is publication
    assert is_published(event) == (publication is PUBLISHED)
    assert is_going_on(event) == goes_on


@pytest.mark.parametrize("event", [event for event, *_ in SITUATIONS.values()], ids=SITUATIONS)
def test_feeds_alerts_and_pages_publish_the_same_events(event: Event) -> None:
    part = public_part(event)
    assert (part is not None) == is_published(event)
    assert find_news(None, event) == ((AlertKind.ONSET,) if is_published(event) else ())
    if part is not None:
        assert all(spell.certainty is Certainty.CONFIRMED for spell in part.spells)


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_entry_of_a_feed_says_what_the_newest_revision_is(history: Any) -> None:
    entry = make_entry(history)
    ever = any(is_published(revision.event) for revision in history)
    assert (entry is not None) == ever
    if entry is not None:
        assert entry.publication is judge_publication(history[-1].event)


def test_suspicions_are_left_out_of_what_is_published_beside_a_confirmed_part() -> None:
    assert publishable(make_event(make_spell(), SUSPECTED)).spells == (make_spell(),)
    assert publishable(make_event(SUSPECTED)).spells == (SUSPECTED,), "there is nothing else to speak of"


# Ends of the spells as they are published, where our rules ended some of them.
ENDS = {
    "none of them": ((OVER, make_spell(2, end=ENDED)), [ENDED, ENDED], False),
    "all of them": ((OVER_BY_RULES,), [ENDED], True),
    "one, and all is over": ((OVER, OVER_BY_RULES), [ENDED, ENDED], True),
    "one, and another goes on": ((make_spell(), OVER_BY_RULES), [None, None], False),
}


@pytest.mark.parametrize(("spells", "ends", "by_rules"), ENDS.values(), ids=ENDS)
def test_end_that_our_rules_brought_is_never_published_as_one(
    spells: tuple[Spell, ...], ends: list[Interval | None], by_rules: bool
) -> None:
    part = publishable(make_event(*spells))
    assert [spell.end for spell in part.spells] == ends
    assert has_end_from_rule_change(part) == by_rules
    assert publishable(part) == part


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), False),
        ((State.LIKELY_BLOCKED, State.OK), False),
        ((State.LIKELY_BLOCKED, State.BLOCKED), True),
    ],
)
def test_spell_is_proven_by_a_witness_with_an_artefact(states: tuple[State, ...], expected: bool) -> None:
    witnesses = tuple(
        Witness(measurement_id="m", vantage="v", at=AT, shows=Shows.FIRST_BLOCKED, state=state)
        for state in states
    )
    assert is_proven(make_spell(witnesses=witnesses)) == expected


SUSPICIONS = {
    "by itself": (SUSPECTED, (), True),
    "dropped": (make_spell(certainty=Certainty.SUSPECTED, end=ENDED), (), False),
    "confirmed": (make_spell(), (), False),
    "made by our rules": (make_spell(certainty=Certainty.SUSPECTED, onset_from_rule_change=True), (), False),
    "part of a published event": (SUSPECTED, (make_event(make_spell(2), SUSPECTED),), False),
    "part of a withdrawn event": (SUSPECTED, (make_event(SUSPECTED, withdrawn=True),), True),
    "after a block that ended": (SUSPECTED, (make_event(OVER),), True),
}


@pytest.mark.parametrize(("spell", "events", "expected"), SUSPICIONS.values(), ids=SUSPICIONS)
def test_suspicions_are_listed_while_no_published_event_names_them(
    spell: Spell, events: tuple[Event, ...], expected: bool
) -> None:
    assert suspicions([spell], events) == ([spell] if expected else [])


def test_an_emulated_event_does_not_name_what_is_real() -> None:
    emulated = make_event(make_spell(emulated=True))
    assert suspicions([SUSPECTED], [emulated]) == [SUSPECTED]


@pytest.mark.parametrize(
    ("emulated", "real", "expected"),
    [(False, False, False), (True, False, True), (True, True, False), (False, True, False)],
)
def test_emulated_data_is_shown_only_while_nothing_is_real(
    emulated: bool, real: bool, expected: bool
) -> None:
    coverage = Coverage(first_at=AT, last_at=AT, n_measurements=1, emulated=emulated, real=real)
    assert shows_emulated(coverage) == expected


@pytest.mark.parametrize(("age_s", "expected"), [(0, True), (1800, True), (1801, False)])
def test_measurement_speaks_for_now_for_three_intervals(age_s: int, expected: bool) -> None:
    assert is_fresh(AT - timedelta(seconds=age_s), 600, AT) == expected


def measured(state: State, *, age: timedelta = timedelta(), mechanism: str | None = None) -> Latest:
    return make_latest("axis", "t.me", state, mechanism=mechanism, measured_at=NOW - age)


AXIS = make_status("axis", asn=1)
HOURS = timedelta(hours=5)
SILENT = make_spell(
    certainty=Certainty.SUSPECTED,
    methods=(
        Method(layer="tcp", mechanism="tcp.timeout", onset=make_spell().onset, portion=make_spell().portion),
    ),
)
K = PresentKind
# Events, suspicions, what was measured last -> what may be said, and whether it may be a fault of routing.
PRESENTS = {
    "blocked": ((make_event(make_spell()),), (), (measured(State.BLOCKED),), K.BLOCKED, False),
    "blocked, and the latest is ok": (
        (make_event(make_spell()),),
        (),
        (measured(State.OK),),
        K.BLOCKED,
        False,
    ),
    "blocked when last measured": (
        (make_event(make_spell()),),
        (),
        (measured(State.BLOCKED, age=HOURS),),
        K.NOT_ENDED,
        False,
    ),
    "an event, and nothing measured any more": ((make_event(make_spell()),), (), (), K.NOT_ENDED, False),
    "withdrawn": (
        (make_event(make_spell(), withdrawn=True),),
        (),
        (measured(State.OK),),
        K.NOTHING_SEEN,
        False,
    ),
    "over by our rules": ((make_event(OVER_BY_RULES),), (), (measured(State.OK),), K.NOTHING_SEEN, False),
    "suspected": ((), (SUSPECTED,), (measured(State.OK),), K.UNCONFIRMED, False),
    "suspected in an event of others": (
        (make_event(make_spell(2), SUSPECTED),),
        (SUSPECTED,),
        (measured(State.OK),),
        K.NOT_ENDED,
        False,
    ),
    "suspected with an artefact now": ((), (SUSPECTED,), (measured(State.BLOCKED),), K.UNCONFIRMED, False),
    "silent": (
        (),
        (SILENT,),
        (measured(State.LIKELY_BLOCKED, mechanism="tcp.timeout"),),
        K.UNCONFIRMED,
        True,
    ),
    "silent, though it is not the route": (
        (),
        (replace(SILENT, evidence=SpellEvidence(failing=(AT,), routing_ruled_out_at=AT, by_share=True)),),
        (measured(State.OK),),
        K.UNCONFIRMED,
        False,
    ),
    "silent twice, and no method is named yet": (
        (),
        (replace(SUSPECTED, evidence=SpellEvidence(failing=(AT, AT + HOUR), by_share=True)),),
        (measured(State.OK),),
        K.UNCONFIRMED,
        True,
    ),
    "by comparison now": (
        (),
        (),
        (measured(State.LIKELY_BLOCKED, mechanism="tls.reset.sni"),),
        K.UNCONFIRMED,
        False,
    ),
    "a suspicion that is over": (
        (),
        (make_spell(certainty=Certainty.SUSPECTED, end=ENDED),),
        (measured(State.OK),),
        K.NOTHING_SEEN,
        False,
    ),
    "suspected, and no current data": ((), (SUSPECTED,), (measured(State.OK, age=HOURS),), K.NO_DATA, False),
    "healthy": ((), (), (measured(State.OK),), K.NOTHING_SEEN, False),
    "impaired": ((), (), (measured(State.IMPAIRED),), K.NOTHING_SEEN, False),
    "not judged": ((), (), (measured(State.INSUFFICIENT),), K.NOT_JUDGED, False),
    "stale": ((), (), (measured(State.OK, age=HOURS),), K.NO_DATA, False),
    "never": ((), (), (), K.NEVER, False),
}


@pytest.mark.parametrize(
    ("events", "suspected", "latest", "kind", "routing"), PRESENTS.values(), ids=PRESENTS
)
def test_what_may_be_said_of_now(
    events: tuple[Event, ...],
    suspected: tuple[Spell, ...],
    latest: tuple[Latest, ...],
    kind: PresentKind,
    routing: bool,
) -> None:
    present = judge_present(events, suspected, latest, [AXIS], NOW)
    assert present.kind is kind
    assert (("t.me", 1) in present.may_be_routing) == routing
    assert present.may_be_routing <= present.unconfirmed
    assert not present.confirmed & present.unconfirmed
    nothing = judge_present(events, suspected, latest, [AXIS], NOW, targets=["telegram.org"])
    assert nothing == Present(), "of another target nothing is known"


def test_a_control_and_what_is_switched_off_say_nothing_of_now() -> None:
    for changes in ({"role": Role.CONTROL}, {"enabled": False}, {"removed": True}):
        vantage = make_status("axis", asn=1, **changes)
        assert judge_present((), (), [measured(State.BLOCKED)], [vantage], NOW) == Present()
