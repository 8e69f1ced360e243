"""Which dates a measurement may bear: with a wrong one, all that is said of "now" and "since" is wrong."""

from datetime import UTC, datetime, timedelta
from typing import Final

# The first measurements that anybody may bring are OONI's of 2012.
FIRST_DATE: Final = datetime(2012, 1, 1, tzinfo=UTC)
# A clock that nobody sets drifts by minutes. More than this is no drift: local time written as UTC is at
# least seven hours ahead in Indonesia.
CLOCK_TOLERANCE: Final = timedelta(hours=3)


def date_problem(started_at: datetime, arrived_at: datetime) -> str | None:
    """Return why a measurement with this date cannot be right, None when it can.

    Shape:  what was measured long ago may arrive today; what will be measured tomorrow may not.
    Errors: none, for any aware datetimes.
    """
    # Aware datetimes are compared whatever their year; sums with them overflow.
    if FIRST_DATE <= started_at <= arrived_at + CLOCK_TOLERANCE:
        return None
    return (
        f"start time: expected {FIRST_DATE:%Y-%m-%d} to {arrived_at:%Y-%m-%d %H:%M} UTC, when it arrived, "
        f"got {_utc_text(started_at)}; the clock that dated it was wrong"
    )


def _utc_text(at: datetime) -> str:
    try:
        return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ', timespec='minutes')} UTC"
    except OverflowError:
        return at.isoformat(sep=" ", timespec="minutes")
