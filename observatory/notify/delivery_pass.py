"""The one call that a running observatory makes each minute: who fell silent, and who is to be told what."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from observatory.config.alerts import find_path, load_channels
from observatory.config.problems import ConfigError
from observatory.model.channels import Channels
from observatory.notify.deliver import Deliverer, DeliveryReport
from observatory.notify.senders import Sender, send
from observatory.notify.silent_vantages import judge_silences
from observatory.store import Store

logger = logging.getLogger("observatory.notify")


class _Desk:
    """The channels as they were last read without a mistake: an edit with one must not silence anybody."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._good: Channels | None = None
        self._complaint = ""

    def read(self, path: Path) -> Channels:
        if path != self._path:
            self._path, self._good, self._complaint = path, None, ""
        try:
            self._good, self._complaint = load_channels(path), ""
        except ConfigError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                kept = (
                    "the last good version stays in force"
                    if self._good
                    else "nobody is told until it is good"
                )
                logger.error("%s\n%s: %s", error, path, kept)
        return self._good or Channels(path=str(path))


_DESK = _Desk()


def tell(
    store: Store,
    now: datetime,
    *,
    path: Path | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    senders: Sender = send,
) -> tuple[DeliveryReport, ...]:
    """Log who fell silent or reports again, then tell every channel of alerts.yaml what is due.

    Shape:  may be called from any thread, at any interval, in any number of processes; a call may last a
            minute and a half when receivers hang, so it belongs in a thread of its own.
    Errors: StoreError alone; then nothing is lost, and the next call does it. A file with mistakes, or a
            channel that fails, is logged and recorded.
    """
    silences = judge_silences(store.load_vantage_status(now=now), store.load_last_alert_of_vantages(), now)
    if silences:
        store.save_alerts(silences)
    return Deliverer(store, _DESK.read(find_path(path)), clock, senders).deliver(now)
