"""Which moment is now, which zone and which buckets a range of days means."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from observatory.model import Grain, Role, load_zone
from observatory.model.views import Coverage
from observatory.views.ranges import (
    bucket_range,
    common_zone,
    default_days,
    reference_now,
)
from tests.observatory.views.samples import NOW, make_status

JAKARTA = ZoneInfo("Asia/Jakarta")


def cover(first: datetime | None, last: datetime | None, *, emulated: bool = False) -> Coverage:
    return Coverage(first_at=first, last_at=last, n_measurements=1, emulated=emulated, real=not emulated)


JULY = cover(datetime(2017, 7, 1, tzinfo=UTC), datetime(2017, 7, 20, 3, 20, tzinfo=UTC), emulated=True)


def test_now_of_an_emulation_is_its_last_measurement() -> None:
    assert reference_now(JULY, NOW) == JULY.last_at
    assert reference_now(cover(NOW, NOW - timedelta(hours=1)), NOW) == NOW
    mixed = Coverage(first_at=NOW, last_at=NOW, n_measurements=2, emulated=True, real=True)
    assert reference_now(mixed, NOW + timedelta(hours=1)) == NOW + timedelta(hours=1)


def test_common_zone_is_that_of_the_probes() -> None:
    control = make_status("ctl", role=Role.CONTROL, timezone="Europe/Berlin")
    assert common_zone([control, make_status("axis")]) == JAKARTA
    assert common_zone([]) == load_zone("Not/AZone") == ZoneInfo("UTC")


RANGES = {
    "hours, ending with the data": (
        (date(2017, 7, 14), date(2017, 7, 20)),
        ("2017-07-13T17:00", "2017-07-20T04:00", Grain.HOUR),
    ),
    "ten days are still hours": (
        (date(2017, 7, 5), date(2017, 7, 14)),
        ("2017-07-04T17:00", "2017-07-14T17:00", Grain.HOUR),
    ),
    "eleven days are days, in UTC": (
        (date(2017, 7, 4), date(2017, 7, 14)),
        ("2017-07-03T00:00", "2017-07-15T00:00", Grain.DAY),
    ),
}


@pytest.mark.parametrize(("days", "expected"), RANGES.values(), ids=RANGES)
def test_bucket_range(days: tuple[date, date], expected: tuple[str, str, Grain]) -> None:
    start, end, grain = bucket_range(*days, JAKARTA, JULY)
    assert (f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}", grain) == expected


def test_sparse_rounds_are_drawn_by_the_day_beyond_three_days() -> None:
    def grain(last: int) -> Grain:
        return bucket_range(date(2017, 7, 10), date(2017, 7, last), JAKARTA, JULY, every_s=43_200)[2]

    assert (grain(12), grain(13)) == (Grain.HOUR, Grain.DAY)


def test_default_days() -> None:
    real = cover(JULY.first_at, JULY.last_at)
    assert default_days(real, JAKARTA) == (date(2017, 7, 14), date(2017, 7, 20))
    short = cover(datetime(2017, 7, 19, tzinfo=UTC), JULY.last_at)
    assert default_days(short, JAKARTA) == (date(2017, 7, 19), date(2017, 7, 20))
    assert default_days(cover(None, None), JAKARTA) is None


def test_a_replay_is_shown_whole() -> None:
    assert default_days(JULY, JAKARTA) == (date(2017, 7, 1), date(2017, 7, 20))
