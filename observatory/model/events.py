"""What changed in the world, with what shows it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Self

from observatory.model.evidence import NO_EVIDENCE, Confirmation, SpellEvidence
from observatory.model.series import Series
from observatory.model.verdicts import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """When something changed: after the last sight of how it was before, at the latest by the first
    sight of how it was then. `after` is None where nothing earlier was seen: "since before `by`".
    """

    after: datetime | None
    by: datetime


class Certainty(StrEnum):
    """How sure it is that something is blocked at all; docs/events.md gives the measured error rates.

    suspected  enough to look; withdrawn when it ends before it is confirmed
    confirmed  no loss that healthy networks show explains it
    """

    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """k of n with its 95 % interval; shares between 0 and 1."""

    n_blocked: int
    n_judged: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.n_blocked / self.n_judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """How it was blocked, and when so. `resolver` is whose answers were forged, for the layer dns."""

    layer: str
    mechanism: str | None
    resolver: str = ""
    onset: Interval
    end: Interval | None = None
    portion: Portion


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyWindow:
    """From and to which time of day, in the zone of the spell; `to` before `start` passes midnight."""

    start: time
    to: time

    @classmethod
    def parse(cls, start: str, to: str) -> Self:
        """Return the window between two times such as 09:00."""
        return cls(start=time.fromisoformat(start), to=time.fromisoformat(to))


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """No measurement could speak: none came, the vantage point had no connection (`offline`), or what came
    could not be judged (`unjudged`); the last two may take turns.
    """

    start: datetime
    end: datetime
    offline: bool = False
    unjudged: bool = False


class Shows(StrEnum):
    """What a witness is there for, in the order of time."""

    LAST_OK = "last_ok"
    FIRST_BLOCKED = "first_blocked"
    LAST_BLOCKED = "last_blocked"
    FIRST_OK = "first_ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """One measurement that readers can open to check a claim."""

    measurement_id: str
    vantage: str
    at: datetime
    shows: Shows
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """One target blocked in one network, from onset to end: the smallest thing an event says.

    Shape:  `end` is None while it goes on. `suspected_at` and `confirmed_at` are when the measurements were
            made that were enough. `partial`: clearly not everything was blocked. `windows` is not empty when
            it comes and goes by the time of day, in `zone`. `counted_until`: the last measurement of those
            that `portion` counts; `counts_whole_hours`: those of the border hours are gone, and their whole
            hours count. `control`: the target as control vantage points found it all the while (n_blocked
            of n_judged were not ok), None where nothing could be judged; `n_control_unjudged` and
            `n_control_offline` count the controls' other measurements, the latter without a connection.
            `versions` are those of (rules, reference data) that judged. `evidence` is what the rules count,
            `confirmed_by` which of them was the first to confirm.
            `onset_from_rule_change`, `end_from_rule_change`: the verdicts changed with our rules or reference
            data, reality may not have changed.
    """

    target: str
    asn: int
    onset: Interval
    end: Interval | None = None
    certainty: Certainty
    suspected_at: datetime
    confirmed_at: datetime | None = None
    portion: Portion
    partial: bool = False
    isp: str = ""
    country: str = ""
    zone: str = "UTC"
    emulated: bool = False
    windows: tuple[DailyWindow, ...] = ()
    methods: tuple[Method, ...] = ()
    silences: tuple[Silence, ...] = ()
    vantages: tuple[str, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    counted_until: datetime | None = None
    counts_whole_hours: bool = False
    control: Portion | None = None
    n_control_unjudged: int = 0
    n_control_offline: int = 0
    versions: tuple[tuple[str, str], ...] = ()
    evidence: SpellEvidence = NO_EVIDENCE
    confirmed_by: Confirmation | None = None
    onset_from_rule_change: bool = False
    end_from_rule_change: bool = False

    @property
    def series(self) -> Series:
        return Series(target=self.target, asn=self.asn, emulated=self.emulated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change in the world: what was blocked in one country within one window, and when it ended.

    Shape:  `id` never changes; spells are sorted by network and target. `withdrawn`: nothing of it is left.
    """

    id: str
    country: str
    emulated: bool
    spells: tuple[Spell, ...]
    withdrawn: bool = False

    @property
    def certainty(self) -> Certainty:
        sure = any(spell.certainty is Certainty.CONFIRMED for spell in self.spells)
        return Certainty.CONFIRMED if sure else Certainty.SUSPECTED

    @property
    def onset(self) -> Interval:
        """When the first of it began. "Since before" only where all of it was there from the start."""
        return min(
            (spell.onset for spell in self.spells), key=lambda onset: (onset.by, onset.after is not None)
        )

    @property
    def end(self) -> Interval | None:
        """When the last of it ended; None while any goes on."""
        ends = [spell.end for spell in self.spells]
        known = [end for end in ends if end is not None]
        return max(known, key=lambda end: end.by) if known and len(known) == len(ends) else None

    @property
    def networks(self) -> dict[int, str]:
        """ISP names by ASN, in the order in which they began."""
        return {s.asn: s.isp for s in sorted(self.spells, key=lambda s: (s.onset.by, s.isp, s.asn))}

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(s.target for s in sorted(self.spells, key=lambda s: s.target)))

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """All that were seen, the most frequent first."""
        counted: Counter[str] = Counter()
        for spell in self.spells:
            for method in spell.methods:
                counted[method.mechanism or ""] += method.portion.n_blocked
        return tuple(name for name, _ in counted.most_common() if name)
