"""Atom feeds, on the dashboard's port."""
