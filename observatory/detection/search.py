"""Tests series whose hours changed, going on from their checkpoints, and describes what it found.

A checkpoint lies two days back: a late batch is tested from there, an older one makes the test of that series
start again from its beginning. Either way the outcome is that of all cells at once.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from cattrs.preconf.json import make_converter

from observatory.analysis.events.evidence import Watch
from observatory.analysis.events.marks import Mark, combine
from observatory.analysis.events.sequential import (
    MIN_FAILING,
    START,
    VERSION,
    Beliefs,
    Progress,
    follow,
    trace,
)
from observatory.analysis.events.spells import (
    CONFIRM_EACH_OTHER,
    HOUR,
    REACH,
    REJOIN,
    NetworkInfo,
    describe_series,
    number_of,
)
from observatory.analysis.events.tallies import Tally
from observatory.detection.instrument import began_with_new_software
from observatory.detection.surroundings import look_around
from observatory.detection.watching import is_disowned, watch_series
from observatory.detection.witnesses import attach_evidence
from observatory.model import OVERALL, EvidenceKind, Series, Spell
from observatory.model.detection import Checkpoint, DirtySeries, SeriesCells
from observatory.store import StoreReader, parse_time
from observatory.store.hourly_counts import HourlyCounts

_MICROSECOND: Final = timedelta(microseconds=1)
_HOUR: Final = HOUR // _MICROSECOND
_KEPT_BACK: Final = timedelta(hours=48) // _MICROSECOND
_MOVED_ON: Final = timedelta(hours=72) // _MICROSECOND
# Two marks further apart than this are never merged.
_APART: Final = (REJOIN + timedelta(days=7)) // _MICROSECOND
_LAYERS_BEFORE: Final = timedelta(days=7)

_converter = make_converter()


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What is kept of a series between two searches, in microseconds since 1970.

    `progress`, `watch` and `marks` (those by shares) are as of before the hour of the checkpoint; `seen` are
    all marks of the last search, `newest` its newest hour, `described` the newest one that the stored spells
    know of.
    """

    progress: Progress = START
    watch: Watch = field(default_factory=Watch)
    marks: tuple[Mark, ...] = ()
    seen: tuple[Mark, ...] = ()
    newest: int = 0
    described: int = 0
    version: str = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What is to be kept: new checkpoints, and all spells of the series whose spells changed."""

    checkpoints: tuple[Checkpoint, ...]
    spells: dict[Series, list[Spell]]


@dataclass(slots=True, kw_only=True)
class _Tested:
    dirty: DirtySeries
    at: int
    before: _State
    state: _State


def search_series(
    store: StoreReader,
    dirty: Sequence[DirtySeries],
    networks: Mapping[int, NetworkInfo],
    *,
    thorough: bool = False,
) -> SearchResult:
    """Test these series and describe what is new in them.

    Shape:  a series that was blocked and still is, in the same way as far as the test goes, is described
            again only when `thorough`: its counts may lag behind until then.
    Errors: StoreError; nothing is written.
    """
    checkpoints = store.load_checkpoints([item.series for item in dirty])
    going_on: list[tuple[DirtySeries, int, _State]] = []
    from_start: list[tuple[DirtySeries, int, _State]] = []
    for item in dirty:
        checkpoint = checkpoints.get(item.series)
        if checkpoint is None:
            from_start.append((item, 0, _State()))
            continue
        state = _converter.structure(json.loads(checkpoint.state), _State)
        if item.since >= checkpoint.at and state.version == VERSION:
            going_on.append((item, number_of(checkpoint.at), state))
        else:
            from_start.append(
                (item, 0, replace(state, progress=START, watch=Watch(), marks=(), version=VERSION))
            )
    tested = _test(store, from_start, whole=True) + _test(store, going_on, whole=False)
    kept, spells = [], {}
    for one in tested:
        of = one.dirty.series
        if not _is_up_to_date(one, thorough=thorough):
            spells[of] = _describe(store, of, one, networks.get(of.asn, NetworkInfo()))
            one.state = replace(one.state, described=one.state.newest)
        known = checkpoints.get(of)
        if one.state != one.before or known is None or one.at != number_of(known.at):
            text = json.dumps(_converter.unstructure(one.state), separators=(",", ":"))
            kept.append(Checkpoint(series=of, at=parse_time(one.at), state=text))
    return SearchResult(checkpoints=tuple(kept), spells=spells)


def _test(
    store: StoreReader, series: Sequence[tuple[DirtySeries, int, _State]], *, whole: bool
) -> list[_Tested]:
    if not series:
        return []
    start = None if whole else parse_time(min(at for _, at, _ in series))
    counts = store.load_hourly_counts([item.series for item, _, _ in series], start)
    if not len(counts.hours):
        return [
            _Tested(
                dirty=item,
                at=at,
                before=state,
                state=replace(state, seen=combine(state.marks, state.watch.marks(), width=_HOUR)),
            )
            for item, at, state in series
        ]
    for column, (_, at, _) in enumerate(series):
        for n in (counts.n_ok, counts.n_blocked, *counts.n_of_kind.values()):
            n[counts.hours < at, column] = 0
    heard = [counts.hours[column] for column in (counts.n_ok + counts.n_blocked > 0).T]
    newest = [int(hours[-1]) if len(hours) else 0 for hours in heard]
    # By the series furthest behind: one clock that runs ahead must not move the checkpoints of the others.
    behind = min((hour for hour in newest if hour), default=0)
    moves_on = whole or min(at for _, at, _ in series) < behind - _MOVED_ON
    cut = behind - _KEPT_BACK if moves_on else 0
    beliefs = Beliefs(
        chances=np.array([state.progress.beliefs for _, _, state in series]),
        last=np.array([state.progress.last for _, _, state in series], dtype=np.int64),
    )
    old = counts.hours < cut
    kept_beliefs, kept = _run(counts, old, beliefs, [state.progress for _, _, state in series])
    _, tail = _run(counts, ~old, kept_beliefs, [progress for progress, _ in kept])
    tested = []
    raw_from = store.load_raw_from()
    for column, (item, at, state) in enumerate(series):
        progress, new_marks = kept[column]
        marks = _merge(state.marks, new_marks)
        measured = counts.n_ok[:, column] + counts.n_blocked[:, column] > 0
        watch, watch_now = watch_series(
            store,
            item.series,
            state.watch,
            counts.hours[measured],
            counts.n_ok[measured, column],
            {kind: n[measured, column] for kind, n in counts.n_of_kind.items()},
            cut=cut,
            raw_from=raw_from,
        )
        tested.append(
            _Tested(
                dirty=item,
                at=max(at, cut),
                before=state,
                state=_State(
                    progress=progress if moves_on else state.progress,
                    watch=watch if moves_on else state.watch,
                    marks=marks if moves_on else state.marks,
                    seen=combine(_merge(marks, tail[column][1]), watch_now.marks(), width=_HOUR),
                    newest=newest[column] or state.newest,
                    described=state.described,
                ),
            )
        )
    return tested


def _run(
    counts: HourlyCounts, rows: npt.NDArray[np.bool_], beliefs: Beliefs, progress: Sequence[Progress]
) -> tuple[Beliefs, list[tuple[Progress, list[Mark]]]]:
    n_ok, n_blocked, hours = counts.n_ok[rows], counts.n_blocked[rows], counts.hours[rows]
    n_silent = counts.n_of_kind[EvidenceKind.SILENCE][rows]
    blocked, beliefs = follow(beliefs, hours, n_ok, n_blocked)
    found = []
    for column, start in enumerate(progress):
        heard = (n_ok[:, column] + n_blocked[:, column]) > 0
        found.append(
            trace(
                start,
                beliefs.chances[column].tolist(),
                hours[heard],
                blocked[heard, column],
                n_blocked[heard, column],
                n_silent[heard, column],
            )
        )
    return beliefs, found


def _merge(known: Sequence[Mark], new: Sequence[Mark]) -> tuple[Mark, ...]:
    """A mark is identified by when suspicion arose; a newer version of it replaces the older."""
    return tuple(sorted({m.suspected: m for m in (*known, *new)}.values(), key=lambda m: m.suspected))


def find_due(store: StoreReader) -> list[DirtySeries]:
    """Return series whose stored spells lag behind an open block, or wait for what others see meanwhile.

    Errors: StoreError.
    """
    due = []
    for checkpoint in store.load_checkpoints(store.load_open_series()).values():
        state = _converter.structure(json.loads(checkpoint.state), _State)
        waits = any(mark.over is None and mark.confirmed is None for mark in state.seen)
        if state.newest > state.described or waits:
            due.append(DirtySeries(series=checkpoint.series, since=parse_time(state.newest), n=0))
    return due


def _is_up_to_date(one: _Tested, *, thorough: bool) -> bool:
    """Whether the stored spells already say all that the cells show."""
    marks, since, described = one.state.seen, number_of(one.dirty.since), one.before.described
    if marks != one.before.seen:
        return False
    if any(mark.over is None and mark.confirmed is None for mark in marks):
        # What others saw meanwhile may confirm it, though nothing is new in the series itself.
        return False
    if any(mark.over is None for mark in marks):
        # The hour that was described last goes on filling; earlier ones only with late data.
        return since >= described and (not thorough or one.state.newest == described)
    return all(mark.over is not None and mark.over < since for mark in marks)


def _describe(store: StoreReader, of: Series, one: _Tested, network: NetworkInfo) -> list[Spell]:
    """Return all spells of a series: unchanged ones as they are stored, the others described again."""
    stored = store.load_spells([of])
    since, known = number_of(one.dirty.since), set(one.before.seen)
    spells: list[Spell] = []
    for group in _groups(one.state.seen):
        last = group[-1].over
        if all(mark in known and mark.over is not None and mark.over < since for mark in group):
            spells += [s for s in stored if group[0].watched < number_of(s.suspected_at) <= (last or 0)]
        elif last is None or len(group) >= CONFIRM_EACH_OTHER or any(_may_count(m) for m in group):
            spells += _describe_group(store, of, group, stored, network)
    return spells


def _may_count(mark: Mark) -> bool:
    return mark.confirmed is not None or mark.traces is not None


def _groups(marks: Sequence[Mark]) -> list[list[Mark]]:
    """Marks that may turn out to belong to one spell."""
    groups: list[list[Mark]] = []
    for mark in marks:
        if groups and mark.watched - (groups[-1][-1].over or 0) <= _APART:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _describe_group(
    store: StoreReader, of: Series, group: Sequence[Mark], stored: Sequence[Spell], network: NetworkInfo
) -> list[Spell]:
    watched_at, last = parse_time(group[0].watched), group[-1].over
    cells = store.load_series_cells(
        of,
        watched_at - REACH,
        layers_from=watched_at - _LAYERS_BEFORE,
        least_blocked=MIN_FAILING,
        end=None if last is None else parse_time(last) + HOUR,
    )
    layers = _tally(of, cells)
    found = describe_series(of, layers, group, network)
    described = []
    for spell in found:
        known = next((other for other in stored if _is_same(spell, other)), None)
        sharp = attach_evidence(store, _name_vantages(spell, cells), known, layers)
        if not (spell.evidence.by_share and is_disowned(store, sharp)):
            if began_with_new_software(store, sharp):
                sharp = replace(sharp, onset_from_rule_change=True)
            described.append(look_around(store, sharp))
    return described


def _is_same(spell: Spell, stored: Spell) -> bool:
    """Whether a stored spell is what this one was before: they overlap."""
    starts_before_end = stored.end is None or spell.onset.by <= stored.end.by
    return starts_before_end and (spell.end is None or stored.onset.by <= spell.end.by)


def _tally(of: Series, cells: SeriesCells) -> dict[Series, list[Tally]]:
    """Return what `pool` gives for the same cells, without an object for each of them."""
    found: defaultdict[Series, dict[int, Tally]] = defaultdict(dict)
    # By number: a series is put into words once, and not once a cell.
    by_number = {
        number: found[of.of_layer(layer, resolver)] for number, (_, layer, resolver) in cells.series.items()
    }
    for hour, number, outcome, n in cells.rows:
        tallies = by_number[number]
        tally = tallies.get(hour)
        if tally is None:
            at = _moment(hour)
            tally = tallies[hour] = Tally(at=at, until=at + HOUR)
        state, mechanism, rule_id, version = cells.outcomes[outcome]
        tally.add(state, mechanism, rule_id, version, n)
    return {
        series: [tallies[hour] for hour in sorted(tallies)] for series, tallies in found.items() if tallies
    }


@lru_cache(maxsize=20_000)
def _moment(hour: int) -> datetime:
    """A year has few hours and many cells."""
    return parse_time(hour)


def _name_vantages(spell: Spell, cells: SeriesCells) -> Spell:
    start = number_of(spell.onset.after or spell.onset.by - HOUR)
    end = None if spell.end is None else number_of(spell.end.by)
    numbers = {series for hour, series, _, _ in cells.rows if hour >= start and (end is None or hour <= end)}
    names = {cells.series[number][0] for number in numbers if cells.series[number][1] == OVERALL}
    return replace(spell, vantages=tuple(sorted(names)))
