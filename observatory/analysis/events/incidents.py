"""Many spells, one event: what began in one country within a few days is one change in the world."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.events.spells import REJOIN
from observatory.model import Certainty, Event, Spell

# An order is carried out within days; Indonesia's networks took three in 2017.
SAME_ORDER: Final = timedelta(days=7)
# Other targets, other networks, but so close together that it is hardly a coincidence.
SAME_DAY: Final = timedelta(days=1)
_EMULATED: Final = "emulated-"


@dataclass(slots=True)
class _Group:
    spells: list[Spell] = field(default_factory=list)

    @property
    def last_onset(self) -> datetime:
        return max(spell.onset.by for spell in self.spells)

    def is_going_on(self, at: datetime) -> bool:
        return any(spell.end is None or spell.end.by + REJOIN >= at for spell in self.spells)

    def takes(self, spell: Spell) -> bool:
        """Return whether a spell, which began after all of these, belongs to the same change."""
        if not self.is_going_on(spell.onset.by):
            return False
        shares_target = any(other.target == spell.target for other in self.spells)
        # Nobody measured it earlier: it may have begun with the others, however long ago that was.
        if spell.onset.after is None and shares_target:
            return True
        distance = spell.onset.by - self.last_onset
        return distance <= (SAME_ORDER if shares_target else SAME_DAY)


def group_spells(spells: Iterable[Spell], known: Sequence[Event] = ()) -> list[Event]:
    """Return the events that the spells make up, and those of `known` of which none is left, as withdrawn.

    Shape:  spells in any order; those that came with a change of our rules, and groups without a confirmed
            spell, make no event. An event keeps its id as long as any of its spells is in it; where two
            become one, the older id stays and the other is withdrawn.
    """
    groups: dict[tuple[str, bool], list[_Group]] = {}
    in_world = (spell for spell in spells if not spell.onset_from_rule_change)
    for spell in sorted(in_world, key=lambda s: (s.onset.by, s.target, s.asn)):
        near = groups.setdefault((spell.country, spell.emulated), [])
        for group in reversed(near):
            if group.takes(spell):
                group.spells.append(spell)
                break
        else:
            near.append(_Group([spell]))
    found = [
        sorted(group.spells, key=lambda s: (s.isp, s.asn, s.target, s.onset.by))
        for near in groups.values()
        for group in near
        if any(spell.certainty is Certainty.CONFIRMED for spell in group.spells)
    ]
    return _name(found, known)


def _name(groups: Sequence[Sequence[Spell]], known: Sequence[Event]) -> list[Event]:
    """Give each group the id of the oldest event that it continues, else a new one."""
    taken = {event.id for event in known}
    waiting = sorted(known, key=lambda event: (event.withdrawn, event.onset.by, event.id))
    events = []
    for spells in sorted(groups, key=lambda spells: min(s.onset.by for s in spells)):
        before = next((event for event in waiting if _continues(spells, event.spells)), None)
        if before is not None:
            waiting.remove(before)
            id_ = before.id
        else:
            id_ = _new_id(spells, taken)
            taken.add(id_)
        events.append(
            Event(id=id_, country=spells[0].country, emulated=spells[0].emulated, spells=tuple(spells))
        )
    return events + [replace(event, withdrawn=True) for event in waiting]


def _continues(spells: Sequence[Spell], before: Sequence[Spell]) -> bool:
    earlier = {spell.series: spell for spell in before}
    return any(
        (other := earlier.get(spell.series)) is not None and _is_near(spell, other) for spell in spells
    )


def _is_near(one: Spell, other: Spell) -> bool:
    """Return whether two spells of one series overlap, give or take what late data may move them by."""
    return (other.end is None or one.onset.by <= other.end.by + REJOIN) and (
        one.end is None or other.onset.by <= one.end.by + REJOIN
    )


def _new_id(spells: Sequence[Spell], taken: set[str]) -> str:
    """Return an id that people can read and cite: `id-2017-07-14`, and `-2` for the second of a day."""
    onset = min(spell.onset.by for spell in spells)
    prefix = _EMULATED if spells[0].emulated else ""
    stem = f"{prefix}{(spells[0].country or 'xx').lower()}-{onset:%Y-%m-%d}"
    id_, number = stem, 1
    while id_ in taken:
        number += 1
        id_ = f"{stem}-{number}"
    return id_
