"""What one far end may cost a process that serves many vantage points."""

import asyncio
from typing import Final

# An honest page of 64 kB comes in some dozens of pieces. One that comes byte by byte costs seconds of
# processor time, and whoever is measured beside it seems to stand still.
MAX_EVENTS: Final = 4096
_YIELD_EVERY: Final = 64


class Budget:
    """Counts the events (pieces, frames, interim responses) of one connection, and yields between them."""

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        self._left = max_events

    async def spend(self) -> bool:
        """Take one event; return False when there were too many. Others get their turn meanwhile."""
        self._left -= 1
        if self._left % _YIELD_EVERY == 0:
            await asyncio.sleep(0)
        return self._left >= 0
