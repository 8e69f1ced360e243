"""The dashboard's navigation: which pages there are, in which order, at which addresses."""

import streamlit as st

from observatory.site.components.address import choose_language
from observatory.site.components.page import show_head
from observatory.site.pages import event, events, measurement, now, over_time, vantage_points


def show_dashboard() -> None:
    """Draw the page that the address names, below the head that all pages share."""
    text = choose_language()
    st.set_page_config(page_title=text("app.title"), layout="wide")
    page = st.navigation(
        [
            st.Page(now.show, title=text("page.now"), url_path="now", default=True),
            st.Page(over_time.show, title=text("page.over_time"), url_path="over-time"),
            st.Page(events.show, title=text("page.events"), url_path="events"),
            st.Page(vantage_points.show, title=text("page.vantage_points"), url_path="vantage-points"),
            st.Page(event.show, title=text("page.event"), url_path="event", visibility="hidden"),
            st.Page(measurement.show, title=text("page.measurement"), url_path="measurement"),
        ],
        position="top",
    )
    show_head(text)
    page.run()
