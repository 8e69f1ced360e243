"""Years of whole networks, seeded: health with all its troubles, and faults that hit all targets at once.

Six measurements an hour of seventeen targets. To what `years` draws for each target by itself come, for all
targets of a network together, a line that loses packets or carries nothing, and a route to Telegram that is
gone; each lasts ten minutes to six hours. What fails so is silence: no packet that is lost makes up a page.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.changes.years import HOURS, Counts, Health, make_years

TARGETS: Final = 17
PER_HOUR: Final = 6
# Each in so many weeks of a network: a lossy line, a dead one, a route that is gone.
_FAULT_EVERY_WEEKS: Final = 8
_SHORTEST: Final = 1
_LONGEST: Final = 36

Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkYear:
    """What six measurements an hour of each target gave: (measurements, targets), true where one failed."""

    failing: npt.NDArray[np.bool_]

    def counts(self) -> tuple[Counts, Counts]:
        """Return what was ok and what failed. Shape: (hours, targets)."""
        failing = self.failing.reshape(HOURS, PER_HOUR, -1).sum(axis=1).astype(np.int32)
        return (PER_HOUR - failing).astype(np.int32), failing


def make_network_year(seed: int, *, health: Health | None = None) -> NetworkYear:
    """Return one healthy year of a network, with three kinds of faults that its targets share."""
    random = np.random.default_rng(seed)
    _, failed = make_years(TARGETS, seed=seed, per_hour=PER_HOUR, health=health or Health(), block=None)
    n_slots = HOURS * PER_HOUR
    # Within an hour the failing ones lie anywhere.
    order = random.random((HOURS, PER_HOUR, TARGETS)).argsort(axis=1)
    failing = (order < failed[:, None, :]).reshape(n_slots, TARGETS)
    slots_per_fault = 7 * 24 * PER_HOUR * _FAULT_EVERY_WEEKS
    for start in np.flatnonzero(random.random(n_slots) < 3 / slots_per_fault):
        stretch = slice(start, start + random.integers(_SHORTEST, _LONGEST + 1))
        part = failing[stretch]
        kind = random.integers(3)
        loss = random.uniform(0.2, 0.9) if kind == 0 else 1.0
        part |= random.random(part.shape) < loss
    return NetworkYear(failing=failing)
