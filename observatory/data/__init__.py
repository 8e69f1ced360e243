"""Versioned reference data: targets, Telegram's prefixes, Indonesian networks and block pages, known dates."""
