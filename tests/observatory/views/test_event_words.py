"""Headline and sentences of an event in each situation, and what a revision changed."""

from dataclasses import replace

import pytest

from observatory.analysis.events.publication import is_going_on, publishable
from observatory.model import Event
from observatory.text import load_text
from observatory.views.event_words import difference_words, headline, sentences
from tests.observatory.site.feeds.samples import ENDED, SUSPECTED, XL, make_event, make_spell

EN = load_text("en")
WITHDRAWN = make_event("w", withdrawn=True)
OVER_IN_PART_BY_RULES = make_event(
    "x", make_spell(end=ENDED), make_spell(XL, end=ENDED, end_from_rule_change=True)
)
GOING_ON_IN_PART = make_event("y", make_spell(), make_spell(XL, end=ENDED, end_from_rule_change=True))
HEADLINES = {
    "going on": (make_event("a"), "t.me is blocked on Telkomsel."),
    "withdrawn": (WITHDRAWN, "Finding withdrawn: t.me is blocked on Telkomsel."),
    "doubted": (
        make_event("s", SUSPECTED),
        "Finding withdrawn: t.me is suspected to be blocked on Telkomsel.",
    ),
    "emulated": (make_event("e", emulated=True), "EMULATED: t.me is blocked on Telkomsel."),
    "suspected alone is not counted": (
        make_event("b", make_spell(), replace(SUSPECTED, target="telegram.org")),
        "t.me is blocked on Telkomsel.",
    ),
    "an end that our rules brought, among real ones": (
        OVER_IN_PART_BY_RULES,
        "t.me was blocked on Telkomsel and XL Axiata; it is not known whether it still is.",
    ),
}


@pytest.mark.parametrize(("event", "sentence"), HEADLINES.values(), ids=HEADLINES)
def test_headline(event: Event, sentence: str) -> None:
    assert headline(event, EN) == sentence


def test_an_end_that_our_rules_brought_is_never_called_an_end() -> None:
    for event in (OVER_IN_PART_BY_RULES, GOING_ON_IN_PART):
        said = " ".join(sentences(event, EN))
        assert "ended on XL" not in said and "it has ended" not in said
        assert EN("event.end_from_rule_change_on", networks="XL Axiata") in said
    assert publishable(GOING_ON_IN_PART).end is None
    assert is_going_on(GOING_ON_IN_PART)
    assert not is_going_on(OVER_IN_PART_BY_RULES)


def test_what_was_withdrawn_is_said_to_be() -> None:
    assert sentences(WITHDRAWN, EN)[:2] == (EN("feed.is_withdrawn"), EN("feed.was_told"))
    assert sentences(make_event("s", SUSPECTED), EN)[0] == EN("feed.is_unconfirmed")
    assert not any("t.me is" in line for line in sentences(make_event("a"), EN)), "the headline says it"


def test_revisions_in_short() -> None:
    before, after = make_event("a"), make_event("a", make_spell(end=ENDED), make_spell(XL))
    assert (
        difference_words(None, before, EN) == "+1 network, +1 target, +1 network–target pair, "
        "+1 method, +1 network–target pair confirmed"
    )
    assert difference_words(before, after, EN) == (
        "+1 network, +1 network–target pair, +1 network–target pair ended, +1 network–target pair confirmed"
    )
    assert difference_words(after, before, EN).startswith("−1 network")
    assert difference_words(before, replace(before, withdrawn=True), EN) == "finding withdrawn"
    assert difference_words(before, before, EN) == EN("event.change_times")
