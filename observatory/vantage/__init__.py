"""Vantage points at work: their kinds, one round, rounds on a schedule."""
