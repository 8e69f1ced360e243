"""The steps of a measurement drawn as cards. Every word reaches the browser as data and is placed with
`textContent`: what a block page sent can never become markup, a link or an image.
"""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from observatory.site.components.browser_parts import read_part
from observatory.text import Text
from observatory.views.step_cards import card_data
from observatory.views.steps import StepSection

_STEPS: Final = st.components.v2.component(
    "observatory_steps",
    html=read_part("step_list.html"),
    css=read_part("step_list.css"),
    js=read_part("step_list.js"),
)


def show_steps(*, key: str, sections: Sequence[StepSection], text: Text) -> None:
    """Draw the steps, group by group."""
    _STEPS(key=key, data=card_data(sections, text))
