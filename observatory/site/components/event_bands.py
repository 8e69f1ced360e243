"""The list below a chart that the labels of its bands point to."""

from collections.abc import Iterable

import streamlit as st

from observatory.analysis.events.publication import publishable
from observatory.model import Event
from observatory.text import Text
from observatory.text.events import end_sentence, onset_sentence
from observatory.views.addresses import event_address
from observatory.views.charts import Band
from observatory.views.event_words import headline
from observatory.views.words import escape_markdown


def show_bands(found: Iterable[tuple[Band, Event]], text: Text) -> None:
    """Draw the list that the labels of the bands point to."""
    lines = [_line(band, event, text) for band, event in found]
    if lines:
        st.subheader(text("events.band"), anchor=False)
        st.caption(text("events.band_intro"))
        st.markdown("\n".join(lines))


def _line(band: Band, event: Event, text: Text) -> str:
    part = publishable(event)
    link = f"[{escape_markdown(headline(event, text))}]({event_address(event.id, text.language)})"
    when = escape_markdown(f"{onset_sentence(part, text)} {end_sentence(part, text)}")
    return f"- **{band.label}** {link} {when}"
