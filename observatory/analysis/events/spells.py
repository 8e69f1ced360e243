"""Onsets and ends: cells in, spells out.

    cells → pool → follow, trace (sequential.py) → borders, windows, silences → one Spell per block

The outcome depends on the cells alone: neither on their order nor on how many came at a time.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from observatory.analysis.events.borders import find_end, find_onset
from observatory.analysis.events.daily_windows import find_windows
from observatory.analysis.events.methods import find_methods
from observatory.analysis.events.sequential import START, Mark, first_beliefs, follow, trace
from observatory.analysis.events.silences import find_silences
from observatory.analysis.events.tallies import Tally, Version, pool, portion_of, seems_partial
from observatory.model import OVERALL, Cell, Certainty, Interval, Series, Spell, load_zone

HOUR: Final = timedelta(hours=1)
# A block that is back within this time never ended: it comes twice a day, or is applied unevenly.
REJOIN: Final = timedelta(hours=36)
# So many suspicions within one spell confirm each other.
CONFIRM_EACH_OTHER: Final = 3
# An onset is looked for up to so many cells after the suspicion, an end from so many before it was over.
_LOOK: Final = 200
# A block of every fifth measurement may have begun well before it first met one.
_LOOK_BACK: Final = 48
# What lies further back before a suspicion has no influence on it.
REACH: Final = timedelta(days=60)
_MICROSECOND: Final = timedelta(microseconds=1)


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
            found = describe_series(key, layers, find_marks(family[key]), network, until=until)
            spells += [name_vantages(spell, seen[of]) for spell in found]
    return spells


def find_marks(tallies: Sequence[Tally]) -> list[Mark]:
    """Run the whole test over one series; cells are numbered by `number_of`."""
    heard = [t for t in tallies if t.n_decisive]
    if not heard:
        return []
    n_ok = np.array([[t.n_ok] for t in heard], dtype=np.int32)
    n_blocked = np.array([[t.n_blocked] for t in heard], dtype=np.int32)
    numbers = np.array([number_of(t.at) for t in heard], dtype=np.int64)
    blocked, beliefs = follow(first_beliefs(1), numbers, n_ok, n_blocked)
    _, marks = trace(START, beliefs.chances[0].tolist(), numbers, blocked[:, 0], n_blocked[:, 0])
    return marks


def number_of(at: datetime) -> int:
    """Return the number of the cell that starts then, which is its time in microseconds since 1970."""
    return int(at.timestamp()) * 1_000_000 + at.microsecond


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
    pieces = [_find_piece(tallies, mark) for mark in marks]
    spells = []
    for cluster in _clusters(pieces):
        spell = _describe(key, tallies, cluster, network, until)
        if spell.certainty is Certainty.CONFIRMED or spell.end is None:
            spells.append(replace(spell, methods=find_methods(key, layers, spell)))
    return spells


def _find_piece(tallies: Sequence[Tally], mark: Mark) -> _Piece:
    starts = [number_of(t.at) for t in tallies]

    def place(number: int) -> int:
        return min(bisect_left(starts, number), len(starts) - 1)

    watched, suspected, last = place(mark.watched), place(mark.suspected), len(tallies) - 1
    over = place(mark.over) if mark.over is not None else None
    reach = place(mark.watched - REACH // _MICROSECOND)
    end = None
    if over is not None:
        end, last = find_end(tallies, max(suspected, over - _LOOK), over)
    onset, first = find_onset(
        tallies[reach:],
        max(0, watched - reach - _LOOK_BACK),
        suspected - reach,
        min(last, suspected + _LOOK) - reach,
    )
    return _Piece(mark=mark, onset=onset, end=end, first=first + reach, last=last)


def _clusters(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    clusters: list[list[_Piece]] = []
    for piece in pieces:
        before = clusters[-1][-1].end if clusters else None
        if before is not None and piece.onset.by - before.by <= REJOIN:
            clusters[-1].append(piece)
        else:
            clusters.append([piece])
    return clusters


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
    confirmed = confirmed_at([piece.mark for piece in cluster])
    ends = {number_of(tally.at): tally.until for tally in tallies}
    end = cluster[-1].end
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
        suspected_at=ends[cluster[0].mark.suspected],
        confirmed_at=None if confirmed is None else ends[confirmed],
        portion=share,
        partial=not windows and seems_partial(share.n_blocked, sum(t.n_ok for t in inside)),
        windows=windows,
        silences=find_silences(tallies[max(0, first - 1) : last + 2], until=until if end is None else None),
        versions=tuple(sorted(set().union(*(t.blocked_versions for t in inside)) - {("", "")})),
        onset_from_rule_change=_onset_from_rule_change(tallies, cluster[0]),
        end_from_rule_change=end is not None and _end_from_rule_change(tallies, cluster[-1]),
    )


def confirmed_at(marks: Sequence[Mark]) -> int | None:
    """Return the cell after which marks of one spell are more than a suspicion; None when they are not.

    Shape:  marks so close together that they make one spell, oldest first.
    """
    times = [mark.confirmed for mark in marks if mark.confirmed is not None]
    if len(marks) >= CONFIRM_EACH_OTHER:
        times.append(marks[CONFIRM_EACH_OTHER - 1].suspected)
    return min(times, default=None)


def _onset_from_rule_change(tallies: Sequence[Tally], piece: _Piece) -> bool:
    """Return whether the version that first found it blocked had never found it ok."""
    before = [t for t in tallies[: piece.first] if t.ok_versions]
    after = next(t for t in tallies[piece.first :] if t.blocked_versions)
    return bool(before) and _differ(before[-1].ok_versions | after.ok_versions, after.blocked_versions)


def _end_from_rule_change(tallies: Sequence[Tally], piece: _Piece) -> bool:
    before = [t for t in tallies[: piece.last + 1] if t.blocked_versions]
    after = next((t for t in tallies[piece.last + 1 :] if t.ok_versions), None)
    return after is not None and _differ(before[-1].blocked_versions, after.ok_versions)


def _differ(one: set[Version], other: set[Version]) -> bool:
    """Return whether two sets of versions have nothing in common; unknown versions are never different."""
    return ("", "") not in one | other and not one & other
