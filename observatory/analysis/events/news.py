"""What is new in an event since the last alert about it."""

from datetime import timedelta
from typing import Final

from observatory.analysis.events.publication import (
    has_end_from_rule_change,
    is_published,
    known_end,
    publishable,
)
from observatory.model import AlertKind, Event, Interval, Series, Spell

# What matters most comes first: an alert is named after it.
PRIORITY: Final = (
    AlertKind.WITHDRAWAL,
    AlertKind.ONSET,
    AlertKind.CORRECTION,
    AlertKind.END,
    AlertKind.METHOD,
    AlertKind.SPREAD,
    AlertKind.PARTIAL_END,
)
# How long after one alert of a kind the next may follow: what goes on for days would make many of them.
# Nothing is lost, the next one says all of it.
MIN_INTERVAL: Final = {
    AlertKind.METHOD: timedelta(hours=12),
    AlertKind.SPREAD: timedelta(minutes=30),
    AlertKind.PARTIAL_END: timedelta(hours=12),
}
# An onset that moves by less was only found more precisely.
_MOVED: Final = timedelta(hours=1)


def find_news(before: Event | None, event: Event) -> tuple[AlertKind, ...]:
    """Return what is new in an event, what matters most first; empty when nothing is.

    Shape:  `before` is the event as it was at the last alert about it; None when there was none. Only what is
            published of either is compared: a suspicion that joins is no news, and an end that our rules
            brought is no end.
    """
    if not is_published(event):
        told = before is not None and is_published(before)
        return (AlertKind.WITHDRAWAL,) if told else ()
    if before is None:
        return (AlertKind.ONSET,)
    event = publishable(event)
    before = publishable(before)
    old, new = _first_by_series(before), _first_by_series(event)
    news = set()
    if not is_published(before):
        news.add(AlertKind.ONSET)
    if any(_is_corrected(old[key], new[key]) for key in old.keys() & new.keys()) or old.keys() - new.keys():
        news.add(AlertKind.CORRECTION)
    if new.keys() - old.keys():
        news.add(AlertKind.SPREAD)
    if any(asn in before.networks for asn, _ in _methods(event) - _methods(before)):
        news.add(AlertKind.METHOD)
    if known_end(event) is not None and known_end(before) is None:
        news.add(AlertKind.END)
    elif _is_left_open(event) and not _is_left_open(before):
        # Readers believe that it goes on or is over, and neither is known any longer.
        news.add(AlertKind.CORRECTION)
    elif event.end is None and _ended(event) - _ended(before):
        news.add(AlertKind.PARTIAL_END)
    return tuple(kind for kind in PRIORITY if kind in news)


def _first_by_series(event: Event) -> dict[Series, Spell]:
    found: dict[Series, Spell] = {}
    for spell in event.spells:
        found.setdefault(spell.series, spell)
    return found


def _is_corrected(old: Spell, new: Spell) -> bool:
    return _moved(old.onset, new.onset, vague=old.partial or new.partial) or (
        old.end is not None and (new.end is None or _moved(old.end, new.end, vague=new.partial))
    )


def _moved(old: Interval, new: Interval, *, vague: bool) -> bool:
    """A vague border becomes clearer with every measurement; it has moved when the two do not overlap."""
    if vague:
        return (new.after is not None and new.after >= old.by) or (
            old.after is not None and old.after >= new.by
        )
    if (old.after is None) != (new.after is None):
        return True
    return abs(new.by - old.by) > _MOVED


def _is_left_open(event: Event) -> bool:
    return event.end is not None and has_end_from_rule_change(event)


def _methods(event: Event) -> set[tuple[int, str | None]]:
    return {(spell.asn, method.mechanism) for spell in event.spells for method in spell.methods}


def _ended(event: Event) -> set[Series]:
    return {spell.series for spell in event.spells if spell.end is not None}
