"""The test of single measurements: what a failing one saw decides how many of them it takes.

A forged answer is no coin toss: networks lose packets by themselves, but they do not make up block pages. So
beside the test of hourly shares (`sequential`), each series has a watch that counts failing measurements by
kind, from the first one on: what it counted becomes the evidence of a mark, and `joining` weighs that of all
targets and networks together. An episode begins with the first measurement that fails and ends with the third
good one in a row at each vantage point that had failed; where good ones lay between failing ones, with the
thirtieth. Source: docs/events.md has the error rates, measured by `make bench ARGS=changes`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple

from observatory.analysis.events.marks import Mark, Traces
from observatory.model import EvidenceKind

# The vantage point of what is only counted: cells of a network are added up.
_UNKNOWN: Final = ""
_MICROSECOND: Final = timedelta(microseconds=1)
# Artefacts on end that confirm a single target, those within `_AMONG` measurements where others are good, and
# how far apart two of them are more than one bad day.
ON_END: Final = 3
SCATTERED: Final = 5
_AMONG: Final = 60
_DAYS: Final = timedelta(hours=18) // _MICROSECOND
# The failing measurements of an unbroken run whose times are kept.
RUN_KEPT: Final = 6
# Faults of routing last up to six hours in the years of the bench, and now and then one follows another.
ROUTING_LASTS: Final = timedelta(hours=12) // _MICROSECOND
# So many silences in a row are a suspicion; so many are kept once they are over, where their order is known.
_SILENCES: Final = 2
_SILENCES_KEPT: Final = 4
_GOOD: Final = 3
_GOOD_AFTER_SCATTERED: Final = 30
# What fails again within this time never ended.
_RESUMES: Final = timedelta(hours=36) // _MICROSECOND


class Sighting(NamedTuple):
    """What one measurement says: reached (`kind` None), or failing. Units: microseconds since 1970."""

    at: int
    vantage: str
    kind: EvidenceKind | None


@dataclass(slots=True, kw_only=True)
class Run:
    """What one vantage point saw on end. Units: measurements; `since` microseconds since 1970."""

    n_failed: int = 0
    n_good: int = 0
    failing: int = 0
    speaking: int = 0
    artefacts: int = 0
    since: int = 0
    artefact_since: int = 0


@dataclass(slots=True, kw_only=True)
class Episode:
    """A stretch with failing measurements. Units: microseconds since 1970; `places` number measurements.

    Shape:  `after` is the last good one before the `first`, `first_good` the first after the `last`;
            `steady`: no good one in between. `artefacts` are the first, `pairs` and `failing` the longest
            unbroken runs; `run_*` those that go on.
    """

    first: int
    after: int | None
    last: int = 0
    first_good: int | None = None
    suspected: int | None = None
    confirmed: int | None = None
    over: int | None = None
    steady: bool = True
    last_place: int = 0
    places: list[int] = field(default_factory=list)
    artefacts: list[int] = field(default_factory=list)
    pairs: list[int] = field(default_factory=list)
    failing: list[int] = field(default_factory=list)
    run_pairs: list[int] = field(default_factory=list)
    run_failing: list[int] = field(default_factory=list)
    outlasts: int | None = None
    runs: dict[str, Run] = field(default_factory=dict)

    @property
    def is_speaking(self) -> bool:
        """Whether any measurement saw more than silence."""
        return bool(self.artefacts or self.pairs)

    @property
    def is_settled(self) -> bool:
        """Whether more measurements that fail would say nothing new."""
        counted = self.confirmed is not None and len(self.artefacts) >= SCATTERED
        return counted or (len(self.failing) >= RUN_KEPT and self.outlasts is not None)

    def contradicted_by(self) -> tuple[str, ...]:
        """Return the vantage points that reached the target all the while, where they are the more."""
        good = sorted(name for name, run in self.runs.items() if run.n_good and not run.n_failed)
        return tuple(good) if len(good) > sum(run.n_failed > 0 for run in self.runs.values()) else ()

    def mark(self) -> Mark | None:
        """Return what is to be known of it by now; None while it is no suspicion."""
        if self.suspected is None:
            return None
        ended = self.over is not None
        return Mark(
            watched=self.first,
            suspected=self.suspected,
            confirmed=self.confirmed,
            over=self.over,
            by_share=False,
            traces=Traces(
                after=self.after,
                last=self.last if ended else None,
                first_good=self.first_good if ended else None,
                steady=self.steady,
                artefacts=tuple(self.artefacts),
                pairs=tuple(self.pairs),
                failing=tuple(self.failing),
                outlasts=self.outlasts,
                contradicted_by=self.contradicted_by(),
                exact=_UNKNOWN not in self.runs,
            ),
        )


@dataclass(slots=True, kw_only=True)
class Watch:
    """How far the watch over one series has come: all it needs to go on.

    Shape:  `episode` is the one that goes on, or the last one; `ended` are the marks of those that are over
            and were more than a moment's silence, oldest first.
    """

    n: int = 0
    last_good: int | None = None
    episode: Episode | None = None
    ended: list[Mark] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether an episode goes on."""
        return self.episode is not None and self.episode.over is None

    def marks(self) -> list[Mark]:
        """Return all marks by now, oldest first."""
        going_on = self.episode.mark() if self.episode is not None and self.is_open else None
        return [*self.ended, going_on] if going_on is not None else list(self.ended)

    def see(self, sightings: Iterable[Sighting]) -> None:
        """Count measurements, oldest first."""
        for sighting in sightings:
            self.n += 1
            if sighting.kind is None:
                self._see_good(sighting)
            else:
                self._see_failing(sighting, sighting.kind)

    def pass_measured(self, n: int, last_good: int | None) -> None:
        """Count n measurements that say nothing against the target, while no episode goes on."""
        self.n += n
        self.last_good = last_good

    def pass_failing(self, n: int, at: int) -> None:
        """Count n failing measurements since the time `at` of an episode that is settled."""
        episode = self.episode
        if episode is None or episode.over is not None:
            raise ValueError("pass_failing: expected an episode that goes on, got none")
        self.n += n
        episode.last, episode.last_place = at, self.n
        episode.steady = episode.steady and episode.first_good is None
        episode.first_good = None
        for run in episode.runs.values():
            run.n_good = 0 if run.n_failed else run.n_good

    def _see_good(self, sighting: Sighting) -> None:
        episode = self.episode
        self.last_good = sighting.at
        if episode is None or episode.over is not None:
            return
        run = episode.runs.setdefault(sighting.vantage, Run())
        run.n_good += 1
        if not run.n_failed:
            return
        run.failing = run.speaking = run.artefacts = 0
        if not any(other.failing for other in episode.runs.values()):
            episode.run_pairs, episode.run_failing = [], []
        if episode.first_good is None:
            episode.first_good = sighting.at
        n_good = min(other.n_good for other in episode.runs.values() if other.n_failed)
        if episode.suspected is None:
            if n_good:
                self.episode = None
        elif n_good >= (_GOOD if episode.steady or not episode.is_speaking else _GOOD_AFTER_SCATTERED):
            episode.over = sighting.at
            mark = episode.mark()
            if mark is not None and (episode.is_speaking or _is_kept(mark)):
                self.ended.append(mark)

    def _see_failing(self, sighting: Sighting, kind: EvidenceKind) -> None:
        episode = self._episode_of(sighting, kind)
        at = sighting.at
        episode.steady = episode.steady and episode.first_good is None
        episode.first_good = None
        episode.last, episode.last_place = at, self.n
        run = episode.runs.setdefault(sighting.vantage, Run())
        if not run.failing:
            run.since = at
        run.n_failed, run.n_good, run.failing = run.n_failed + 1, 0, run.failing + 1
        episode.run_failing = [*episode.run_failing, at][:RUN_KEPT]
        episode.failing = _longer(episode.failing, episode.run_failing)
        if kind is not EvidenceKind.SILENCE:
            run.speaking += 1
            episode.run_pairs = [*episode.run_pairs, at][:RUN_KEPT]
            episode.pairs = _longer(episode.pairs, episode.run_pairs)
        if kind is EvidenceKind.ARTEFACT:
            if not run.artefacts:
                run.artefact_since = at
            run.artefacts += 1
            episode.artefacts = [*episode.artefacts, at][:SCATTERED]
            episode.places = [*episode.places, self.n][-SCATTERED:]
        self._conclude(episode, run, at)

    def _episode_of(self, sighting: Sighting, kind: EvidenceKind) -> Episode:
        episode = self.episode
        if episode is not None and episode.over is None:
            return episode
        if (
            episode is not None
            and kind is not EvidenceKind.SILENCE
            and episode.is_speaking
            and self.n - episode.last_place <= _AMONG
            and sighting.at - episode.last <= _RESUMES
        ):
            self.ended.pop()
            episode.over = None
            return episode
        self.episode = Episode(first=sighting.at, after=self.last_good)
        return self.episode

    @staticmethod
    def _conclude(episode: Episode, run: Run, at: int) -> None:
        n_failing = sum(other.failing for other in episode.runs.values())
        if episode.suspected is None and (episode.is_speaking or n_failing >= _SILENCES):
            episode.suspected = at
        if episode.outlasts is None and at - run.since > ROUTING_LASTS and run.failing >= _SILENCES_KEPT:
            episode.outlasts = at
        n_artefacts = sum(other.artefacts for other in episode.runs.values())
        scattered = len(episode.places) == SCATTERED and episode.places[-1] - episode.places[0] < _AMONG
        lasting = run.artefacts > 1 and at - run.artefact_since >= _DAYS
        if (
            episode.confirmed is None
            and (n_artefacts >= ON_END or scattered or lasting)
            and not episode.contradicted_by()
        ):
            episode.confirmed = at


def _is_kept(mark: Mark) -> bool:
    """Whether a silence that is over may still turn out to be a block by what else was seen."""
    traces = mark.traces
    return traces is not None and (
        mark.confirmed is not None
        or traces.outlasts is not None
        or (traces.exact and len(traces.failing) >= _SILENCES_KEPT)
    )


def _longer(known: list[int], run: list[int]) -> list[int]:
    return list(run) if len(run) > len(known) else known


def spread_out(at: int, width: int, n_good: int, counts: Mapping[EvidenceKind, int]) -> Iterator[Sighting]:
    """Yield as many sightings as were counted in a cell, evenly mixed: their order is not known any more.

    Units:  `at` and `width` of the cell in microseconds. All are dated to its end, when they were known.
    """
    failing = [kind for kind in EvidenceKind for _ in range(counts.get(kind, 0))]
    n = n_good + len(failing)
    place = 0
    for number in range(n):
        is_failing = (number + 1) * len(failing) // n > place
        yield Sighting(at + width, _UNKNOWN, failing[place] if is_failing else None)
        place += is_failing
