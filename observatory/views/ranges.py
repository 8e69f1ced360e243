"""Which moment is "now", which zone people read, which buckets a range of days means. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from observatory.analysis.events.publication import shows_emulated
from observatory.model import Grain, Role, load_zone
from observatory.model.views import Coverage, VantageStatus

HOURLY_UP_TO: Final = timedelta(days=10)
# Where rounds are rarer than buckets, most hours would be holes; a few days are still worth their detail.
SPARSE_HOURLY_UP_TO: Final = timedelta(days=3)
_DEFAULT_DAYS: Final = 7


def reference_now(coverage: Coverage, clock: datetime) -> datetime:
    """Return the moment that ages count from: the calendar of an emulation ends at its last row."""
    if shows_emulated(coverage) and coverage.last_at is not None:
        return coverage.last_at
    return clock


def common_zone(vantages: Iterable[VantageStatus]) -> ZoneInfo:
    """Return the zone of most vantage points that probe; UTC when there is none."""
    shown = list(vantages)
    probing = [v for v in shown if v.role is Role.PROBE] or shown
    counted = Counter(v.timezone for v in probing)
    return load_zone(counted.most_common(1)[0][0]) if counted else ZoneInfo("UTC")


def default_days(coverage: Coverage, zone: ZoneInfo) -> tuple[date, date] | None:
    """Return the last seven local days of the data, or all when there are fewer; None without data.

    A replay is finite: it is shown whole.
    """
    if coverage.first_at is None or coverage.last_at is None:
        return None
    first, last = coverage.first_at.astimezone(zone).date(), coverage.last_at.astimezone(zone).date()
    if shows_emulated(coverage):
        return first, last
    return max(first, last - timedelta(days=_DEFAULT_DAYS - 1)), last


def bucket_range(
    first: date, last: date, zone: ZoneInfo, coverage: Coverage, *, every_s: float = 0.0
) -> tuple[datetime, datetime, Grain]:
    """Return start and end (exclusive, UTC, whole buckets) of local days, and the grain to read them in.

    `every_s` is the longest interval of the vantage points shown, in seconds. The range ends with the
    data, so that the future is not drawn as missing.
    """
    start = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    hourly_up_to = HOURLY_UP_TO if every_s <= 3600 else SPARSE_HOURLY_UP_TO
    grain = Grain.HOUR if end - start <= hourly_up_to else Grain.DAY
    step = timedelta(hours=1) if grain is Grain.HOUR else timedelta(days=1)
    start = _floor(start, grain)
    if coverage.last_at is not None and start <= coverage.last_at < end:
        end = _floor(coverage.last_at, grain) + step
    elif end != _floor(end, grain):
        end = _floor(end, grain) + step
    return start, end, grain


def _floor(at: datetime, grain: Grain) -> datetime:
    hour = at.hour if grain is Grain.HOUR else 0
    return at.replace(hour=hour, minute=0, second=0, microsecond=0)
