"""Dates known from public reports: which belong to a chart or an event, their marks and words. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.events.publication import publishable
from observatory.model import Event
from observatory.model.known_dates import KnownDate
from observatory.text import Text
from observatory.views.charts import DateMark
from observatory.views.words import escape_markdown

# Orders come before and statements after what they speak of.
_AROUND: Final = timedelta(days=30)
# Marks closer together than this part of the chart cannot be told apart.
_APART: Final = 1 / 25


def dates_between(dates: Iterable[KnownDate], start: datetime, end: datetime) -> tuple[KnownDate, ...]:
    """Return the dates from `start` on and before `end`, in the order given."""
    return tuple(date for date in dates if start <= date.at < end)


def dates_around(dates: Iterable[KnownDate], event: Event, now: datetime) -> tuple[KnownDate, ...]:
    """Return what others reported of the weeks around an event."""
    if not event.spells:
        return ()
    part = publishable(event)
    end = part.end.by if part.end else max(now, part.onset.by)
    return dates_between(dates, (part.onset.after or part.onset.by) - _AROUND, end + _AROUND)


def mark_dates(dates: Iterable[KnownDate], span: timedelta) -> tuple[DateMark, ...]:
    """Return the marks of a chart; those too close to be told apart share one: `1–3`."""
    marks: list[tuple[datetime, int, int]] = []
    for number, date in enumerate(dates, start=1):
        if marks and date.at - marks[-1][0] < span * _APART:
            marks[-1] = (marks[-1][0], marks[-1][1], number)
        else:
            marks.append((date.at, number, number))
    return tuple(
        DateMark(at=at, number=str(first) if first == last else f"{first}–{last}")
        for at, first, last in marks
    )


def date_words(date: KnownDate, text: Text) -> str:
    """Return when it was, what kind of event, and what was reported."""
    when = text.date(date.at.astimezone(date.zone)) if date.day_only else text.moment(date.at, date.zone)
    return f"{when}: {text(f'known_kind.{date.kind}')}. {text(f'known_fact.{date.key}')}"


def date_lines(dates: Iterable[KnownDate], text: Text) -> str:
    """Return a numbered list in Markdown, each date with a link to its source."""
    lines = [
        f"{number}. {escape_markdown(date_words(date, text))} [{_host(date.source)}]({date.source})"
        for number, date in enumerate(dates, start=1)
    ]
    return "\n".join(lines)


def _host(address: str) -> str:
    return escape_markdown(address.split("/")[2])
