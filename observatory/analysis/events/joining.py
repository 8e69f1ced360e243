"""What several series show together: spells confirmed by what happened to other targets and networks. Pure.

One series may be unlucky; that two targets of one network got forged answers twice, or that a name failed on
two networks within the hour, is no coincidence. Each rule counts what `SpellEvidence` holds: times of failing
measurements, by what they saw. Vantage points that the others of their network contradict count for nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from observatory.model import Certainty, Confirmation, EvidenceKind, Spell, SpellEvidence

# How often each of two targets must have shown an artefact, or have failed by its name alone.
ARTEFACTS_OF_TARGETS: Final = 2
PAIRS_OF_TARGETS: Final = 3
# One target alone, by comparison.
PAIRS_ON_END: Final = 6
# On how many networks, how often on each, and how close together.
_NETWORKS: Final = 2
_FAILING_OF_NETWORKS: Final = 2
_AT_ONCE: Final = timedelta(hours=1)
# Silence that may have begun at the same moment on so many networks is no fault of each by itself.
_SILENT_NETWORKS: Final = 3
_SILENCES: Final = 3

Proof = tuple[datetime, Confirmation]


def join_evidence(spells: Iterable[Spell]) -> list[Spell]:
    """Return the spells, each as sure as all of them together make it.

    Shape:  in any order, those of other countries and networks among them -> in the same order. What was
            confirmed stays so; `confirmed_at` becomes the earliest time at which it was.
    """
    given = list(spells)
    proofs: defaultdict[int, list[Proof]] = defaultdict(list)
    sound = [
        (number, spell)
        for number, spell in enumerate(given)
        if not spell.onset_from_rule_change and not spell.evidence.contradicted_by
    ]
    for number, spell in sound:
        proofs[number] += _alone(spell)
    for _, members in _by(sound, lambda s: (s.asn, s.emulated)):
        for number, proof in _targets(members):
            proofs[number].append(proof)
    for (country, _), members in _by(sound, lambda s: (s.country, s.emulated)):
        for number, proof in _networks(members) if country else ():
            proofs[number].append(proof)
    return [_confirm(spell, proofs[number]) for number, spell in enumerate(given)]


def _by(
    members: Sequence[tuple[int, Spell]], key: Callable[[Spell], tuple[object, bool]]
) -> Iterator[tuple[tuple[object, bool], list[tuple[int, Spell]]]]:
    groups: defaultdict[tuple[object, bool], list[tuple[int, Spell]]] = defaultdict(list)
    for number, spell in members:
        groups[key(spell)].append((number, spell))
    yield from groups.items()


def _confirm(spell: Spell, proofs: Sequence[Proof]) -> Spell:
    if not proofs:
        return spell
    at, by = min(proofs)
    if spell.confirmed_at is not None and spell.confirmed_at <= at:
        return spell
    return replace(spell, certainty=Certainty.CONFIRMED, confirmed_at=at, confirmed_by=by)


def _alone(spell: Spell) -> Iterator[Proof]:
    evidence = spell.evidence
    if len(evidence.pairs) >= PAIRS_ON_END and (at := _reached(evidence, evidence.pairs[-1])) is not None:
        yield at, Confirmation.PAIRS
    if evidence.kind is EvidenceKind.SILENCE:
        if evidence.routing_ruled_out_at is not None:
            yield evidence.routing_ruled_out_at, Confirmation.ROUTING_RULED_OUT
        if evidence.outlasts_at is not None and (at := _reached(evidence, evidence.outlasts_at)) is not None:
            yield at, Confirmation.OUTLASTS_FAULTS


def _targets(members: Sequence[tuple[int, Spell]]) -> Iterator[tuple[int, Proof]]:
    """Two or more targets of one network at the same time."""
    for times, by in (
        ([(n, s.target, _artefacts(s, ARTEFACTS_OF_TARGETS)) for n, s in members], Confirmation.TARGETS),
        ([(n, s.target, _pairs(s, PAIRS_OF_TARGETS)) for n, s in members], Confirmation.PAIRS),
    ):
        known = [(number, target, time) for number, target, time in times if time is not None]
        for number, target, (first, last) in known:
            with_it = [
                max(last, other_last)
                for _, other, (other_first, other_last) in known
                if other != target and other_first <= last and first <= other_last
            ]
            if with_it:
                yield number, (min(with_it), by)


def _networks(members: Sequence[tuple[int, Spell]]) -> Iterator[tuple[int, Proof]]:
    """One target on several networks of a country at once."""
    rules = (
        (_FAILING_OF_NETWORKS, _NETWORKS, _pairs, _within_the_hour, Confirmation.NETWORKS),
        (_SILENCES, _SILENT_NETWORKS, _silences, _at_one_moment, Confirmation.ROUTING_RULED_OUT),
    )
    for least, n_networks, take, at_once, by in rules:
        of_targets: defaultdict[str, list[tuple[int, Spell, datetime]]] = defaultdict(list)
        known = [(n, s, times[1]) for n, s in members if (times := take(s, least)) is not None]
        for number, spell, last in known:
            # One target alone has its silences; a network that is cut off has them all at once.
            if take is not _silences or any(_is_beside(spell, other) for _, other, _ in known):
                of_targets[spell.target].append((number, spell, last))
        for found in of_targets.values():
            for number, spell, last in found:
                ends: dict[int, datetime] = {}
                for _, other, other_last in found:
                    if other.asn != spell.asn and at_once(spell, other):
                        ends[other.asn] = min(other_last, ends.get(other.asn, other_last))
                if len(ends) + 1 >= n_networks:
                    yield number, (max(last, sorted(ends.values())[n_networks - 2]), by)


def _within_the_hour(one: Spell, other: Spell) -> bool:
    return abs(_first(one) - _first(other)) <= _AT_ONCE


def _first(spell: Spell) -> datetime:
    shown = spell.evidence
    return min((*shown.artefacts[:1], *shown.pairs[:1]))


def _at_one_moment(one: Spell, other: Spell) -> bool:
    """Whether both may have begun at the same moment: closer than measurements are to each other.

    As close as two of them is not close enough: of fourteen networks with faults of their own, three meet
    within the hour every few years.
    """
    begins = [spell.evidence.failing[0] for spell in (one, other)]
    return abs(begins[0] - begins[1]) < min(_AT_ONCE, max(_step(one), _step(other)))


def _step(spell: Spell) -> timedelta:
    """How far apart measurements are; of what is known by the hour alone, an hour."""
    first, second = spell.evidence.failing[:2]
    return second - first or _AT_ONCE


Times = tuple[datetime, datetime] | None


def _artefacts(spell: Spell, least: int) -> Times:
    times = spell.evidence.artefacts
    return (times[0], times[least - 1]) if len(times) >= least else None


def _pairs(spell: Spell, least: int) -> Times:
    """An artefact is at least as good as a pair, and needs no control."""
    if (found := _artefacts(spell, least)) is not None:
        return found
    times = spell.evidence.pairs
    if len(times) < least or (at := _reached(spell.evidence, times[least - 1])) is None:
        return None
    return times[0], at


def _silences(spell: Spell, least: int) -> Times:
    times = spell.evidence.failing
    if len(times) < least or spell.evidence.kind is not EvidenceKind.SILENCE:
        return None
    # Telegram itself may be down: somebody must have reached it meanwhile.
    if spell.evidence.reached_at is None:
        return None
    return times[0], max(times[least - 1], spell.evidence.reached_at)


def _reached(evidence: SpellEvidence, at: datetime) -> datetime | None:
    """Return when it was also known that the target itself works; None while nobody who could has said so."""
    if not evidence.asked:
        return at
    return None if evidence.reached_at is None else max(at, evidence.reached_at)


def is_lonely(spell: Spell, others: Iterable[Spell]) -> bool:
    """Return whether a spell is too little by itself: one target failed once or twice, and saw no artefact.

    Shape:  `others` are spells of any networks. Another target of the network at the same time makes it
            enough, and so does the same target on another network of the country, where it was no silence.
    """
    shown = spell.evidence
    if spell.certainty is Certainty.CONFIRMED or shown.by_share or shown.artefacts:
        return False
    # One that was described before single measurements were watched has none of them.
    if not shown.failing or (shown.pairs and len(shown.failing) >= _SILENCES):
        return False
    return not any(_is_beside(spell, other) for other in others)


def _is_beside(spell: Spell, other: Spell) -> bool:
    if (
        spell.emulated is not other.emulated
        or (other.end is not None and other.end.by < spell.onset.by)
        or (spell.end is not None and spell.end.by < other.onset.by)
    ):
        return False
    if spell.asn == other.asn:
        return spell.target != other.target
    speaking = bool(spell.evidence.pairs and (other.evidence.pairs or other.evidence.artefacts))
    return speaking and (spell.target, spell.country) == (other.target, other.country) and spell.country != ""
