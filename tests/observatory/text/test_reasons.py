"""Why it is as sure as it is, in a sentence: each row is an event as detection leaves it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from observatory.analysis.events.tallies import portion
from observatory.model import Certainty, Confirmation, Event, Method, Spell, SpellEvidence
from observatory.text import load_text
from observatory.text.reasons import contradiction_words, why_sentence
from tests.observatory.analysis.events.series import HOUR, START, make_spell

ROUND = timedelta(minutes=10)


def spell_of(mechanism: str, evidence: SpellEvidence, by: Confirmation, **changes: object) -> Spell:
    method = Method(
        layer=mechanism.partition(".")[0],
        mechanism=mechanism,
        onset=make_spell().onset,
        portion=portion(20, 20),
    )
    spell = make_spell(**changes)  # type: ignore[arg-type]
    return replace(
        spell, methods=(method,), evidence=evidence, confirmed_by=by, confirmed_at=START + 2 * ROUND
    )


def event_of(*spells: Spell) -> Event:
    return Event(id="id-2026-01-05", country="ID", emulated=False, spells=spells)


FORGED = SpellEvidence(artefacts=tuple(START + n * ROUND for n in range(4)), failing=(START,))


def test_forged_answers_of_several_networks_are_counted_up_to_when_they_were_enough() -> None:
    spells = [
        spell_of(
            "dns.injection.bogon",
            FORGED,
            Confirmation.NETWORKS,
            asn=asn,
            target=target,
            control=portion(0, 6),
        )
        for asn in (1, 2, 3)
        for target in ("t.me", "telegram.org")
    ]
    assert why_sentence(event_of(*spells), load_text("en")) == (
        "Seen: 18 forged answers in 3 rounds on 3 networks; none at the control."
    )
    assert why_sentence(event_of(*spells), load_text("id")) == (
        "Yang terlihat: 18 jawaban palsu dalam 3 putaran di 3 jaringan; tidak satu pun di pembanding."
    )


def test_silence_says_why_it_is_no_fault_of_routing() -> None:
    silent = SpellEvidence(failing=(START, START + ROUND), routing_ruled_out_at=START + 2 * ROUND)
    spell = spell_of("tcp.timeout", silent, Confirmation.ROUTING_RULED_OUT, control=portion(1, 6))
    assert why_sentence(event_of(spell), load_text("en")) == (
        "Seen: 2 measurements without an answer in 2 rounds on 1 network; "
        "at the control 1 of 6 failed as well. "
        "It is no fault of routing: other addresses beside these were reached."
    )


@pytest.mark.parametrize("language", ["en", "id"])
def test_an_event_of_before_single_measurements_were_watched_gives_no_reason(language: str) -> None:
    assert why_sentence(event_of(make_spell()), load_text(language)) == ""


def test_vantage_points_that_reached_it_meanwhile_are_named() -> None:
    evidence = replace(FORGED, contradicted_by=("jkt-two", "jkt-three"))
    spell = make_spell(evidence=evidence, certainty=Certainty.SUSPECTED, end_h=None, onset_h=HOUR / HOUR)
    words = contradiction_words(spell, load_text("en"))
    assert words == "other vantage points of this network reached it meanwhile: jkt-two and jkt-three"
