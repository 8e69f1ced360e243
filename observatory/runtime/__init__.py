"""Processes: what `observatory up` runs, keeps alive and locks."""
