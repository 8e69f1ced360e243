"""What a page gets from the store, as records. Counts and times only; never a raw row."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.model import Layer, LeadsTo, State, VantagePoint


class GapReason(StrEnum):
    """Why a round of a vantage point is missing.

    misfire  it was due while the machine slept or was too busy
    overlap  the round before it was still running
    error    it ended in an error of this software
    stopped  probing was switched off
    clock    it came with a date that cannot be right
    """

    MISFIRE = "misfire"
    OVERLAP = "overlap"
    ERROR = "error"
    STOPPED = "stopped"
    CLOCK = "clock"


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
    leads_to: LeadsTo | None = None


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
    """What the store holds of targets (canaries are context and not counted).

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
