"""The steps of a measurement as plain data for whatever draws them as cards. Pure."""

from collections.abc import Sequence
from typing import Any

from observatory.text import Text
from observatory.views.steps import Elsewhere, Step, StepSection


def card_data(sections: Sequence[StepSection], text: Text) -> dict[str, Any]:
    """Return `{"sections": […], "words": {…}}` of strings, numbers and truth values alone."""
    words = {"evidence": text("measured.evidence"), "page_sent": text("measured.page_sent")}
    drawn = [
        {
            "name": text(f"step_group.{section.group}"),
            "notes": list(section.notes),
            "steps": [_card(step, text) for step in section.steps],
        }
        for section in sections
    ]
    return {"sections": drawn, "words": words}


def _card(step: Step, text: Text) -> dict[str, Any]:
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
