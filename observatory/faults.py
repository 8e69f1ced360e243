"""Faults that last: said once when they begin, again when they change and once an hour, with a count."""

import logging
import time
from collections.abc import Callable
from typing import Final

AGAIN_AFTER_S: Final = 3600.0
_MAX_REASON_CHARS: Final = 500
# Of one subject; a database that breaks in ever new words must not fill memory.
_MAX_REASONS: Final = 20


def reason_of(error: BaseException) -> str:
    """Return an exception as one short line; for a group, its first leaf, which is where it began."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}"[:_MAX_REASON_CHARS] if lines else type(error).__name__


class FaultLog:
    """Logs each fault of a subject when it begins, then once an hour while it lasts, and when it is over.

    `clock` gives seconds that never go back. Two reasons in turn are two faults, each said once.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        # By subject and reason: when it was said, how often it came since.
        self._lasting: dict[str, dict[str, tuple[float, int]]] = {}

    def report(self, subject: str, reason: str) -> bool:
        """Note a fault; return whether it was logged."""
        lasting = self._lasting.setdefault(subject, {})
        now_s = self._clock()
        said_s, n_since = lasting.get(reason, (None, 0))
        if said_s is not None and now_s - said_s < AGAIN_AFTER_S:
            lasting[reason] = (said_s, n_since + 1)
            return False
        if said_s is None:
            self._logger.warning("%s: %s", subject, reason)
        else:
            self._logger.warning("%s: %s (%d times more)", subject, reason, n_since + 1)
        if said_s is None and len(lasting) >= _MAX_REASONS:
            del lasting[min(lasting, key=lambda known: lasting[known][0])]
        lasting[reason] = (now_s, 0)
        return True

    def resolve(self, subject: str) -> None:
        """Note that a subject is well again."""
        if self._lasting.pop(subject, None) is not None:
            self._logger.warning("%s: recovered", subject)
