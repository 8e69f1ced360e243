"""Dates known from public reports, read once."""

from datetime import datetime
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from observatory.model.known_dates import KnownDate
from observatory.reference.files import load_yaml

# A date without a time is a day in the place that the reports speak of.
PLACE: Final = ZoneInfo("Asia/Jakarta")
# The dates known so far are of one country.
COUNTRY: Final = "ID"


@cache
def load_known_dates() -> tuple[KnownDate, ...]:
    """Return all reported events, oldest first. Errors: ValueError for two events that share a key."""
    events = load_yaml("indonesia_2017.yaml")["events"]
    plain = [f"{event['at']} {event['kind']}" for event in events]
    dates = []
    for event, key in zip(events, plain, strict=True):
        at = datetime.fromisoformat(event["at"])
        # The scope tells apart what the day and the kind do not.
        own = f"{key} {event['scope']}" if plain.count(key) > 1 else key
        dates.append(
            KnownDate(
                at=at if at.tzinfo else at.replace(tzinfo=PLACE),
                zone=PLACE,
                day_only="T" not in event["at"],
                kind=event["kind"],
                key=own,
                source=event["source"],
            )
        )
    if len({date.key for date in dates}) < len(dates):
        raise ValueError("indonesia_2017.yaml: expected one event per at, kind and scope, found two")
    return tuple(sorted(dates, key=lambda date: date.at))
