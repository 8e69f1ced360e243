"""The yardstick: a two-sided CUSUM on the hourly median, as monitoring of censorship has used it.

Each hour is reduced to the median of its outcomes (0 ok, 1 blocked). Above the mean of health (mu0) and below
that of a block (mu1) the distances add up, less a drift; past the threshold the state has changed.

Source: Page, "Continuous inspection schemes", 1954; parameters mu0 0, mu1 0.7, h 3.5, drift -0.35.
"""

from typing import Final

import numpy as np

from benchmarks.changes.years import Counts

MU0: Final = 0.0
MU1: Final = 0.7
THRESHOLD: Final = 3.5
DRIFT: Final = -0.35


def find_onsets(n_ok: Counts, n_blocked: Counts) -> list[list[tuple[int, int | None]]]:
    """Return for each series the hours at which a block was declared, and over. Shape: (hours, series)."""
    n_series = n_ok.shape[1]
    median = np.where(n_blocked > n_ok, 1.0, np.where(n_blocked == n_ok, 0.5, 0.0))
    seen = n_ok + n_blocked > 0
    up, down = np.zeros(n_series), np.zeros(n_series)
    is_blocked = np.zeros(n_series, dtype=bool)
    found: list[list[tuple[int, int | None]]] = [[] for _ in range(n_series)]
    for hour in range(n_ok.shape[0]):
        value = median[hour]
        up = np.where(seen[hour], np.maximum(0, up + (value - MU0) + DRIFT), up)
        down = np.where(seen[hour], np.maximum(0, down + (MU1 - value) + DRIFT), down)
        begins, ends = ~is_blocked & (up > THRESHOLD), is_blocked & (down > THRESHOLD)
        for series in np.flatnonzero(begins):
            found[series].append((hour, None))
        for series in np.flatnonzero(ends):
            found[series][-1] = (found[series][-1][0], hour)
        is_blocked ^= begins | ends
        up[begins | ends | is_blocked] = 0
        down[~is_blocked | begins] = 0
    return found
