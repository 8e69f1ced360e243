"""Streams of measurements as rounds bring them, stored and searched live, at once or late."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from observatory.analysis.events.joining import is_lonely, join_evidence
from observatory.detection.detector import Detector
from observatory.model import Certainty, Event, Finding, Layer, Role, Spell, State, VantagePoint, Verdict
from observatory.store import Store
from probes.records import Measurement, TargetKind

START = datetime(2026, 1, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Between two vantage points of one round.
SLOT = timedelta(seconds=20)
# Healthy until then.
ONSET = START + 4 * HOUR
NAMES = ("t.me", "telegram.org", "core.telegram.org")

# What a round may find, as (state, mechanism).
Found = tuple[State, str | None]
OK: Found = (State.OK, None)
ARTEFACT: Found = (State.BLOCKED, "dns.injection.blockpage")
PAIR: Found = (State.LIKELY_BLOCKED, "tls.reset.sni")
SILENCE: Found = (State.LIKELY_BLOCKED, "tcp.timeout")
UNSURE: Found = (State.INSUFFICIENT, None)
# What was found of a target (or "canary") by a vantage point at a time.
World = Callable[[VantagePoint, str, datetime], Found]


def network(asn: int, name: str = "", country: str = "ID") -> VantagePoint:
    return VantagePoint(id=name or f"v{asn}", name=f"V{asn}", isp=f"ISP {asn}", asn=asn, country=country)


XL = network(24203)
CONTROL = replace(network(1, "sg", "SG"), role=Role.CONTROL)


@dataclass(kw_only=True)
class Stream:
    """Rounds of several vantage points, all targets each; `world` says what they find."""

    world: World
    vantages: Sequence[VantagePoint] = (XL,)
    controls: Sequence[VantagePoint] = (CONTROL,)
    targets: Sequence[str] = NAMES
    centres: Sequence[str] = ()
    every: timedelta = 10 * MINUTE
    start: datetime = START
    until: datetime = ONSET + 2 * HOUR
    versions: Callable[[datetime], str] = field(default=lambda at: "4")
    software: Callable[[datetime], str] = field(default=lambda at: "1.0")
    # The hop at which something answers where a target fails; None where nothing does.
    hop: int | None = None

    def rounds(self) -> Iterator[tuple[datetime, list[tuple[Measurement, Verdict]]]]:
        """Yield each round of each vantage point, in the order of time: a minute lies between two of them."""
        number, at = 0, self.start
        while at < self.until:
            for place, vantage in enumerate((*self.controls, *self.vantages)):
                moment = at + place * SLOT
                yield (
                    moment,
                    [
                        self._judged(vantage, name, moment)
                        for name in ("canary", *self.targets, *self.centres)
                    ],
                )
            number += 1
            at = self.start + number * self.every

    def _judged(self, vantage: VantagePoint, target: str, at: datetime) -> tuple[Measurement, Verdict]:
        state, mechanism = self.world(vantage, target, at)
        kind = TargetKind.CANARY if target == "canary" else TargetKind.HOST
        if target in self.centres:
            kind = TargetKind.DATA_CENTRE
        measurement = Measurement(
            id=f"{vantage.id} {target} {at.isoformat()}",
            round_id=f"{vantage.id} {at.isoformat()}",
            vantage=vantage.id,
            asn=vantage.asn,
            target=target,
            target_kind=kind,
            started_at=at,
            duration_s=1.0,
            resolver="10.0.0.53",
            public_resolver="8.8.8.8",
            software=self.software(at),
        )
        name = (mechanism or "http").partition(".")[0]
        layer = Layer.TCP if name == "ip" else Layer(name)
        finding = Finding(layer=layer, state=state, mechanism=mechanism, rule_id=mechanism or "http.page")
        return measurement, Verdict(
            state=state,
            layer=layer,
            mechanism=mechanism,
            rule_id=finding.rule_id,
            rules_version=self.versions(at),
            reference_version="r",
            findings=(finding,),
            acts_at_hop=self.hop if mechanism else None,
        )


@dataclass(kw_only=True)
class Told:
    """What was known after which round, by when that round was measured."""

    suspected_at: datetime | None = None
    confirmed_at: datetime | None = None
    ended_at: datetime | None = None
    events: list[Event] = field(default_factory=list)


def play(store: Store, stream: Stream) -> Told:
    """Store round after round and search after each, as the service does."""
    told = Told()
    prepare(store, stream)
    detector = Detector(store)
    for at, judged in stream.rounds():
        store.save_measurements(judged, received_at=at)
        detector.run(at)
        if at < ONSET:
            continue
        confirmed = [e for e in events_of(store) if e.certainty is Certainty.CONFIRMED]
        if told.suspected_at is None and (confirmed or suspicions_of(store)):
            told.suspected_at = at
        if told.confirmed_at is None and confirmed:
            told.confirmed_at = at
        if told.ended_at is None and confirmed and all(e.end is not None for e in confirmed):
            told.ended_at = at
    detector.run(stream.until, review=True)
    told.events = events_of(store)
    return told


def prepare(store: Store, stream: Stream) -> None:
    store.save_vantage_points([*stream.controls, *stream.vantages], at=stream.start)


def play_at_once(store: Store, stream: Stream) -> list[Event]:
    """Store all of it, then search."""
    prepare(store, stream)
    judged = [pair for _, those in stream.rounds() for pair in those]
    _save(store, judged)
    Detector(store).run(stream.until, review=True)
    return events_of(store)


def play_late(store: Store, stream: Stream, *, seed: int = 5) -> list[Event]:
    """Store it in disordered batches and search after each."""
    prepare(store, stream)
    judged = [pair for _, those in stream.rounds() for pair in those]
    random.Random(seed).shuffle(judged)
    detector = Detector(store)
    size = len(judged) // 7 + 1
    for first in range(0, len(judged), size):
        _save(store, judged[first : first + size])
        detector.run(stream.until)
    detector.run(stream.until, review=True)
    return events_of(store)


def _save(store: Store, judged: Sequence[tuple[Measurement, Verdict]]) -> None:
    for first in range(0, len(judged), 2000):
        store.save_measurements(judged[first : first + 2000], received_at=judged[0][0].started_at + 30 * DAY)


def events_of(store: Store) -> list[Event]:
    return [revision.event for revision in store.load_events() if not revision.event.withdrawn]


def suspicions_of(store: Store) -> list[Spell]:
    spells = join_evidence(store.load_spells())
    return [s for s in spells if s.end is None and not s.onset_from_rule_change and not is_lonely(s, spells)]


def during(
    found: Found,
    *,
    targets: Iterable[str] = NAMES,
    vantages: Iterable[VantagePoint] = (XL,),
    start: datetime = ONSET,
    end: datetime | None = None,
) -> World:
    """A world in which these targets come out as `found` on these networks between two times."""
    names, ids = frozenset(targets), frozenset(vantage.id for vantage in vantages)

    def find(vantage: VantagePoint, target: str, at: datetime) -> Found:
        inside = at >= start and (end is None or at < end)
        return found if inside and target in names and vantage.id in ids else OK

    return find
