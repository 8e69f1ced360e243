"""The slots in which a vantage point measures."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]

JITTER_SHARE: Final = 0.1


def random_jitter_s(at_most_s: float) -> float:
    """Return seconds to wait past the slot, so that our rounds do not synchronise with anything else."""
    return random.uniform(0.0, at_most_s)


def misfire_grace_s(every_s: float) -> int:
    """Return how late a round may still begin: half its interval."""
    return max(1, int(every_s / 2))


class RoundTrigger(BaseTrigger):  # type: ignore[misc]
    """Slots of equal width from `start_at` on, each with its own jitter: the jitter never adds up."""

    def __init__(self, start_at: datetime, every_s: float, jitter_s: Callable[[float], float]) -> None:
        self.start_at = start_at
        self.every = timedelta(seconds=every_s)
        self._jitter_s = jitter_s

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if previous is None:
            return self.start_at
        # Slots that passed meanwhile are not named one by one: a clock may jump by years.
        n_slots = max((previous - self.start_at) // self.every + 1, (now - self.start_at) // self.every)
        jitter_s = self._jitter_s(self.every.total_seconds() * JITTER_SHARE)
        return self.start_at + n_slots * self.every + timedelta(seconds=jitter_s)
