"""Years of whole networks, seeded: health with all its troubles, and faults that hit all targets at once.

Six measurements an hour of seventeen targets, of which six are the app's own. To what `years` draws for each
target by itself come, for all targets of a network together, a line that loses packets, a line that carries
nothing, and a route to Telegram that is gone; each lasts ten minutes to six hours. What fails so is silence:
no packet that is lost makes up a page. A control reaches everything all the while.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.changes.years import HOURS, Counts, Health, make_years
from observatory.analysis.events.evidence import Sighting, Watch
from observatory.analysis.events.joining import join_evidence
from observatory.analysis.events.marks import Mark, combine
from observatory.analysis.events.routing import rule_out_routing
from observatory.analysis.events.sequential import START, first_beliefs, follow, trace
from observatory.analysis.events.spells import NetworkInfo, describe_series, moment_of, number_of
from observatory.analysis.events.tallies import Tally
from observatory.detection.watching import find_interesting
from observatory.model import Certainty, EvidenceKind, Series, Spell, State
from observatory.model.detection import MeasurementState

TARGETS: Final = 17
PER_HOUR: Final = 6
_APP: Final = frozenset(f"t{number}" for number in range(11, TARGETS))
# A lossy line, a dead one, a route that is gone: each in so many weeks of a network.
_FAULT_EVERY_WEEKS: Final = 8
_SHORTEST: Final = 1
_LONGEST: Final = 36
_HOUR: Final = timedelta(hours=1)
_HOUR_US: Final = _HOUR // timedelta(microseconds=1)
_SLOT_US: Final = _HOUR_US // PER_HOUR
# Whether the route is there is asked about the first twelve hours of a silence.
# One version of rules and reference data judged all of it.
_VERSION: Final = ("", "")
_ROUTE: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkYear:
    """What six measurements an hour of each target gave.

    Shape:  (measurements, targets), true where one failed.
    """

    failing: npt.NDArray[np.bool_]

    def counts(self) -> tuple[Counts, Counts]:
        """Return what was ok and what failed. Shape: (hours, targets)."""
        failing = self.failing.reshape(HOURS, PER_HOUR, -1).sum(axis=1).astype(np.int32)
        return (PER_HOUR - failing).astype(np.int32), failing


def make_network_year(seed: int, *, health: Health | None = None) -> NetworkYear:
    """Return one healthy year of a network, with three kinds of faults that its targets share."""
    random = np.random.default_rng(seed)
    _, failed = make_years(TARGETS, seed=seed, per_hour=PER_HOUR, health=health or Health(), block=None)
    n_slots = HOURS * PER_HOUR
    # Within an hour the failing ones lie anywhere.
    order = random.random((HOURS, PER_HOUR, TARGETS)).argsort(axis=1)
    failing = (order < failed[:, None, :]).reshape(n_slots, TARGETS)
    slots_per_fault = 7 * 24 * PER_HOUR * _FAULT_EVERY_WEEKS
    for start in np.flatnonzero(random.random(n_slots) < 3 / slots_per_fault):
        part = failing[start : start + random.integers(_SHORTEST, _LONGEST + 1)]
        loss = random.uniform(0.2, 0.9) if random.integers(3) == 0 else 1.0
        part |= random.random(part.shape) < loss
    return NetworkYear(failing=failing)


def count_false_events(years: Sequence[NetworkYear]) -> int:
    """Return how many blocks would be confirmed on networks of one country that block nothing.

    Shape:  what is confirmed on one network within a day is one.
    """
    spells = [spell for asn, year in enumerate(years, 1) for spell in _find_spells(year, asn)]
    confirmed = (s for s in join_evidence(spells) if s.certainty is Certainty.CONFIRMED)
    return len({(s.asn, s.confirmed_at.date()) for s in confirmed if s.confirmed_at})


def _find_spells(year: NetworkYear, asn: int) -> Iterator[Spell]:
    n_ok, n_failing = year.counts()
    for number, marks in enumerate(_find_marks(year, n_ok, n_failing)):
        if not marks:
            continue
        series = Series(target=f"t{number}", asn=asn)
        tallies = [
            _tally(hour, int(n_ok[hour, number]), int(n_failing[hour, number])) for hour in range(HOURS)
        ]
        for spell in describe_series(series, {series: tallies}, marks, NetworkInfo(country="ID")):
            yield _look_around(year, spell)


def _tally(hour: int, n_ok: int, n_failing: int) -> Tally:
    tally = Tally(at=moment_of(hour * _HOUR_US), until=moment_of((hour + 1) * _HOUR_US))
    if n_ok:
        tally.add(State.OK, None, "", _VERSION, n_ok)
    if n_failing:
        tally.add(State.LIKELY_BLOCKED, "tcp.timeout", "", _VERSION, n_failing)
    return tally


def _find_marks(year: NetworkYear, n_ok: Counts, n_failing: Counts) -> Iterator[tuple[Mark, ...]]:
    hours = np.arange(HOURS, dtype=np.int64) * _HOUR_US
    blocked, beliefs = follow(first_beliefs(TARGETS), hours, n_ok, n_failing)
    for target in range(TARGETS):
        failing = n_failing[:, target]
        after = beliefs.chances[target].tolist()
        _, shares = trace(START, after, hours, blocked[:, target], failing, failing)
        yield combine(shares, _watch(year, failing, target).marks(), width=_HOUR_US)


def _watch(year: NetworkYear, failing: Counts, target: int) -> Watch:
    watch, interesting, hour = Watch(), find_interesting(failing, failing), 0
    while hour < HOURS:
        if not watch.is_open:
            place = bisect_left(interesting, hour)
            following = interesting[place] if place < len(interesting) else HOURS
            if following > hour:
                watch.pass_measured(PER_HOUR * (following - hour), (following - 1) * _HOUR_US)
                hour = following
                continue
        slots = range(hour * PER_HOUR, (hour + 1) * PER_HOUR)
        watch.see(
            Sighting(slot * _SLOT_US, "v", EvidenceKind.SILENCE if year.failing[slot, target] else None)
            for slot in slots
        )
        hour += 1
    return watch


def _look_around(year: NetworkYear, spell: Spell) -> Spell:
    """What `detection.surroundings` asks the store: did others reach it, and is it the route."""
    shown = spell.evidence
    if len(shown.failing) < 2:
        return spell
    since = shown.failing[0]
    until = since + _ROUTE if spell.end is None else min(spell.end.by, since + _ROUTE)
    ruled_out = rule_out_routing(spell.target, _rows(year, since, until), _APP)
    return replace(
        spell,
        evidence=replace(shown, asked=True, reached_at=shown.failing[1], routing_ruled_out_at=ruled_out),
    )


def _rows(year: NetworkYear, since: datetime, until: datetime) -> Iterator[MeasurementState]:
    for slot in range(number_of(since) // _SLOT_US, min(number_of(until) // _SLOT_US + 1, HOURS * PER_HOUR)):
        at = moment_of(slot * _SLOT_US)
        for target in range(TARGETS):
            state = State.LIKELY_BLOCKED if year.failing[slot, target] else State.OK
            yield MeasurementState(id="", vantage="v", at=at, state=state, target=f"t{target}")
