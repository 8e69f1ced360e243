"""The sentence of a measurement says of an ok target what its visitors meet where it leads."""

from dataclasses import replace
from datetime import UTC

import pytest

from observatory.model import LeadsTo, State
from observatory.text import LANGUAGES, load_text
from observatory.views.measurement_words import headline
from tests.observatory.analysis.judging import builder as b
from tests.observatory.analysis.judging.test_leads_to import ELSEWHERE, notice_at, proved


def said(leads: LeadsTo | None, language: str = "en") -> str:
    verdict = replace(b.judge(b.host()), leads_to=leads)
    return headline(b.host(), verdict, None, load_text(language), UTC)


def test_a_notice_where_it_leads() -> None:
    verdict = b.judge(proved(notice_at(ELSEWHERE)))
    sentence = headline(b.host(), verdict, None, load_text("en"), UTC)
    assert sentence.startswith("t.me was reached.")
    how = "a block page comes instead of the site"
    assert sentence.endswith(f"But it redirects visitors to {ELSEWHERE}, which was blocked ({how}).")


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_words(state: State, language: str) -> None:
    leads = LeadsTo(target="telegram.org", state=state, mechanism="tls.reset.sni")
    sentence = said(leads, language)
    assert sentence.startswith(said(None, language)) and "telegram.org" in sentence


def test_a_place_cannot_bring_control_characters_along() -> None:
    assert "\x1b" not in said(LeadsTo(target="a\x1b[31mb", state=State.INSUFFICIENT))
