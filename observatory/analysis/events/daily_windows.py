"""Blocks that come and go with the time of day."""

from collections.abc import Sequence
from datetime import time
from math import log
from typing import Final
from zoneinfo import ZoneInfo

from observatory.analysis.events.tallies import Tally
from observatory.model import DailyWindow

_MIN_DAYS: Final = 4
# The share of measurements blocked from which an hour of the day belongs to a window.
_INSIDE: Final = 0.5
# 23 degrees of freedom: chance alone reaches this once in 10⁸.
_MIN_G: Final = 80.0
_HOURS: Final = 24


def find_windows(tallies: Sequence[Tally], zone: ZoneInfo) -> tuple[DailyWindow, ...]:
    """Return the times of day at which it is blocked; empty when the time of day makes no difference.

    Shape:  the tallies from onset to end, at most an hour each -> windows in local time, in order.
    Source: the G-test of independence of hour and outcome; Sokal and Rohlf, "Biometry", chapter 17.
    """
    counts = [[0, 0] for _ in range(_HOURS)]
    for tally in tallies:
        hour = counts[tally.at.astimezone(zone).hour]
        hour[0] += tally.n_blocked
        hour[1] += tally.n_decisive
    days = {t.at.astimezone(zone).date() for t in tallies if t.n_blocked}
    measured = [n for _, n in counts if n]
    if len(days) < _MIN_DAYS or len(measured) < _HOURS / 2 or _g(counts) < _MIN_G:
        return ()
    inside = [n > 0 and k / n >= _INSIDE for k, n in counts]
    if all(inside) or not any(inside):
        return ()
    starts = [hour for hour in range(_HOURS) if inside[hour] and not inside[hour - 1]]
    return tuple(
        DailyWindow(
            start=time(start),
            to=time(next(h for h in range(start + 1, start + _HOURS) if not inside[h % _HOURS]) % _HOURS),
        )
        for start in starts
    )


def _g(counts: Sequence[Sequence[int]]) -> float:
    k_all, n_all = sum(k for k, _ in counts), sum(n for _, n in counts)
    return 2 * (sum(_log_likelihood(k, n) for k, n in counts) - _log_likelihood(k_all, n_all))


def _log_likelihood(k: int, n: int) -> float:
    return sum(part * log(part / n) for part in (k, n - k) if part)
