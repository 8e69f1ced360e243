"""The steps of a measurement drawn as cards. Every word reaches the browser as data and is placed with
`textContent`: what a block page sent can never become markup, a link or an image.
"""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from observatory.site.components.browser_parts import read_part
from observatory.text import Text
from observatory.views.steps import Elsewhere, Section, Step

_STEPS: Final = st.components.v2.component(
    "observatory_steps",
    html=read_part("step_list.html"),
    css=read_part("step_list.css"),
    js=read_part("step_list.js"),
)


def show_steps(*, key: str, sections: Sequence[Section], text: Text) -> None:
    """Draw the steps, group by group."""
    words = {"evidence": text("measured.evidence"), "page_sent": text("measured.page_sent")}
    drawn = [
        {
            "name": text(f"step_group.{section.group}"),
            "notes": list(section.notes),
            "steps": [_draw(step, text) for step in section.steps],
        }
        for section in sections
    ]
    _STEPS(key=key, data={"sections": drawn, "words": words})


def _draw(step: Step, text: Text) -> dict[str, Any]:
    return {
        "asked": step.words.asked,
        "came": step.words.came,
        "is_good": step.words.is_good,
        "lines": list(step.words.lines),
        "page": step.words.page,
        "when": step.when,
        "left": step.left,
        "width": step.width,
        "is_evidence": step.is_evidence,
        "elsewhere": [_elsewhere(one, text) for one in step.elsewhere],
    }


def _elsewhere(one: Elsewhere, text: Text) -> str:
    if one.place:
        return text("measured.elsewhere_at", name=one.name, place=one.place, came=one.words.came)
    return text("measured.elsewhere", name=one.name, came=one.words.came)
