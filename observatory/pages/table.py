"""Tables and legend as real HTML tables that scroll inside their own box.

Every word reaches the browser as data and is placed with `textContent`: a name can never become markup.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import streamlit as st

from observatory.figures.looks import LOOKS, NO_DATA
from observatory.model import State
from observatory.pages.table_browser import CSS, HTML, JS


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column: its name and one or two lines of small print below it."""

    name: str
    small: tuple[str, ...] = ()
    is_apart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A cell. With `look` (a state or `no_data`) it has the sign and colours; with `pick` it is a button.

    `full` is what a screen reader says and a mouse pointer shows; `pick` is given back when it is pressed.
    """

    word: str
    small: tuple[str, ...] = ()
    look: str = ""
    full: str = ""
    pick: tuple[str, str] | None = None
    is_stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    entries: tuple[Entry, ...]
    small: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines that belong together; an empty `name` draws no heading line."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegendEntry:
    look: str
    name: str
    sentence: str


_TABLE: Final = st.components.v2.component(
    "observatory_table",
    html=HTML,
    css=CSS,
    js=JS,
)


def show_table(
    *,
    key: str,
    caption: str,
    heads: Sequence[Head],
    sections: Sequence[Section],
    is_matrix: bool = False,
    picked: tuple[str, str] | None = None,
) -> tuple[str, str] | None:
    """Draw a table; `heads` includes the column of line names. Return what was just pressed, if anything.

    The answer comes from the browser: check it before use.
    """
    result = _mount(
        key,
        {
            "kind": "matrix" if is_matrix else "list",
            "caption": caption,
            "heads": [asdict(head) for head in heads],
            "sections": [asdict(section) for section in sections],
            "legend": [],
            "picked": picked,
        },
    )
    pressed = result.get("picked")
    if isinstance(pressed, list | tuple) and len(pressed) == 2 and all(isinstance(p, str) for p in pressed):
        return (pressed[0], pressed[1])
    return None


def show_legend(*, key: str, entries: Sequence[LegendEntry]) -> None:
    """Draw signs with their names and what they mean."""
    _mount(
        key,
        {"kind": "", "caption": "", "heads": [], "sections": [], "legend": [asdict(e) for e in entries]},
    )


def _mount(key: str, data: dict[str, Any]) -> dict[str, Any]:
    signs = {str(shown): look.sign for shown, look in LOOKS.items()}
    result = _TABLE(key=key, data={**data, "signs": signs}, on_picked_change=_ignore)
    return dict(result)


def _ignore() -> None:
    """Without a callback the component would not offer the value."""


SHOWN: Final = (*State, NO_DATA)
