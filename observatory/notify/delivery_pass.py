"""One delivery pass, which a running observatory makes each minute: who fell silent, and every alert due."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from observatory.config.alerts import find_path
from observatory.notify.channel_file import ChannelFile
from observatory.notify.deliver import Deliverer, DeliveryReport
from observatory.notify.senders import Sender, send
from observatory.notify.silent_vantages import judge_silences
from observatory.store import Store

# One for the process: what was last read without a mistake is kept from pass to pass.
_CHANNEL_FILE = ChannelFile()


def run_delivery_pass(
    store: Store,
    now: datetime,
    *,
    path: Path | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sender: Sender = send,
) -> tuple[DeliveryReport, ...]:
    """Log who fell silent or reports again, then deliver to every channel of alerts.yaml what is due.

    Shape:  may be called from any thread, at any interval, in any number of processes; a call may last a
            minute and a half when receivers hang, so it belongs in a thread of its own.
    Errors: StoreError alone; then nothing is lost, and the next call makes up for it. A file with mistakes,
            or a channel that fails, is logged and recorded.
    """
    silences = judge_silences(store.load_vantage_status(now=now), store.load_last_alert_of_vantages(), now)
    if silences:
        store.save_alerts(silences)
    return Deliverer(store, _CHANNEL_FILE.read(find_path(path)), clock, sender).deliver(now)
