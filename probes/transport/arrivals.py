"""When a socket delivered how many bytes: the basis of every rate and of the time to the first byte.

Above TLS neither can be seen. A record of 16 kB is handed on when its last byte has come, so a body that
trickles in looks as if it had come at once.
"""

from dataclasses import dataclass
from typing import Final

# What comes within this time is one delivery: a burst that a shaper lets through, packets side by side.
DELIVERY_S: Final = 0.005


@dataclass(slots=True)
class _Delivery:
    began_s: float
    ended_s: float
    n_bytes: int


class Arrivals:
    """The deliveries since the last request, by the monotonic clock."""

    def __init__(self) -> None:
        self._deliveries: list[_Delivery] = []

    def restart(self) -> None:
        """Forget what came: a request goes out, and what comes now answers it."""
        self._deliveries.clear()

    def note(self, at_s: float, n_bytes: int) -> None:
        if not n_bytes:
            return
        last = self._deliveries[-1] if self._deliveries else None
        if last is not None and at_s - last.began_s <= DELIVERY_S:
            last.ended_s = at_s
            last.n_bytes += n_bytes
        else:
            self._deliveries.append(_Delivery(at_s, at_s, n_bytes))

    @property
    def first_s(self) -> float | None:
        return self._deliveries[0].began_s if self._deliveries else None

    @property
    def last_s(self) -> float | None:
        return self._deliveries[-1].ended_s if self._deliveries else None

    def rated(self) -> tuple[int, float]:
        """Return the bytes and the seconds that tell how fast they came; (0, 0.0) when none came.

        Shape:  from three deliveries on, the first is left out (a burst takes no time) and so is the longest
                pause with what ended it: a server that thinks, one lost packet, the wait of a slow start. A
                line that is held to a rate shows it in what remains. Of fewer, all.
        Units:  bytes, seconds.
        """
        all_bytes = sum(one.n_bytes for one in self._deliveries)
        if len(self._deliveries) < 3:
            return all_bytes, (self.last_s or 0.0) - (self.first_s or 0.0)
        steps = [
            (after.ended_s - before.ended_s, after.n_bytes)
            for before, after in zip(self._deliveries, self._deliveries[1:], strict=False)
        ]
        steps.remove(max(steps))
        return sum(n for _, n in steps), sum(s for s, _ in steps)
