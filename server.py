"""The whole site on one port, the dashboard and the feeds: `streamlit run server.py`."""

import streamlit as st

from observatory.site.entry import SCRIPT
from observatory.site.feeds.routes import ROUTES

# Streamlit reads this file without running it, and serves routes only where it finds a call of `st.App`.
app = st.App(SCRIPT, routes=ROUTES)
