"""The dashboard's entry, navigation and nothing else: `streamlit run dashboard.py`."""

import streamlit as st

from observatory.pages import now, over_time, vantage_points
from observatory.pages.address import choose_language, show_language_switch

text = choose_language()
st.set_page_config(page_title=text("app.title"), layout="wide")
page = st.navigation(
    [
        st.Page(now.show, title=text("page.now"), url_path="now", default=True),
        st.Page(over_time.show, title=text("page.over_time"), url_path="over-time"),
        st.Page(vantage_points.show, title=text("page.vantage_points"), url_path="vantage-points"),
    ],
    position="top",
)
with st.container(
    horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="head"
):
    st.caption(text("app.title"), width="content")
    show_language_switch(text)
page.run()
