"""Dates known from public reports: the list next to a chart or an event."""

import streamlit as st

from observatory.model.known_dates import KnownDate
from observatory.text import Text
from observatory.views.known_dates import date_lines


def show_dates(dates: tuple[KnownDate, ...], text: Text) -> None:
    """Draw the reported events as a numbered list, each with a link to its source."""
    st.markdown(date_lines(dates, text))
