"""Ranges of days in an address."""

from datetime import date

import pytest

from observatory.views.addresses import parse_days, write_days


@pytest.mark.parametrize(
    "asked", [None, "", "x", "2017-07-10", "2017-07-20..2017-07-10", "0001-01-01..0001-01-02", "a..b"]
)
def test_an_address_that_is_no_range_is_ignored(asked: str | None) -> None:
    assert parse_days(asked) is None


def test_an_address_with_a_range() -> None:
    assert parse_days("2017-07-10..2017-07-20") == (date(2017, 7, 10), date(2017, 7, 20))


def test_a_range_is_written_as_it_is_read() -> None:
    days = date(2017, 7, 10), date(2017, 7, 20)
    assert parse_days(write_days(*days)) == days
