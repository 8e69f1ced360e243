"""The delivery state of alerts on channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from observatory.model.alerts import Alert, Revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Delivery state of one alert on one channel.

    Shape:  `delivered_at` set: delivered. Else `next_attempt_at` set: it waits, or is being sent in `message`
            until then. Neither: it will not be sent, and `error` says why.
    """

    alert: Alert
    n_attempts: int = 0
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    error: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """What is still to be delivered to one channel, all read at one moment.

    `waiting` is in the order of the log. `events` has each event named there as it is now, `delivered` as the
    channel knows it from the last message about it, `earlier` as it was before the first alert that waits.
    `sent_at` are the times of the messages that went out lately, oldest first.
    """

    waiting: tuple[Delivery, ...]
    events: Mapping[str, Revision]
    delivered: Mapping[str, Revision]
    earlier: Mapping[str, Revision]
    sent_at: tuple[datetime, ...]
