"""Onsets and ends: cells in, spells out.

    cells → pool → follow, trace (sequential.py) → borders, windows, silences → one Spell per block

The outcome depends on the cells alone: neither on their order nor on how many came at a time.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from observatory.analysis.events.borders import find_end, find_onset
from observatory.analysis.events.daily_windows import find_windows
from observatory.analysis.events.evidence import Watch, spread_out
from observatory.analysis.events.joining import is_lonely, join_evidence
from observatory.analysis.events.marks import Mark, combine
from observatory.analysis.events.methods import find_methods
from observatory.analysis.events.sequential import MIN_FAILING, START, first_beliefs, follow, trace
from observatory.analysis.events.silences import find_silences
from observatory.analysis.events.tallies import Tally, Version, pool, portion_of, seems_partial
from observatory.model import (
    OVERALL,
    Cell,
    Certainty,
    Confirmation,
    EvidenceKind,
    Interval,
    Series,
    Spell,
    SpellEvidence,
    load_zone,
)

HOUR: Final = timedelta(hours=1)
# A block that is back within this time never ended: it comes twice a day, or is applied unevenly.
REJOIN: Final = timedelta(hours=36)
# So many suspicions within one spell confirm each other.
CONFIRM_EACH_OTHER: Final = 3
# Silences come in bad weeks, too.
SILENCES_CONFIRM_EACH_OTHER: Final = 8
# An onset is looked for up to so many cells after the suspicion, an end from so many before it was over.
_LOOK: Final = 200
# A block of every fifth measurement may have begun well before it first met one.
_LOOK_BACK: Final = 48
# What lies further back before a suspicion has no influence on it.
REACH: Final = timedelta(days=60)
_MICROSECOND: Final = timedelta(microseconds=1)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInfo:
    """A network's name, country and zone."""

    isp: str = ""
    country: str = ""
    zone: str = "UTC"


def find_spells(
    cells: Iterable[Cell],
    networks: Mapping[int, NetworkInfo] | None = None,
    *,
    width: timedelta = HOUR,
    until: datetime | None = None,
) -> list[Spell]:
    """Return every block in these cells, by target and network.

    Shape:  cells of any vantage points, targets and layers, in any order; those of the layer `overall` decide
            what is a block, the others say how it was done. Where `overall` was not kept, each layer
            (and resolver, for dns) is a series by itself. `width` of a cell, zero for single measurements.
            A suspicion that ended unconfirmed is left out; what began with a change of our rules is not.
            `until` is the time up to which a silence counts; without it, the last cell.
    """
    given = list(cells)
    known = networks or {}
    families: defaultdict[Series, dict[Series, list[Tally]]] = defaultdict(dict)
    for key, tallies in pool(given, width=width).items():
        families[key.of_layer(OVERALL)][key] = tallies
    seen: defaultdict[Series, set[tuple[datetime, str]]] = defaultdict(set)
    for cell in given:
        of = Series(target=cell.target, asn=cell.asn, emulated=cell.emulated)
        seen[of].add((cell.bucket_at, cell.vantage))
    spells = []
    for of in sorted(families):
        family = families[of]
        for key in [key for key in family if key.layer == OVERALL] or sorted(family):
            layers = family if key.layer == OVERALL else {key: family[key]}
            network = known.get(key.asn, NetworkInfo())
            found = describe_series(key, layers, find_marks(family[key], width), network, until=until)
            spells += [name_vantages(spell, seen[of]) for spell in found]
    joined = join_evidence(spells)
    return [
        spell
        for spell in joined
        if spell.certainty is Certainty.CONFIRMED or (spell.end is None and not is_lonely(spell, joined))
    ]


