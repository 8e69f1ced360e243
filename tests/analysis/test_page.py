"""The page of rules keeps in step with the rules."""

from pathlib import Path

from observatory.analysis.judge import ALL_RULES
from observatory.analysis.page import write_page

PAGE = Path(__file__).parents[2] / "docs" / "judging.md"


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page(), (
        "write it anew: python -m observatory.analysis.page > docs/judging.md"
    )


def test_page_lists_every_rule_once() -> None:
    page = write_page()
    assert [rule.id for rule in ALL_RULES if page.count(f"\n| `{rule.id}` |") != 1] == []
