"""Feeds the watch over single measurements: from hourly counts where they say all, else from raw rows."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from observatory.analysis.events.evidence import Sighting, Watch, spread_out
from observatory.analysis.events.sequential import Counts
from observatory.analysis.events.spells import HOUR, moment_of, number_of
from observatory.analysis.judging.controls import CONTROL_WINDOW
from observatory.model import BLOCKED_STATES, EvidenceKind, Series, Spell, State, kind_of
from observatory.model.detection import MeasurementState
from observatory.store import StoreReader

_HOUR_US: Final = HOUR // timedelta(microseconds=1)
# Rows are read for so many hours at a time: an episode is seldom longer before it says all it can.
_AHEAD: Final = timedelta(hours=4)
# Silence is followed where three hours with measurements saw this much of it, or the last two this much.
_SILENT_IN_THREE: Final = 3
_SILENT_IN_LAST: Final = 2

# Whether a canary failed as well is asked of the beginning alone.
_DISOWNED_REACH: Final = timedelta(hours=24)


def watch_series(
    store: StoreReader,
    of: Series,
    watch: Watch,
    hours: npt.NDArray[np.int64],
    n_ok: Counts,
    n_of_kind: Mapping[EvidenceKind, Counts],
    *,
    cut: int,
    raw_from: datetime | None,
) -> tuple[Watch, Watch]:
    """Return how far the watch over one series had come before the hour `cut`, and after the last hour.

    Shape:  `hours` ascending, those with measurements; counts of each. Raw rows from before the hour of
            `raw_from` are gone: those cells are all there is.
    Units:  microseconds since 1970.
    Errors: StoreError.
    """
    feed = _Feed(store, of, hours, n_ok, n_of_kind, raw_from)
    split = int(np.searchsorted(hours, cut))
    watch = deepcopy(watch)
    feed.run(watch, 0, split)
    kept = deepcopy(watch)
    feed.run(watch, split, len(hours))
    return kept, watch


class _Feed:
    def __init__(
        self,
        store: StoreReader,
        of: Series,
        hours: npt.NDArray[np.int64],
        n_ok: Counts,
        n_of_kind: Mapping[EvidenceKind, Counts],
        raw_from: datetime | None,
    ) -> None:
        self._store, self._of = store, of
        self._hours, self._n_ok, self._n_of_kind = hours, n_ok, n_of_kind
        self._n_failing = sum(n_of_kind.values(), np.zeros(len(hours), dtype=np.int32))
        self._n_before = np.concatenate(([0], np.cumsum(n_ok + self._n_failing)))
        self._interesting = find_interesting(self._n_failing, n_of_kind[EvidenceKind.SILENCE])
        # The first whole hour that still has its rows.
        self._raw_from = 0 if raw_from is None else -(-number_of(raw_from) // _HOUR_US)
        self._loaded: dict[int, list[Sighting]] = {}
        self._loaded_to = 0

    def run(self, watch: Watch, first: int, end: int) -> None:
        """Feed the hours from index `first` up to `end`."""
        place = first
        while place < end:
            if not watch.is_open:
                place = self._skip_good(watch, place, end)
                if place == end:
                    return
            n_failing = int(self._n_failing[place])
            if (
                watch.is_open
                and watch.episode is not None
                and watch.episode.is_settled
                and not self._n_ok[place]
            ):
                watch.pass_failing(n_failing, int(self._hours[place]))
            else:
                watch.see(self._sightings(place))
            place += 1

    def _skip_good(self, watch: Watch, place: int, end: int) -> int:
        at = bisect_left(self._interesting, place)
        following = min(self._interesting[at], end) if at < len(self._interesting) else end
        good = np.flatnonzero(self._n_ok[place:following])
        n = int(self._n_before[following] - self._n_before[place])
        if n:
            last = int(self._hours[place + good[-1]]) if len(good) else watch.last_good
            watch.pass_measured(n, last)
        return following

    def _sightings(self, place: int) -> list[Sighting]:
        hour = int(self._hours[place])
        if hour // _HOUR_US >= self._raw_from:
            if hour >= self._loaded_to:
                self._load(hour)
            if (rows := self._loaded.get(hour)) is not None:
                return rows
        counts = {kind: int(n[place]) for kind, n in self._n_of_kind.items()}
        return list(spread_out(hour, _HOUR_US, int(self._n_ok[place]), counts))

    def _load(self, hour: int) -> None:
        start = moment_of(hour)
        end = start + _AHEAD - timedelta(microseconds=1)
        rows = self._store.load_states(self._of, start=start, end=end)
        self._loaded_to = hour + _AHEAD // timedelta(microseconds=1)
        found: dict[int, list[Sighting]] = {_hour_of(row): [] for row in rows}
        for row in _own(self._store, self._of, rows, start, end):
            kind = kind_of(row.state, row.mechanism)
            found[_hour_of(row)].append(Sighting(number_of(row.at), row.vantage, kind))
        self._loaded = {key: sorted(those, key=_order) for key, those in found.items()}


def _hour_of(row: MeasurementState) -> int:
    return number_of(row.at) // _HOUR_US * _HOUR_US


def _order(sighting: Sighting) -> tuple[int, str, str]:
    """What was measured at one moment is in the same order however it came."""
    return sighting.at, sighting.vantage, sighting.kind or ""


def find_interesting(n_failing: Counts, n_silent: Counts) -> list[int]:
    """Return the indices of hours that may open an episode: more than a stray silence."""
    wanted = n_failing > n_silent
    if n_silent.any():
        padded = np.concatenate((n_silent, np.zeros(2, dtype=np.int32)))
        dense = padded[:-2] + padded[1:-1] + padded[2:] >= _SILENT_IN_THREE
        near = dense.copy()
        near[1:] |= dense[:-1]
        near[2:] |= dense[:-2]
        if n_silent[-2:].sum() >= _SILENT_IN_LAST:
            near[-2:] = True
        wanted = wanted | (near & (n_silent > 0))
    return [int(place) for place in np.flatnonzero(wanted)]


def _own(
    store: StoreReader, of: Series, rows: Sequence[MeasurementState], start: datetime, end: datetime
) -> list[MeasurementState]:
    """Return what says something of this network: not what its canary, or a control, met as well."""
    judged = [row for row in rows if row.state is State.OK or kind_of(row.state, row.mechanism)]
    if all(row.state is State.OK for row in judged):
        return judged
    disowned = store.load_disowned_rounds(of, start=start - CONTROL_WINDOW, end=end + CONTROL_WINDOW)
    everywhere: list[datetime] = []
    if any(row.state is State.BLOCKED for row in judged):
        controls = store.load_control_states(
            of.target, emulated=of.emulated, start=start - CONTROL_WINDOW, end=end + CONTROL_WINDOW
        )
        everywhere = [row.at for row in controls if row.state is State.BLOCKED]
    return [
        row
        for row in judged
        if row.state is State.OK
        or (row.round_id not in disowned and not any(abs(row.at - at) <= CONTROL_WINDOW for at in everywhere))
    ]


def is_disowned(store: StoreReader, spell: Spell) -> bool:
    """Return whether most of what failed first was met by the canary or a control, too."""
    start = spell.onset.by
    end = min(spell.end.by if spell.end else start + _DISOWNED_REACH, start + _DISOWNED_REACH)
    failing = store.load_states(spell.series, start=start, end=end, states=BLOCKED_STATES)
    own = _own(store, spell.series, failing, start, end)
    return 2 * len(own) < len(failing)
