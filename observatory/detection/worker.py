"""The process that looks for onsets and ends and delivers alerts (`python -m observatory.detection.worker`).

Whatever process stores measurements marks their series as dirty in the same transaction, so this one may be
stopped, killed and started again at any time: what it has not searched yet waits for it.
"""

import logging
import sys
import time
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Final

from observatory.detection.detector import Detector
from observatory.notify.delivery_pass import run_delivery_pass
from observatory.store import Store, StoreError, open_store

logger = logging.getLogger("observatory.detection.worker")

SEARCH_EVERY_S: Final = 1.0
REVIEW_EVERY_S: Final = 60.0


def watch(store: Store) -> None:
    """Search what changed within a second, and once a minute what goes on. Never returns.

    Errors: none; what fails is logged and tried again.
    """
    # In a thread of its own: receivers that hang must hold up no search.
    has_news = Event()
    Thread(target=_deliver, args=(store, has_news), name="alerts", daemon=True).start()
    detector = Detector(store)
    reviewed_s = time.monotonic()
    while True:
        is_due = time.monotonic() - reviewed_s >= REVIEW_EVERY_S
        try:
            if is_due or store.load_dirty_series(1):
                summary = detector.run(datetime.now(UTC), review=is_due)
                if summary.n_alerts:
                    has_news.set()
        except Exception:
            logger.exception("the search for onsets and ends failed; will retry")
        if is_due:
            reviewed_s = time.monotonic()
        time.sleep(SEARCH_EVERY_S)


def _deliver(store: Store, has_news: Event) -> None:
    """Deliver once a minute what is due, and at once what was just found. Never returns."""
    while True:
        has_news.clear()
        try:
            run_delivery_pass(store, datetime.now(UTC))
        except Exception:
            logger.exception("delivering alerts failed; nothing is lost, will retry")
        has_news.wait(REVIEW_EVERY_S)


def main() -> int:
    """Watch the database that the environment names until the process is ended."""
    try:
        watch(open_store())
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
