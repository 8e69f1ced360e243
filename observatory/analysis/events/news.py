"""What is new in an event since people were told about it last."""

from datetime import timedelta
from typing import Final

from observatory.analysis.events.publication import is_published
from observatory.model import AlertKind, Event, Interval, Series, Spell

# The weightiest first: an alert is named after it.
WEIGHT: Final = (
    AlertKind.WITHDRAWAL,
    AlertKind.ONSET,
    AlertKind.CORRECTION,
    AlertKind.END,
    AlertKind.METHOD,
    AlertKind.SPREAD,
    AlertKind.PARTIAL_END,
)
# What goes on for days is told at most so often; nothing is lost, the next telling says all of it.
PAUSE: Final = {
    AlertKind.METHOD: timedelta(hours=12),
    AlertKind.SPREAD: timedelta(hours=24),
    AlertKind.PARTIAL_END: timedelta(hours=12),
}
# An onset that moves by less was only found more precisely.
_MOVED: Final = timedelta(hours=1)


def find_news(told: Event | None, event: Event) -> tuple[AlertKind, ...]:
    """Return what an event says that was not told, the weightiest first; nothing when it says the same.

    Shape:  `told` is the event as it was when people were told last; None: never.
    """
    if told is None:
        return (AlertKind.ONSET,) if is_published(event) else ()
    if event.withdrawn:
        return () if told.withdrawn else (AlertKind.WITHDRAWAL,)
    old, new = _first_by_series(told), _first_by_series(event)
    news = set()
    if told.withdrawn:
        news.add(AlertKind.ONSET)
    if any(_is_corrected(old[key], new[key]) for key in old.keys() & new.keys()) or old.keys() - new.keys():
        news.add(AlertKind.CORRECTION)
    if new.keys() - old.keys():
        news.add(AlertKind.SPREAD)
    if any(asn in told.networks for asn, _ in _methods(event) - _methods(told)):
        news.add(AlertKind.METHOD)
    if event.end is not None and told.end is None:
        news.add(AlertKind.END)
    elif event.end is None and _ended(event) - _ended(told):
        news.add(AlertKind.PARTIAL_END)
    return tuple(kind for kind in WEIGHT if kind in news)


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
    """A vague border becomes clearer with every measurement; it has moved when the two do not meet."""
    if vague:
        return (new.after is not None and new.after >= old.by) or (
            old.after is not None and old.after >= new.by
        )
    if (old.after is None) != (new.after is None):
        return True
    return abs(new.by - old.by) > _MOVED


def _methods(event: Event) -> set[tuple[int, str | None]]:
    return {(spell.asn, method.mechanism) for spell in event.spells for method in spell.methods}


def _ended(event: Event) -> set[Series]:
    return {spell.series for spell in event.spells if spell.end is not None}
