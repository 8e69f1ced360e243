"""How many queries of one round wait at a resolver at a time.

A round asks for a dozen names at once, over UDP and over TCP. A home router takes that for a flood: it drops
queries, truncates answers or refuses connections (unbound serves ten), and healthy names look filtered.


Retries go fewer at a time: what was dropped or refused in one flood must not meet the next.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from probes.records import Endpoint

MAX_IN_FLIGHT: Final = {"udp": 8, "tcp": 6}
MAX_RETRIES_IN_FLIGHT: Final = 3
# A place is free again when the answer has come, or after this time: a resolver that swallows some names must
# not hold up the others beyond the deadline.
MAX_HELD_S: Final = {"udp": 0.3, "tcp": 0.6}
RETRY_MAX_HELD_S: Final = 0.15


class QueriesInFlight:
    """The places of one round at each resolver, UDP and TCP apart."""

    def __init__(self) -> None:
        self._places: dict[tuple[Endpoint, str, bool], asyncio.Semaphore] = {}

    @asynccontextmanager
    async def place(
        self, server: Endpoint, transport: str, *, is_retry: bool = False
    ) -> AsyncIterator[Callable[[], None]]:
        """Wait for a place and yield what gives it back, which may be called early and more than once.

        Shape:  any transport without a limit (dot, doh) has as many places as it needs.
        """
        limit = MAX_IN_FLIGHT.get(transport)
        if limit is None:
            yield lambda: None
            return
        n_places = MAX_RETRIES_IN_FLIGHT if is_retry else limit
        places = self._places.setdefault((server, transport, is_retry), asyncio.Semaphore(n_places))
        await places.acquire()
        is_held = True

        def give_back() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                places.release()

        held_s = RETRY_MAX_HELD_S if is_retry else MAX_HELD_S[transport]
        timer = asyncio.get_running_loop().call_later(held_s, give_back)
        try:
            yield give_back
        finally:
            timer.cancel()
            give_back()
