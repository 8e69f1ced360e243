"""The whole site on one port: the dashboard, and the feeds beside it.

`observatory up` runs this file. Streamlit finds its options and theme beside it, in `.streamlit/config.toml`.
"""

import streamlit as st

from observatory.site.entry import SCRIPT
from observatory.site.feeds.routes import ROUTES

app = st.App(SCRIPT, routes=ROUTES)
