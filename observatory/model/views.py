"""What a page gets from the store, as records. Counts and times only; never a raw row."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.model import Alert, Layer, Revision, State, VantagePoint


class GapReason(StrEnum):
    """Why a round of a vantage point is missing.

    misfire  it was due while the machine slept or was too busy
    overlap  the round before it was still running
    error    it ended in an error of ours
    stopped  probing was switched off
    """

    MISFIRE = "misfire"
    OVERLAP = "overlap"
    ERROR = "error"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageStatus(VantagePoint):
    """A vantage point as the config described it last, and how it is doing.

    `last_seen_at` is when its newest measurement was started; `last_error` is the newest error ever met, so
    compare `last_error_at` with `last_seen_at`. `removed`: no longer in the config; its history stays.
    `configured_at` is when the config that describes it was read.
    """

    configured_at: datetime | None = None
    last_seen_at: datetime | None = None
    last_started_at: datetime | None = None
    last_finished_at: datetime | None = None
    next_run_at: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None
    n_gaps_24h: int = 0
    removed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The newest verdict of one target from one vantage point."""

    vantage: str
    asn: int
    target: str
    state: State
    layer: Layer
    mechanism: str | None
    rule_id: str
    partial: bool
    n_ok: int
    n_tried: int
    measured_at: datetime
    measurement_id: str
    provisional: bool
    emulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a bucket was blocked, for one vantage point or one target.

    `n_blocked` counts blocked and likely_blocked; `n_judged` all but insufficient; `n` everything.
    """

    bucket_at: datetime
    key: str
    n_blocked: int
    n_judged: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the store holds of targets (control hosts are context and not counted).

    `first_at` and `last_at` are when the earliest and the latest measurement were started; None when empty.
    `emulated` and `real` say whether there is any measurement of that kind.
    """

    first_at: datetime | None
    last_at: datetime | None
    n_measurements: int
    emulated: bool
    real: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A round that was due and did not take place."""

    vantage: str
    at: datetime
    reason: GapReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigState:
    """The last reading of the config: no `errors` means that it is in force since `at`.

    `good_at` is the last time it was read without an error; None when it never was.
    """

    path: str
    at: datetime
    errors: tuple[str, ...]
    good_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which measurements are meant; what is left out is not asked for. `end` is exclusive."""

    start: datetime | None = None
    end: datetime | None = None
    targets: tuple[str, ...] = ()
    vantages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPosition:
    """Where a stored measurement lies in time; `number` decides between equal times."""

    started_at: datetime
    number: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How far one alert has come on its way to one channel; schema.py says what each state means."""

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
