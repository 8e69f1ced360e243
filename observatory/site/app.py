"""The whole site on one port: the dashboard and the feeds.

`observatory up` runs this file. Streamlit finds its options and its theme in
`.streamlit/config.toml` next to it.
"""

import streamlit as st

from observatory.site.entry import SCRIPT
from observatory.site.feeds.routes import ROUTES

app = st.App(SCRIPT, routes=ROUTES)
