"""The dashboard alone: `streamlit run dashboard.py`."""

from observatory.site.dashboard import show_dashboard

show_dashboard()
