"""Identifiers in plain words, safe to place in Markdown. Pure."""

import re
from typing import Final

from observatory.model import Layer, LeadsTo, State
from observatory.text import Text
from observatory.text.events import how_words
from observatory.views.printable import printable

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
# What becomes a link (Markdown) or an icon (Streamlit) by itself, escaped or not: an invisible character in
# it prevents that.
_BY_ITSELF: Final = re.compile(r"(?i)(https?(?=:)|www(?=\.)|(?=@)|:(?=material|streamlit))")
_NO_BREAK: Final = "\N{WORD JOINER}"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def escape_markdown(text: str) -> str:
    """Return text that Streamlit's Markdown shows as it is: no link, image, HTML, formula or icon."""
    plain = _BY_ITSELF.sub(rf"\g<1>{_NO_BREAK}", _CONTROL.sub(" ", text))
    return _MARKDOWN.sub(r"\\\1", plain)


def mechanism_words(mechanism: str | None, text: Text) -> str:
    """Return how a target was hindered; of an unknown path, the words of its nearest known parent."""
    return how_words(mechanism or "", text)


def leads_to_words(leads: LeadsTo, text: Text) -> str:
    """Return to which host an ok target leads, and how that one fares."""
    how = mechanism_words(leads.mechanism, text)
    state = text(f"state.{leads.state}")
    place = printable(leads.target)
    return text("now.leads_to_value", place=place, state=f"{state}, {how}" if how else state)


def leads_to_short(leads: LeadsTo | None, text: Text) -> tuple[str, ...]:
    """Return the line below an ok state whose visitors do not get through where it leads; none otherwise."""
    if leads is None or leads.state is State.OK:
        return ()
    return (text("short.leads_to", place=printable(leads.target), state=text(f"short.{leads.state}")),)


def where_and_how(layer: Layer, mechanism: str | None, text: Text) -> str:
    """Return `layer: mechanism` in words; the layer alone when no mechanism is known."""
    place, how = text(f"layer.{layer}"), mechanism_words(mechanism, text)
    return f"{place}: {how}" if how else place
