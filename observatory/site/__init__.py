"""The web site: dashboard pages and feeds. It only draws: what is shown comes from the views."""
