"""The log of one measurement: numbers its steps, times them and holds the one deadline.

Beside it the watch over the event loop, whose own delays pass for silence.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from probes.records import AnyObservation

RETRY_PAUSE_S: Final = 0.3
N_ATTEMPTS: Final = 2
# A try cut short by the deadline looks like a timeout: none begins with less time than this.
MIN_TRY_S: Final = 1.0


# Shorter delays of the event loop change no outcome of a step.
NOTED_LAG_S: Final = 0.1


class LoopLag:
    """The delays of the event loop; an overloaded prober mistakes its own slowness for silence."""

    EVERY_S: Final = 0.1

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._due_s = math.inf
        self._noted: list[tuple[float, float]] = []

    async def watch(self) -> None:
        while True:
            self._due_s = time.monotonic() + self.EVERY_S
            await asyncio.sleep(self.EVERY_S)
            ended_s = time.monotonic()
            lag_s = ended_s - self._due_s
            self.worst_s = max(self.worst_s, lag_s)
            if lag_s >= NOTED_LAG_S:
                self._noted.append((ended_s, lag_s))

    def worst_since(self, began_s: float) -> float:
        """Return the worst delay that ended after this time of the monotonic clock, or has not ended.

        Steps whose time ran out while the loop stood still end before the watch wakes.
        """
        ended = (lag_s for ended_s, lag_s in self._noted if ended_s > began_s)
        worst_s = max(time.monotonic() - self._due_s, *ended, 0.0)
        return round(worst_s, 3) if worst_s >= NOTED_LAG_S else 0.0


@dataclass(frozen=True, slots=True)
class StartedStep:
    """A step that has begun. `fields()` ends it and returns the fields that all observations share."""

    id: str
    started_s: float
    attempt: int
    _now: Callable[[], float]
    _lag: Callable[[], float]

    def elapsed_s(self) -> float:
        return self._now() - self.started_s

    def fields(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "started_s": round(self.started_s, 6),
            "duration_s": round(self.elapsed_s(), 6),
            "attempt": self.attempt,
            "lag_s": self._lag(),
        }


class ObservationLog:
    """Collects the observations of one measurement as they end."""

    def __init__(self, *, deadline_s: float, lag: LoopLag | None = None) -> None:
        self._zero = time.monotonic()
        self._lag = lag or LoopLag()
        self._deadline_s = deadline_s
        self._n = 0
        self._observations: list[AnyObservation] = []

    def now_s(self) -> float:
        return time.monotonic() - self._zero

    def left_s(self) -> float:
        """Return the seconds to the deadline; negative after it."""
        return self._deadline_s - self.now_s()

    def extend(self, more_s: float) -> None:
        """Put the deadline at least this long after now."""
        self._deadline_s = max(self._deadline_s, self.now_s() + more_s)

    def timeout(self, budget_s: float) -> asyncio.Timeout:
        """Return a timeout for one step, which may only shorten the deadline."""
        return asyncio.timeout(max(0.0, min(budget_s, self.left_s())))

    async def may_retry(self, pause_s: float = RETRY_PAUSE_S) -> bool:
        """Pause, then say whether there is time for another try."""
        await asyncio.sleep(max(0.0, min(pause_s, self.left_s())))
        return self.left_s() >= MIN_TRY_S

    def begin(self, attempt: int = 1) -> StartedStep:
        self._n += 1
        lag_since = partial(self._lag.worst_since, time.monotonic())
        return StartedStep(f"o{self._n}", self.now_s(), attempt, self.now_s, lag_since)

    def add(self, observation: AnyObservation) -> None:
        self._observations.append(observation)

    def observations(self) -> tuple[AnyObservation, ...]:
        """Return the observations in the order in which the steps began."""
        return tuple(sorted(self._observations, key=lambda o: int(o.id[1:])))
