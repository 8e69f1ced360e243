"""How much each network of an event blocked, counted from its own onset. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from observatory.analysis.events.publication import publishable
from observatory.model import Event, Grain, Interval
from observatory.model.views import Share

# Where every onset is moved to; only distances from it are shown.
ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_HOURS_UP_TO: Final = timedelta(days=4)
_MOST: Final = timedelta(days=120)
_BEFORE: Final = {Grain.HOUR: 12, Grain.DAY: 3}
_STEP: Final = {Grain.HOUR: timedelta(hours=1), Grain.DAY: timedelta(days=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """What aligning one event takes: hourly shares of `targets` from `start` to `end`, and each ASN's onset.

    `grain` is what they are shown in.
    """

    event: Event
    onsets: dict[int, Interval]
    targets: tuple[str, ...]
    grain: Grain
    start: datetime
    end: datetime

    @property
    def step(self) -> timedelta:
        return _STEP[self.grain]

    @property
    def before(self) -> timedelta:
        """Return how much is shown before the onset."""
        return _BEFORE[self.grain] * self.step


def plan_alignment(event: Event, last_at: datetime | None) -> Alignment:
    """Return what is needed of an event; `last_at` is the last measurement there is.

    Shape:  an onset that only our rules brought says nothing about time and is left out.
    """
    part = publishable(event)
    onsets: dict[int, Interval] = {}
    for spell in sorted(part.spells, key=lambda s: (s.onset.by, s.isp, s.asn)):
        if not spell.onset_from_rule_change:
            onsets.setdefault(spell.asn, spell.onset)
    last = last_at or part.onset.by
    end = min(max(part.end.by if part.end else last, part.onset.by), part.onset.by + _MOST)
    grain = Grain.HOUR if end - part.onset.by <= _HOURS_UP_TO else Grain.DAY
    before = _BEFORE[grain] * _STEP[grain]
    return Alignment(
        event=event,
        onsets=onsets,
        targets=part.targets,
        grain=grain,
        start=part.onset.by.replace(minute=0, second=0, microsecond=0) - before,
        end=min(end + before, last + timedelta(hours=1)),
    )


def align_shares(
    shares: Iterable[Share], asns: Mapping[str, int], onsets: Mapping[int, datetime], step: timedelta
) -> tuple[Share, ...]:
    """Return hourly shares of vantage points as those of networks, moved so that each onset lies at `ZERO`.

    Shape:  `asns` by vantage point, `onsets` by ASN; what has none is left out. A bucket is `step` long and
            starts at a whole number of steps from the hour of the onset.
    """
    counted: dict[tuple[int, int], Counter[str]] = {}
    for share in shares:
        onset = onsets.get(asns.get(share.key, -1))
        if onset is None:
            continue
        n = (share.bucket_at - onset.replace(minute=0, second=0, microsecond=0)) // step
        counts = counted.setdefault((asns[share.key], n), Counter())
        counts.update(n_blocked=share.n_blocked, n_judged=share.n_judged, n=share.n)
    return tuple(
        Share(
            bucket_at=ZERO + n * step,
            key=str(asn),
            n_blocked=counts["n_blocked"],
            n_judged=counts["n_judged"],
            n=counts["n"],
        )
        for (asn, n), counts in sorted(counted.items())
    )


def align(plan: Alignment, shares: Iterable[Share], asns: Mapping[str, int]) -> tuple[Share, ...]:
    """Return what is shown of an event: shares of networks around `ZERO`; keys are ASNs."""
    moved = align_shares(shares, asns, {asn: onset.by for asn, onset in plan.onsets.items()}, plan.step)
    return tuple(share for share in moved if share.bucket_at >= ZERO - plan.before)


def count_steps(shares: Iterable[Share], step: timedelta) -> int:
    """Return how many steps after the onset there is anything, at least one."""
    last = max((share.bucket_at for share in shares), default=ZERO)
    return max(1, (last - ZERO) // step + 1)
