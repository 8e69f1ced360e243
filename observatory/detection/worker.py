"""The process that looks for onsets and ends and delivers alerts (`python -m observatory.detection.worker`).

Whatever process stores measurements marks their series as dirty in the same transaction, so this one may be
stopped, killed and started again at any time: what it has not searched yet waits for it.
"""

import logging
import math
import sys
import time
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Final

from observatory.detection.detector import Detector
from observatory.faults import FaultLog, reason_of
from observatory.notify.delivery_pass import run_delivery_pass
from observatory.store import Store, StoreError, StoreLost, open_reader, open_store

logger = logging.getLogger("observatory.detection.worker")

SEARCH_EVERY_S: Final = 1.0
REVIEW_EVERY_S: Final = 60.0
_SEARCH: Final = "the search for onsets and ends failed and is tried again"
_DELIVERY: Final = "delivering alerts failed and is tried again; nothing is lost"


def watch(store: Store) -> None:
    """Search what changed within a second, and once a minute what goes on. Never returns.

    Errors: StoreLost. Whatever else fails is logged, once, and tried again.
    """
    # In a thread of its own: receivers that hang must hold up no search.
    has_news = Event()
    Thread(target=_deliver, args=(store, has_news), name="alerts", daemon=True).start()
    detector = Detector(store)
    faults = FaultLog(logger)
    # At once: a process that is started again every few seconds would never review.
    reviewed_s = -math.inf
    while True:
        store.check_file()
        is_due = time.monotonic() - reviewed_s >= REVIEW_EVERY_S
        try:
            if is_due or store.load_dirty_series(1):
                summary = detector.run(datetime.now(UTC), review=is_due)
                if summary.n_alerts:
                    has_news.set()
            faults.resolve(_SEARCH)
        except StoreLost:
            raise
        except Exception as error:
            _report(faults, _SEARCH, error)
        if is_due:
            reviewed_s = time.monotonic()
        time.sleep(SEARCH_EVERY_S)


def _deliver(store: Store, has_news: Event) -> None:
    """Deliver once a minute what is due, and at once what was just found. Never returns."""
    faults = FaultLog(logger)
    while True:
        has_news.clear()
        try:
            run_delivery_pass(store, datetime.now(UTC))
            faults.resolve(_DELIVERY)
        except Exception as error:
            _report(faults, _DELIVERY, error)
        has_news.wait(REVIEW_EVERY_S)


def _report(faults: FaultLog, subject: str, error: Exception) -> None:
    """Log a fault that lasts once; where it was in the code is told too, but of a refusal of the database."""
    if faults.report(subject, reason_of(error)) and not isinstance(error, StoreError):
        logger.warning("%s: where it happened", subject, exc_info=error)


def main() -> int:
    """Watch the database that the environment names until the process is ended.

    It must be there: where it was deleted, an empty one would hide that.
    """
    try:
        open_reader().close()
        watch(open_store())
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
