"""Words that are safe in Markdown, and mechanisms in words."""

import re

import pytest

from observatory.model import Layer
from observatory.text import load_text
from observatory.views.words import escape_markdown, mechanism_words, where_and_how

EN = load_text("en")


@pytest.mark.parametrize(
    "name", ["[x](http://evil)", "![i](http://evil/i.png)", "<b>", "**x**", "a_b_", "$x$", ":red[x]", "`x`"]
)
def test_names_cannot_become_markup(name: str) -> None:
    escaped = escape_markdown(name)
    assert escaped.replace("\\", "").replace("\N{WORD JOINER}", "") == name
    for character in "[]()<>*_$:`!":
        assert all(escaped[i - 1] == "\\" for i, found in enumerate(escaped) if found == character), character


@pytest.mark.parametrize(
    "name", ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "a@evil.example"]
)
def test_addresses_do_not_become_links_by_themselves(name: str) -> None:
    assert "\N{WORD JOINER}" in escape_markdown(name)
    assert "\N{WORD JOINER}" not in escape_markdown("web.telegram.org, www2 and http")


@pytest.mark.parametrize("name", [":material/bug_report:", "a :material/home: b", ":streamlit:"])
def test_names_do_not_become_icons_by_themselves(name: str) -> None:
    """Streamlit looks for icons in the text that is left when Markdown has taken the backslashes away."""
    shown = escape_markdown(name).replace("\\", "")
    assert not re.search(r":(material/\w+|streamlit):", shown)
    assert shown.replace("\N{WORD JOINER}", "") == name
    assert "\N{WORD JOINER}" not in escape_markdown("2001:db8::1, material/home: a")


def test_a_line_break_cannot_start_a_heading() -> None:
    assert escape_markdown("x\n# y") == r"x \# y"


def test_mechanism_in_words() -> None:
    assert mechanism_words("dns.injection.blockpage", EN).endswith("address of a block page")
    assert mechanism_words("tls.reset.newly_found", EN) == EN("mechanism.tls.reset")
    assert mechanism_words("unheard.of", EN) == "unheard.of"
    assert where_and_how(Layer.TLS, None, EN) == EN("layer.tls")
