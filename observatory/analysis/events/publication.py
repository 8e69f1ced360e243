"""What may be published, where: the one answer for pages, feeds, alerts, files and commands.

Nothing is called a block before it is confirmed; an end that came with a change of our rules is not called an
end; a measurement speaks for now only while it is fresh; emulated data is shown only while there is nothing
real. Pure.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from observatory.model import Certainty, Event, Interval, Spell, State
from observatory.model.views import Coverage

# A vantage point may miss a round or two without its last measurement being out of date.
FRESH_INTERVALS: Final = 3


class Publication(StrEnum):
    """Whether an event is published as a block.

    published    confirmed, and not withdrawn
    withdrawn    taken back: it is not found any more
    unconfirmed  no part of it is confirmed, or none is any longer
    """

    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    UNCONFIRMED = "unconfirmed"


def judge_publication(event: Event) -> Publication:
    """Return whether an event is published as a block, and why it is not."""
    if event.withdrawn:
        return Publication.WITHDRAWN
    if event.certainty is Certainty.SUSPECTED:
        return Publication.UNCONFIRMED
    return Publication.PUBLISHED


def is_published(event: Event) -> bool:
    """Return whether an event is published as a block: confirmed, and not withdrawn."""
    return judge_publication(event) is Publication.PUBLISHED


def is_going_on(event: Event) -> bool:
    """Return whether an event is published as a block that lasts."""
    return is_published(event) and publishable(event).end is None


def public_part(event: Event) -> Event | None:
    """Return the confirmed part of a published event; None for one that is not published."""
    return _confirmed_part(event) if is_published(event) else None


def publishable(event: Event) -> Event:
    """Return what sentences about an event may be made of: its confirmed part, the whole where there is none.

    An end that only our rules brought is not an end. Where all of it is over, and some of it by our rules,
    no end is claimed at all; where some of it goes on, what our rules ended counts as going on.
    """
    part = _confirmed_part(event) or event
    by_rules = [spell.end_from_rule_change for spell in part.spells]
    if not any(by_rules) or all(by_rules):
        return part
    if part.end is None:
        spells = (
            replace(spell, end=None, end_from_rule_change=False) if spell.end_from_rule_change else spell
            for spell in part.spells
        )
    else:
        spells = (replace(spell, end_from_rule_change=True) for spell in part.spells)
    return replace(part, spells=tuple(spells))


def has_end_from_rule_change(event: Event) -> bool:
    """Return whether the end of an event came with a change of our rules, so that nothing may be said of it.

    Shape:  an event as `publishable` returns it.
    """
    return all(spell.end_from_rule_change for spell in event.spells)


def known_end(event: Event) -> Interval | None:
    """Return when a block ended; None while it goes on, and where that came with a change of our rules."""
    part = publishable(event)
    return None if has_end_from_rule_change(part) else part.end


def is_proven(spell: Spell) -> bool:
    """Return whether one of the witnesses found what only a filter leaves behind."""
    return any(witness.state is State.BLOCKED for witness in spell.witnesses)


def is_suspicion(spell: Spell) -> bool:
    """Return whether a spell is a suspicion that has neither been confirmed nor dropped so far."""
    return spell.certainty is Certainty.SUSPECTED and spell.end is None and not spell.onset_from_rule_change


def suspicions(spells: Iterable[Spell], events: Iterable[Event]) -> list[Spell]:
    """Return the suspicions among `spells`, without series that a published event names as blocked now."""
    named = {
        spell.series for event in events if is_published(event) for spell in event.spells if spell.end is None
    }
    return [spell for spell in spells if is_suspicion(spell) and spell.series not in named]


def shows_emulated(coverage: Coverage) -> bool:
    """Return whether emulated data is what is shown: there is some, and nothing real."""
    return coverage.emulated and not coverage.real


def is_fresh(measured_at: datetime, every_s: float, now: datetime) -> bool:
    """Return whether a measurement is current: it is at most three intervals old."""
    return now - measured_at <= FRESH_INTERVALS * timedelta(seconds=every_s)


def _confirmed_part(event: Event) -> Event | None:
    confirmed = tuple(spell for spell in event.spells if spell.certainty is Certainty.CONFIRMED)
    return replace(event, spells=confirmed) if confirmed else None
