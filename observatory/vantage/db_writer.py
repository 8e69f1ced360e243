"""The one thread that writes to the database: the event loop, which times the network, never waits for it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, Final, Protocol, Self

from observatory.faults import FaultLog, reason_of
from observatory.model import VantagePoint

logger = logging.getLogger("observatory.vantage.scheduler")

MAX_WAITING: Final = 1000


class Journal(Protocol):
    """Where the scheduler records what it did; each call may block, and may fail."""

    def save_vantage_points(self, vantage_points: Sequence[VantagePoint], *, at: datetime) -> None: ...

    def record_run(
        self,
        vantage: str,
        *,
        started_at: datetime,
        finished_at: datetime,
        next_run_at: datetime | None,
        n_measurements: int,
        error: str | None,
    ) -> None: ...

    def record_gap(self, vantage: str, *, at: datetime, reason: str, detail: str) -> None: ...

    def record_config(self, *, path: str, at: datetime, errors: Sequence[str]) -> None: ...


class DbWriter:
    """Runs blocking calls one after the other in a thread of its own, from `with` to its end.

    `write_soon` is for entries that must not be lost while the database is locked: those that fail wait, and
    are tried again with the next one. They carry their own times, so being written late does no harm.
    `n_lost`, after its end: how many never were.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque()
        self.n_lost = 0
        self._faults = FaultLog(logger)

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="db-writer")
        self._pool.submit(int)  # the pool starts its thread at the first call: now, not in a round
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.submit(self._write_waiting)
        self._pool.shutdown(wait=True)
        self.n_lost += len(self._waiting)
        if self.n_lost:
            logger.error("run records: %d entries could not be written and are lost", self.n_lost)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Run a blocking call; the future gives its result or its exception."""
        return asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)

    def write_soon(self, call: Callable[..., object], *arguments: Any, **named: Any) -> None:
        """Run a call whose result nobody waits for; try again later if it fails now."""
        self._pool.submit(self._write, partial(call, *arguments, **named))

    def _write(self, entry: Callable[[], object]) -> None:
        self._waiting.append(entry)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self.n_lost += 1
        self._write_waiting()

    def _write_waiting(self) -> None:
        while self._waiting:
            entry = self._waiting.popleft()
            try:
                entry()
            except Exception as error:
                self._faults.report("run records", reason_of(error))
                # To the end of the queue: an entry that can never be written must not hold up the others.
                self._waiting.append(entry)
                return
        self._faults.resolve("run records")
