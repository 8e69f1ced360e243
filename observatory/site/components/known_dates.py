"""Dates known from public reports, for the range that a chart covers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import streamlit as st

from observatory.figures import DateMark
from observatory.reference import load_yaml
from observatory.text import Text
from observatory.views.words import escape_markdown

# A date without a time is a day in the place that the reports speak of.
_PLACE = ZoneInfo("Asia/Jakarta")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDate:
    """One reported event; `day_only` when no time of day is known. `source` is the address of the report."""

    at: datetime
    day_only: bool
    kind: str
    key: str
    source: str


@cache
def load_known_dates() -> tuple[KnownDate, ...]:
    """Return all reported events, oldest first. Errors: ValueError for two events that share a key."""
    events = load_yaml("indonesia_2017.yaml")["events"]
    plain = [f"{event['at']} {event['kind']}" for event in events]
    dates = []
    for event, key in zip(events, plain, strict=True):
        at = datetime.fromisoformat(event["at"])
        # The place tells apart what the day and the kind do not.
        own = f"{key} {event['scope']}" if plain.count(key) > 1 else key
        dates.append(
            KnownDate(
                at=at if at.tzinfo else at.replace(tzinfo=_PLACE),
                day_only="T" not in event["at"],
                kind=event["kind"],
                key=own,
                source=event["source"],
            )
        )
    if len({date.key for date in dates}) < len(dates):
        raise ValueError("indonesia_2017.yaml: expected one event per at, kind and scope, found two")
    return tuple(sorted(dates, key=lambda date: date.at))


def dates_between(start: datetime, end: datetime) -> tuple[KnownDate, ...]:
    return tuple(date for date in load_known_dates() if start <= date.at < end)


def mark_dates(dates: tuple[KnownDate, ...], span: timedelta) -> tuple[DateMark, ...]:
    """Return the marks of a chart; those too close to be told apart share one: `1–3`."""
    marks: list[tuple[datetime, int, int]] = []
    for number, date in enumerate(dates, start=1):
        if marks and date.at - marks[-1][0] < span / 25:
            marks[-1] = (marks[-1][0], marks[-1][1], number)
        else:
            marks.append((date.at, number, number))
    return tuple(
        DateMark(at=at, number=str(first) if first == last else f"{first}–{last}")
        for at, first, last in marks
    )


def date_words(date: KnownDate, text: Text) -> str:
    when = text.date(date.at.astimezone(_PLACE)) if date.day_only else text.moment(date.at, _PLACE)
    return f"{when}: {text(f'known_kind.{date.kind}')}. {text(f'known_fact.{date.key}')}"


def show_dates(dates: tuple[KnownDate, ...], text: Text) -> None:
    """Draw the reported events as a numbered list, each with a link to its source."""
    lines = [
        f"{number}. {escape_markdown(date_words(date, text))} [{_host(date.source)}]({date.source})"
        for number, date in enumerate(dates, start=1)
    ]
    st.markdown("\n".join(lines))


def _host(address: str) -> str:
    return escape_markdown(address.split("/")[2])
