"""The web site: dashboard pages and feeds. Adapters only."""
