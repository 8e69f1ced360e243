"""What imported measurements mean by our rules, without storing anything.

A document without a control of its own may be compared with other networks that proved the same target at
about the same time, as the collector would compare it: a first pass over the files notes those, bounded.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.controls import CONTROL_WINDOW, MAX_PEERS, judge_with_controls
from observatory.analysis.judging.facts import Facts
from observatory.importers.imported import Imported, Part
from observatory.ingest.judging import judge_by_current_rules
from observatory.model import BLOCKED_STATES, State, Verdict
from probes.records import AnyObservation, HttpObservation, Measurement, QuicObservation, TlsObservation

MAX_SPANS: Final = 5000
# One part that is surely not well speaks for the whole; nothing that is well speaks for what is not.
WORST_FIRST: Final = (
    State.BLOCKED,
    State.LIKELY_BLOCKED,
    State.DOWN,
    State.IMPAIRED,
    State.INSUFFICIENT,
)
# Target, whether emulated, number of a span of time as long as the window: a window reaches three at most.
Span = tuple[str, bool, int]


@dataclass(slots=True)
class Peers:
    """Measurements of targets that came out ok, of a few networks for each target and span of time."""

    _found: defaultdict[Span, dict[int, Measurement]] = field(default_factory=lambda: defaultdict(dict))

    def note(self, imported: Imported) -> None:
        """Keep the parts that prove their target and come out ok, where there is room."""
        for part in imported.parts:
            measurement = part.measurement
            span = _span(measurement)
            if measurement.asn == 0 or (span not in self._found and len(self._found) >= MAX_SPANS):
                continue
            known = self._found.get(span, {})
            # One more than is used: one of them may be the asker's own network.
            if measurement.asn in known or len(known) > MAX_PEERS:
                continue
            if Facts(measurement).reached and _judge(part, None).state is State.OK:
                self._found[span][measurement.asn] = _without_bulk(measurement)

    def near(self, measurement: Measurement) -> tuple[Measurement, ...]:
        """Return what was kept of the same target from about the same time, its own network's included."""
        target, emulated, number = _span(measurement)
        spans = ((target, emulated, number + step) for step in (-1, 0, 1))
        return tuple(peer for span in spans for peer in self._found.get(span, {}).values())


@dataclass(frozen=True, slots=True)
class _PartOfDocument:
    """The surroundings of one part: the canary and controls that came along, and other documents' proofs."""

    part: Part
    peers: Peers | None

    def canary_of(self, measurement: Measurement) -> Measurement | None:
        # That a peer proved the target is all that counts of it: it needs no canary.
        return self.part.canary if measurement.id == self.part.measurement.id else None

    def controls_of(self, measurement: Measurement) -> tuple[Control, ...]:
        return self.part.controls

    def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> tuple[Measurement, ...]:
        return self.peers.near(measurement) if self.peers is not None else ()

    def is_provisional(self, measurement: Measurement, controls: Sequence[Control]) -> bool:
        return False


def _span(measurement: Measurement) -> Span:
    number = measurement.started_at.timestamp() // CONTROL_WINDOW.total_seconds()
    return measurement.target, measurement.emulated, int(number)


def _without_bulk(measurement: Measurement) -> Measurement:
    """What a comparison needs: no bodies, and of certificates their fingerprints."""
    slim: list[AnyObservation] = []
    for o in measurement.observations:
        if isinstance(o, HttpObservation):
            slim.append(
                replace(o, body=b"", headers=tuple(h for h in o.headers if h[0].lower() == "location"))
            )
        elif isinstance(o, TlsObservation | QuicObservation):
            slim.append(replace(o, chain=tuple(replace(c, der=b"") for c in o.chain[:1])))
        else:
            slim.append(o)
    return replace(measurement, observations=tuple(slim))


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedDocument:
    """A document's verdict, and those of its parts by target."""

    imported: Imported
    verdict: Verdict
    parts: tuple[tuple[str, Verdict], ...]


def judge_imported(imported: Imported, peers: Peers | None = None) -> JudgedDocument:
    """Return what a document means.

    Shape:  a document of several targets (`telegram`) is as bad as its worst part, and `ok` only when every
            part is: one data centre that answers says nothing of the others. `n_ok` of `n_tried` then count
            parts, and `partial` says that some part is ok beside one that is blocked.
    Errors: none.
    """
    verdicts = tuple((part.measurement.target, _judge(part, peers)) for part in imported.parts)
    return JudgedDocument(imported=imported, verdict=_overall([v for _, v in verdicts]), parts=verdicts)


def _judge(part: Part, peers: Peers | None) -> Verdict:
    around = _PartOfDocument(part, peers)
    return judge_with_controls([part.measurement], around, judge_by_current_rules)[part.measurement.id]


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if len(verdicts) == 1:
        return verdicts[0]
    n_ok = sum(v.state is State.OK for v in verdicts)
    worst = next((v for state in WORST_FIRST for v in verdicts if v.state is state), verdicts[0])
    blocked = worst.state in BLOCKED_STATES
    return replace(worst, n_ok=n_ok, n_tried=len(verdicts), partial=blocked and (worst.partial or n_ok > 0))
