"""Made-up years of one series, seeded: health with all its troubles, and blocks of known onset in it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int32]
HOURS: Final = 24 * 365
WEEKS: Final = 365 / 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`failing` of the measurements at random, `night` more or less of that by the time of day, and on
    average one burst of loss in `burst_every_h`, one to six hours long, of 20 to 60 %.
    """

    failing: float = 0.02
    night: float = 0.8
    burst_every_h: float = 24 * 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """From one third of the year on, for `days`, `share` of what is measured; `hours` of the day only."""

    share: float = 1.0
    days: int = 30
    hours: tuple[int, ...] = ()


ONSET: Final = HOURS // 3


def make_years(
    n_series: int, *, seed: int, per_hour: int = 1, every_h: int = 1, health: Health, block: Block | None
) -> tuple[Counts, Counts]:
    """Return what was ok and what failed. Shape: (hours, series), each; zero where nothing was measured."""
    random = np.random.default_rng(seed)
    hours = np.arange(HOURS)
    clock = hours[:, None] + random.uniform(0, 24, n_series)
    share = health.failing * (1 + health.night * np.sin(2 * np.pi * clock / 24))
    starts = random.random((n_series, HOURS)) < 1 / health.burst_every_h
    for series, start in zip(*np.nonzero(starts), strict=True):
        share[start : start + random.integers(1, 7), series] = random.uniform(0.2, 0.6)
    if block is not None:
        blocked = slice(ONSET, ONSET + 24 * block.days)
        inside = np.ones(24 * block.days, dtype=bool)
        if block.hours:
            inside = np.isin(hours[blocked] % 24, block.hours)
        share[blocked][inside] = np.maximum(share[blocked][inside], block.share)
    failing = random.binomial(per_hour, share).astype(np.int32)
    working = (per_hour - failing).astype(np.int32)
    failing[hours % every_h != 0] = working[hours % every_h != 0] = 0
    return working, failing
