"""The page of rules keeps in step with the rules, and every rule with its texts."""

import string
from pathlib import Path

import pytest

from observatory.analysis.judging.judge import ALL_RULES
from observatory.analysis.judging.rules.rule import Basis
from observatory.text import LANGUAGES
from observatory.text.rules import RuleText, load_rule_texts
from observatory.views.rules_page import BASES, TITLES, write_page

PAGE = Path(__file__).parents[3] / "docs" / "judging.md"
RULE_IDS = [rule.id for rule in ALL_RULES]
# Stored where no rule could be asked, because one of them failed.
WITHOUT_A_RULE = "guard.judge_failed"


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(), (
        "write it anew: python -m observatory.views.rules_page > docs/judging.md"
    )


def test_page_lists_every_rule_once() -> None:
    page = write_page()
    assert [id_ for id_ in RULE_IDS if page.count(f"\n### `{id_}`\n") != 1] == []
    assert {rule.layer for rule in ALL_RULES} <= set(TITLES)
    assert set(BASES) == set(Basis)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_its_texts_and_no_text_lacks_a_rule(language: str) -> None:
    assert set(load_rule_texts(language)) == {*RULE_IDS, WITHOUT_A_RULE}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("part", ["says", "besides", "change"])
def test_every_text_is_a_whole_sentence_without_placeholders(language: str, part: str) -> None:
    sentences = {id_: getattr(text, part) for id_, text in load_rule_texts(language).items()}
    odd = {
        id_: sentence
        for id_, sentence in sentences.items()
        if not sentence[:1].isupper()
        or not sentence.endswith(".")
        or any(name is not None for _, name, _, _ in string.Formatter().parse(sentence))
    }
    assert odd == {}


def test_no_two_rules_claim_the_same() -> None:
    for language in LANGUAGES:
        claims = [text.says for text in load_rule_texts(language).values()]
        assert sorted({claim for claim in claims if claims.count(claim) > 1}) == []


def test_a_text_too_few_or_too_many_is_refused() -> None:
    with pytest.raises(TypeError):
        RuleText(says="A.", besides="B.")  # type: ignore[call-arg]


def test_unknown_language_falls_back_to_english() -> None:
    assert load_rule_texts("xx") == load_rule_texts("en")
