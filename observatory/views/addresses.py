"""Addresses of pages and feeds, and what they ask for. Pure."""

from datetime import date
from typing import Final, Literal
from urllib.parse import quote, urlencode

from observatory.text import FALLBACK

# What is between the two days of a range.
SEPARATOR: Final = ".."


def measurement_address(measurement_id: str, language: str) -> str:
    """Return the address of the page of one measurement, seen from any page."""
    return f"measurement?{urlencode({'id': measurement_id, 'lang': language})}"


def event_address(event_id: str, language: str) -> str:
    """Return the address of the page of one event, seen from any page."""
    return f"event?{urlencode({'id': event_id, 'lang': language})}"


def feed_address(
    kind: Literal["events", "isp", "host"], key: str | int = "", language: str = FALLBACK
) -> str:
    """Return the address of an Atom feed, seen from any page.

    Shape:  `key` is the ASN for `isp`, the target's name for `host`, and nothing for `events`.
    """
    name = {"events": "events", "isp": f"isp/AS{key}", "host": f"host/{quote(str(key), safe='')}"}[kind]
    return f"feeds/{name}.atom?{urlencode({'lang': language})}"


def parse_days(asked: str | None) -> tuple[date, date] | None:
    """Return the range of `2017-07-10..2017-07-20`; None for anything else."""
    first, separator, last = (asked or "").partition(SEPARATOR)
    try:
        days = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    return days if separator and days[0] <= days[1] and days[0].year >= 2000 else None


def write_days(first: date, last: date) -> str:
    """Return a range as `parse_days` reads it."""
    return f"{first}{SEPARATOR}{last}"
