"""The whole site on one port, the dashboard and what is served beside it: `streamlit run server.py`."""

from pathlib import Path

import streamlit as st

from observatory.site.feeds.routes import ROUTES

app = st.App(Path(__file__).with_name("dashboard.py"), routes=ROUTES)