def find_marks(tallies: Sequence[Tally], width: timedelta = HOUR) -> tuple[Mark, ...]:
    """Run both tests over one series; cells are numbered by `number_of`."""
    heard = [t for t in tallies if t.n_decisive]
    if not heard:
        return ()
    n_ok = np.array([[t.n_ok] for t in heard], dtype=np.int32)
    n_blocked = np.array([[t.n_blocked] for t in heard], dtype=np.int32)
    n_silent = np.array([t.kinds.get(EvidenceKind.SILENCE, 0) for t in heard], dtype=np.int32)
    numbers = np.array([number_of(t.at) for t in heard], dtype=np.int64)
    blocked, beliefs = follow(first_beliefs(1), numbers, n_ok, n_blocked)
    after = beliefs.chances[0].tolist()
    _, shares = trace(START, after, numbers, blocked[:, 0], n_blocked[:, 0], n_silent)
    watch = Watch()
    for tally in heard:
        watch.see(spread_out(number_of(tally.at), width // _MICROSECOND, tally.n_ok, tally.kinds))
    return combine(shares, watch.marks(), width=width // _MICROSECOND)


def number_of(at: datetime) -> int:
    """Return the number of the cell that starts then, which is its time in microseconds since 1970."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def moment_of(number: int) -> datetime:
    """Return the time of a number of microseconds since 1970."""
    return EPOCH + number * _MICROSECOND


def name_vantages(spell: Spell, seen: Iterable[tuple[datetime, str]]) -> Spell:
    """Return the spell with the vantage points that measured while it lasted."""
    end = spell.end.by if spell.end else datetime.max.replace(tzinfo=spell.onset.by.tzinfo)
    start = spell.onset.after or spell.onset.by - HOUR
    return replace(spell, vantages=tuple(sorted({name for at, name in seen if start <= at <= end})))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """Onset and end of one mark; `first` and `last` are indices of tallies, `last` inclusive."""

    mark: Mark
    onset: Interval
    end: Interval | None
    first: int
    last: int


def describe_series(
    key: Series,
    layers: Mapping[Series, Sequence[Tally]],
    marks: Sequence[Mark],
    network: NetworkInfo,
    *,
    until: datetime | None = None,
) -> list[Spell]:
    """Return the spells that the marks of one series make up, oldest first.

    Shape:  `layers` holds the tallies of the series itself, from `REACH` before the first mark on, and those
            of its layers.
    """
    tallies = layers[key]
    starts = [number_of(tally.at) for tally in tallies]
    pieces = [_find_piece(tallies, starts, mark) for mark in marks]
    spells = []
    for cluster in _clusters(pieces):
        spell = _describe(key, tallies, cluster, network, until)
        if spell.end is None or is_worth_keeping(spell):
            spells.append(replace(spell, methods=find_methods(key, layers, spell)))
    return spells


def is_worth_keeping(spell: Spell) -> bool:
    """Return whether a spell that is over is confirmed, or may be by what else is found."""
    shown = spell.evidence
    return (
        spell.certainty is Certainty.CONFIRMED
        or max(len(shown.pairs), len(shown.artefacts)) > 1
        or (len(shown.failing) >= CONFIRM_EACH_OTHER)
    )


def _find_piece(tallies: Sequence[Tally], starts: Sequence[int], mark: Mark) -> _Piece:
    def place(number: int) -> int:
        return max(0, bisect_right(starts, number) - 1)

    traces = mark.traces
    if traces is not None and traces.steady and traces.exact:
        end, last = None, len(tallies) - 1
        if traces.last is not None and traces.first_good is not None:
            end = Interval(after=moment_of(traces.last), by=moment_of(traces.first_good))
            last = place(traces.last)
        onset = Interval(
            after=None if traces.after is None else moment_of(traces.after), by=moment_of(mark.watched)
        )
        return _Piece(mark=mark, onset=onset, end=end, first=place(mark.watched), last=last)

    watched, suspected, last = place(mark.watched), place(mark.suspected), len(tallies) - 1
    sure = place(_sure_at(mark))
    over = place(mark.over) if mark.over is not None else None
    reach = place(mark.watched - REACH // _MICROSECOND)
    end = None
    if over is not None:
        end, last = find_end(tallies, max(suspected, over - _LOOK), over)
    onset, first = find_onset(
        tallies[reach:],
        max(0, watched - reach - _LOOK_BACK),
        min(last, sure) - reach,
        min(last, sure + _LOOK) - reach,
    )
    return _Piece(mark=mark, onset=onset, end=end, first=first + reach, last=last)


def _sure_at(mark: Mark) -> int:
    """Return by when it had certainly begun: a stray failure long before is no beginning."""
    traces = mark.traces
    if traces is None:
        return mark.suspected
    return max(
        mark.suspected, *traces.artefacts[-1:], *traces.pairs[-1:], mark.confirmed or 0, mark.sure or 0
    )


def _clusters(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    clusters: list[list[_Piece]] = []
    # A stray failure the day before is not yet the block, though it may be one with what others saw.
    strays = [[piece] for piece in pieces if _is_stray(piece.mark)]
    for piece in (piece for piece in pieces if not _is_stray(piece.mark)):
        before = clusters[-1][-1].end if clusters else None
        if before is not None and piece.onset.by - before.by <= REJOIN:
            clusters[-1].append(piece)
        else:
            clusters.append([piece])
    return sorted([*clusters, *strays], key=lambda cluster: cluster[0].onset.by)


def _is_stray(mark: Mark) -> bool:
    if mark.by_share or mark.confirmed is not None or mark.over is None or mark.traces is None:
        return False
    return max(len(mark.traces.artefacts), len(mark.traces.failing)) < MIN_FAILING


def _describe(
    key: Series,
    tallies: Sequence[Tally],
    cluster: Sequence[_Piece],
    network: NetworkInfo,
    until: datetime | None,
) -> Spell:
    first, last = cluster[0].first, cluster[-1].last
    inside = tallies[first : last + 1]
    share = portion_of(inside)
    windows = find_windows(inside, load_zone(network.zone))
    marks = [piece.mark for piece in cluster]
    silent = sum(t.kinds.get(EvidenceKind.SILENCE, 0) for t in inside) * 2 > share.n_blocked
    confirmed = confirmed_at(marks, silent=silent)
    ends = {number_of(tally.at): tally.until for tally in tallies}
    end = cluster[-1].end
    evidence = _evidence_of(marks)
    return Spell(
        target=key.target,
        asn=key.asn,
        emulated=key.emulated,
        isp=network.isp,
        country=network.country,
        zone=network.zone,
        onset=cluster[0].onset,
        end=end,
        certainty=Certainty.SUSPECTED if confirmed is None else Certainty.CONFIRMED,
        suspected_at=_not_before(cluster[0].onset, _told_at(marks[0], marks[0].suspected, ends)),
        confirmed_at=None if confirmed is None else _told_at(*confirmed, ends),
        confirmed_by=None if confirmed is None else _rule_of(*confirmed),
        evidence=evidence,
        portion=share,
        partial=not windows and seems_partial(share.n_blocked, sum(t.n_ok for t in inside)),
        windows=windows,
        silences=find_silences(tallies[max(0, first - 1) : last + 2], until=until if end is None else None),
        versions=tuple(sorted(set().union(*{t.blocked_versions for t in inside}) - {("", "")})),
        onset_from_rule_change=_onset_from_rule_change(tallies, cluster[0]),
        end_from_rule_change=end is not None and _end_from_rule_change(tallies, cluster[-1]),
    )


def confirmed_at(marks: Sequence[Mark], *, silent: bool = False) -> tuple[Mark, int] | None:
    """Return which mark of a spell was more than a suspicion, and when; None when none was.

    Shape:  marks so close together that they make one spell, oldest first. `silent`: most of what failed was
            silence.
    """
    times = [(mark, mark.confirmed) for mark in marks if mark.confirmed is not None]
    counting = [
        m for m in marks if m.by_share or (m.traces and not silent and len(m.traces.failing) >= MIN_FAILING)
    ]
    enough = SILENCES_CONFIRM_EACH_OTHER if silent else CONFIRM_EACH_OTHER
    if len(counting) >= enough:
        times.append((counting[enough - 1], counting[enough - 1].suspected))
    return min(times, key=lambda found: found[1], default=None)


def _told_at(mark: Mark, number: int, ends: Mapping[int, datetime]) -> datetime:
    return ends[number] if mark.traces is None else moment_of(number)


def _not_before(onset: Interval, at: datetime) -> datetime:
    """A stray failure long before raised the suspicion, and turned out not to be part of it."""
    return at if onset.after is None or at >= onset.after else onset.by


def _rule_of(mark: Mark, number: int) -> Confirmation:
    own = mark.traces is not None and number == mark.confirmed and bool(mark.traces.artefacts)
    return Confirmation.ARTEFACTS if own else Confirmation.SHARE


def _evidence_of(marks: Sequence[Mark]) -> SpellEvidence:
    """Return what the mark with most to show has to show."""
    by_share = any(mark.by_share for mark in marks)
    shown = [mark.traces for mark in marks if mark.traces is not None]
    if not shown:
        return SpellEvidence(by_share=by_share)
    best = max(shown, key=lambda traces: (len(traces.artefacts), len(traces.pairs), len(traces.failing)))
    return SpellEvidence(
        artefacts=tuple(map(moment_of, best.artefacts)),
        pairs=tuple(map(moment_of, best.pairs)),
        failing=tuple(map(moment_of, best.failing)),
        outlasts_at=None if best.outlasts is None else moment_of(best.outlasts),
        contradicted_by=best.contradicted_by,
        by_share=by_share,
    )


def _onset_from_rule_change(tallies: Sequence[Tally], piece: _Piece) -> bool:
    """Return whether the version that first found it blocked had never found it ok."""
    before = [t for t in tallies[: piece.first] if t.ok_versions]
    after = next(t for t in tallies[piece.first :] if t.blocked_versions)
    return bool(before) and _differ(before[-1].ok_versions | after.ok_versions, after.blocked_versions)


def _end_from_rule_change(tallies: Sequence[Tally], piece: _Piece) -> bool:
    before = [t for t in tallies[: piece.last + 1] if t.blocked_versions]
    after = next((t for t in tallies[piece.last + 1 :] if t.ok_versions), None)
    return after is not None and _differ(before[-1].blocked_versions, after.ok_versions)


def _differ(one: frozenset[Version], other: frozenset[Version]) -> bool:
    """Return whether two sets of versions have nothing in common; unknown versions are never different."""
    return ("", "") not in one | other and not one & other
