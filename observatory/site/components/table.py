"""Tables and legend as real HTML tables that scroll inside their own box.

Every word reaches the browser as data and is placed with `textContent`: a name can never become markup.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

import streamlit as st

from observatory.figures.looks import LOOKS
from observatory.site.components.browser_parts import read_part
from observatory.site.components.look_css import look_css
from observatory.views.rows import Detail, Head, LegendEntry, Section

_SIGNS: Final = {str(shown): look.sign for shown, look in LOOKS.items()}
_TABLE: Final = st.components.v2.component(
    "observatory_table",
    html=read_part("table.html"),
    css=read_part("table.css") + look_css(),
    js=read_part("table.js"),
)


def show_table(
    *,
    key: str,
    caption: str,
    heads: Sequence[Head],
    sections: Sequence[Section],
    is_matrix: bool = False,
    detail: Detail | None = None,
    on_press: Callable[[tuple[str, str]], None] | None = None,
) -> None:
    """Draw a table; `heads` includes the column of line names.

    `on_press` is called before the page is drawn again, with the `key` of the cell that was pressed. It comes
    from the browser: check it before use.
    """

    def report_press() -> None:
        pressed = (st.session_state.get(key) or {}).get("pressed")
        if on_press and isinstance(pressed, list | tuple) and len(pressed) == 2:
            on_press((str(pressed[0]), str(pressed[1])))

    data = {
        "kind": "matrix" if is_matrix else "list",
        "caption": caption,
        "heads": [asdict(head) for head in heads],
        "sections": [asdict(section) for section in sections],
        "legend": [],
        "detail": asdict(detail) if detail else None,
    }
    _TABLE(key=key, data={**data, "signs": _SIGNS}, on_pressed_change=report_press)


def show_legend(*, key: str, entries: Sequence[LegendEntry]) -> None:
    """Draw signs with their names and what they mean."""
    legend = [asdict(entry) for entry in entries]
    empty: dict[str, object] = {"kind": "", "caption": "", "heads": [], "sections": [], "detail": None}
    _TABLE(key=key, data={**empty, "legend": legend, "signs": _SIGNS}, on_pressed_change=lambda: None)
