"""What may be published, where: the one answer for pages, feeds, alerts, files and commands.

Nothing is called a block before it is confirmed; an end that came with a change of our rules is not called an
end; a measurement speaks for now only while it is fresh; emulated data is shown only while there is nothing
real. Pure.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from observatory.analysis.events.joining import is_lonely
from observatory.model import (
    BLOCKED_STATES,
    Certainty,
    Event,
    EvidenceKind,
    Interval,
    Role,
    Spell,
    State,
    kind_of,
)
from observatory.model.views import Coverage, Latest, VantageStatus

# A vantage point may miss a round or two without its last measurement being out of date.
FRESH_INTERVALS: Final = 3


Pair = tuple[str, int]
"""A target and the ASN of a network."""


class PresentKind(StrEnum):
    """What may be said of now, strongest first.

    blocked       a published event goes on, on a network with current data
    not_ended     a published event had not ended when last measured; its networks have no current data
    unconfirmed   something is suspected, or measured as blocked, and no published event says so yet
    nothing_seen  what is current could be judged, and nothing of the above is so
    not_judged    there is current data, and none of it could be judged
    no_data       nothing measured is current
    never         nothing was ever measured
    """

    BLOCKED = "blocked"
    NOT_ENDED = "not_ended"
    UNCONFIRMED = "unconfirmed"
    NOTHING_SEEN = "nothing_seen"
    NOT_JUDGED = "not_judged"
    NO_DATA = "no_data"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What may be said of now, the same on every surface. Only with `nothing_seen` was nothing found.

    Shape:  `confirmed` are blocked by a published event that goes on, `unconfirmed` all others that are
            suspected or measured as blocked now; `may_be_routing` are those of the latter where nothing but
            silence was met. `current` and `judged` are the networks (ASN) with current data, and with some
            that could be judged.
    """

    confirmed: frozenset[Pair] = frozenset()
    unconfirmed: frozenset[Pair] = frozenset()
    may_be_routing: frozenset[Pair] = frozenset()
    current: frozenset[int] = frozenset()
    judged: frozenset[int] = frozenset()
    last_at: datetime | None = None

    @property
    def kind(self) -> PresentKind:
        if self.confirmed:
            seen = any(asn in self.current for _, asn in self.confirmed)
            return PresentKind.BLOCKED if seen else PresentKind.NOT_ENDED
        if self.last_at is None:
            return PresentKind.NEVER
        if not self.current:
            return PresentKind.NO_DATA
        if self.unconfirmed:
            return PresentKind.UNCONFIRMED
        return PresentKind.NOTHING_SEEN if self.judged else PresentKind.NOT_JUDGED


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


def is_told_at_once(event: Event) -> bool:
    """Return whether an event needs no time to settle: artefacts or pairs confirmed two of its targets."""
    sure = {
        spell.target
        for spell in event.spells
        if spell.certainty is Certainty.CONFIRMED and spell.evidence.kind is not EvidenceKind.SILENCE
    }
    return not event.withdrawn and len(sure) > 1


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
    """Return the suspicions among `spells`, without series that a published event names as blocked now.

    Shape:  all open spells, so that a target that failed once can be told from a network on which many did.
    """
    named = {
        spell.series for event in events if is_published(event) for spell in event.spells if spell.end is None
    }
    known = list(spells)
    return [
        spell
        for spell in known
        if is_suspicion(spell) and spell.series not in named and not is_lonely(spell, known)
    ]


def judge_present(
    events: Iterable[Event],
    suspected: Iterable[Spell],
    latest: Iterable[Latest],
    vantages: Iterable[VantageStatus],
    now: datetime,
    *,
    targets: Collection[str] | None = None,
) -> Present:
    """Return what may be said of now: of real data or of emulated, never of both together.

    Shape:  `suspected` are open spells; of the vantage points, those that probe and are switched on count.
            `targets` narrows all of it.
    """
    known, probes = list(events), {v.id: v for v in vantages if _probes(v)}
    own = [entry for entry in latest if entry.vantage in probes and _is_of(entry.target, targets)]
    fresh = [
        (entry, probes[entry.vantage].asn)
        for entry in own
        if is_fresh(entry.measured_at, probes[entry.vantage].every_s, now)
    ]
    confirmed = {
        (spell.target, spell.asn)
        for event in known
        if is_going_on(event)
        for spell in publishable(event).spells
        if spell.end is None and _is_of(spell.target, targets)
    }
    # Whether each sight was nothing but silence, by pair.
    sights: dict[Pair, list[bool]] = {}
    open_spells = list(suspected)
    for spell in open_spells:
        if is_suspicion(spell) and _is_of(spell.target, targets) and not is_lonely(spell, open_spells):
            sights.setdefault((spell.target, spell.asn), []).append(may_be_routing(spell))
    for entry, asn in fresh:
        if entry.state in BLOCKED_STATES:
            silent = kind_of(entry.state, entry.mechanism) is EvidenceKind.SILENCE
            sights.setdefault((entry.target, asn), []).append(silent)
    unconfirmed = {pair: silent for pair, silent in sights.items() if pair not in confirmed}
    return Present(
        confirmed=frozenset(confirmed),
        unconfirmed=frozenset(unconfirmed),
        may_be_routing=frozenset(pair for pair, silent in unconfirmed.items() if all(silent)),
        current=frozenset(asn for _, asn in fresh),
        judged=frozenset(asn for entry, asn in fresh if entry.state is not State.INSUFFICIENT),
        last_at=max((entry.measured_at for entry in own), default=None),
    )


def may_be_routing(spell: Spell) -> bool:
    """Return whether a suspicion met nothing but silence, so that a fault of routing may explain it."""
    shown = spell.evidence
    if is_proven(spell) or shown.kind is not EvidenceKind.SILENCE or shown.routing_ruled_out_at is not None:
        return False
    kinds = [kind_of(State.LIKELY_BLOCKED, method.mechanism) for method in spell.methods]
    # A method is named once it was met a few times; before that, its measurements say what they saw.
    return all(kind is EvidenceKind.SILENCE for kind in kinds) if kinds else bool(shown.failing)


def _probes(vantage: VantageStatus) -> bool:
    return vantage.role is Role.PROBE and vantage.enabled and not vantage.removed


def _is_of(target: str, targets: Collection[str] | None) -> bool:
    return targets is None or target in targets


def shows_emulated(coverage: Coverage) -> bool:
    """Return whether emulated data is what is shown: there is some, and nothing real."""
    return coverage.emulated and not coverage.real


def is_fresh(measured_at: datetime, every_s: float, now: datetime) -> bool:
    """Return whether a measurement is current: it is at most three intervals old."""
    return now - measured_at <= FRESH_INTERVALS * timedelta(seconds=every_s)


def _confirmed_part(event: Event) -> Event | None:
    confirmed = tuple(spell for spell in event.spells if spell.certainty is Certainty.CONFIRMED)
    return replace(event, spells=confirmed) if confirmed else None
