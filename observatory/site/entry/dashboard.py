"""What Streamlit runs for each visitor: the dashboard."""

from observatory.site.dashboard import show_dashboard

show_dashboard()
