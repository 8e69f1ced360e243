"""What imported measurements mean by our rules, without storing anything.

A document without a control of its own may be compared with other networks that proved the same target at
about the same time, as the collector would compare it: a first pass over the files notes those, bounded.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.controls import (
    CONTROL_WINDOW,
    MAX_PEERS,
    choose_controls,
    judge_with_controls,
)
from observatory.importers.imported import Imported, Part
from observatory.ingest.judging import judge_by_current_rules
from observatory.model import BLOCKED_STATES, LeadsTo, Role, State, Verdict
from observatory.model.series import Series
from probes.records import AnyObservation, HttpObservation, Measurement, QuicObservation, TlsObservation

# Targets' spans of time of which peers are kept.
MAX_SPANS: Final = 3500
# A span keeps three of each network and this many in all, so that whoever asks finds three of other networks
# that are among the nearest, to within a span.
MAX_OF_SPAN: Final = 2 * MAX_PEERS
SPAN: Final = timedelta(minutes=5)
# One part that is surely not well speaks for the whole; nothing that is well speaks for what is not.
WORST_FIRST: Final = (
    State.BLOCKED,
    State.LIKELY_BLOCKED,
    State.DOWN,
    State.IMPAIRED,
    State.INSUFFICIENT,
)
# A target, emulated or not, of whatever network, and the number of the span of time.
SpanKey = tuple[Series, int]
ANY_NETWORK: Final = 0


@dataclass(slots=True)
class Peers:
    """Measurements of targets that came out ok: a few of each target and span of time."""

    _found: defaultdict[SpanKey, list[Measurement]] = field(default_factory=lambda: defaultdict(list))

    def note(self, imported: Imported) -> None:
        """Keep the parts that come out ok, where there is room."""
        for part in imported.parts:
            measurement = part.measurement
            key = _span_of(measurement)
            if measurement.asn == 0 or (key not in self._found and len(self._found) >= MAX_SPANS):
                continue
            known = self._found.get(key, [])
            n_of_network = sum(other.asn == measurement.asn for other in known)
            if len(known) >= MAX_OF_SPAN or n_of_network >= MAX_PEERS:
                continue
            if _judge(part, control_vantages(imported), None).state is State.OK:
                self._found[key].append(_without_bulk(measurement))

    def near(self, measurement: Measurement) -> tuple[Measurement, ...]:
        """Return what was kept of the same target from about the same time, its own network's included."""
        series, number = _span_of(measurement)
        reach = -(-CONTROL_WINDOW // SPAN)
        keys = ((series, number + step) for step in range(-reach, reach + 1))
        return tuple(peer for key in keys for peer in self._found.get(key, ()))


class _PartOfDocument:
    """The surroundings of one part: what came along with it, and other documents' proofs.

    By the role of its vantage point a measurement that came along is a control, or a peer that stood in for
    one where the document was written; a peer counts here as it does in a store, when it comes out ok.
    """

    def __init__(
        self, part: Part, controls: frozenset[str], peers: Peers | None, beyond: Sequence[Part] = ()
    ) -> None:
        self._control_vantages = controls
        self._peers = peers
        self._beside = {led_to.measurement.target: led_to.measurement for led_to in beyond}
        came_along = [c.measurement for each in (part, *beyond) for c in each.controls]
        self._controls = [m for m in came_along if m.vantage in controls]
        self._own_peers = [m for m in came_along if m.vantage not in controls]
        self._canaries: dict[str, Measurement | None] = {}
        for each in (part, *beyond):
            self._canaries.setdefault(each.measurement.id, each.canary)
            for control in each.controls:
                self._canaries.setdefault(control.measurement.id, control.canary)
        self.measurements = (part.measurement, *self._own_peers)

    def canary_of(self, measurement: Measurement) -> Measurement | None:
        # That a peer of another document proved the target is all that counts of it: it needs no canary.
        return self._canaries.get(measurement.id)

    def controls_of(self, measurement: Measurement) -> tuple[Control, ...]:
        is_control = measurement.vantage in self._control_vantages
        chosen = choose_controls(measurement, self._controls, is_control=is_control, same_round_first=True)
        return tuple(Control(control, self.canary_of(control)) for control in chosen)

    def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> tuple[Measurement, ...]:
        own = (m for m in self._own_peers if m.id in verdicts and verdicts[m.id].state is State.OK)
        return (*own, *(self._peers.near(measurement) if self._peers is not None else ()))

    def beside(self, measurement: Measurement, target: str) -> Measurement | None:
        return self._beside.get(target)

    def is_provisional(self, measurement: Measurement, controls: Sequence[Control]) -> bool:
        return False


def control_vantages(imported: Imported) -> frozenset[str]:
    """Return the names of the control vantage points of a document."""
    return frozenset(v.id for v in imported.vantage_points if v.role is Role.CONTROL)


def _span_of(measurement: Measurement) -> SpanKey:
    number = measurement.started_at.timestamp() // SPAN.total_seconds()
    series = Series(target=measurement.target, asn=ANY_NETWORK, emulated=measurement.emulated)
    return series, int(number)


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
    """A document's verdict, those of its parts by target, and how the host fares to which it led."""

    imported: Imported
    verdict: Verdict
    parts: tuple[tuple[str, Verdict], ...]
    leads_to: LeadsTo | None = None


def judge_imported(imported: Imported, peers: Peers | None = None) -> JudgedDocument:
    """Return what a document means.

    Shape:  a document of several targets (`telegram`) is as bad as its worst part, and `ok` only when every
            part is: one data centre that answers says nothing of the others. `n_ok` of `n_tried` then count
            parts, and `partial` says that some part is ok beside one that is blocked. The verdict is about
            what was asked for: a host that it led to has its own.
    Errors: none.
    """
    controls = control_vantages(imported)
    verdicts = tuple(
        (part.measurement.target, _judge(part, controls, peers, imported.leads_to)) for part in imported.parts
    )
    overall = _overall([v for _, v in verdicts])
    leads_to = overall.leads_to
    if leads_to is None and imported.leads_to:
        # A target that is not ok says nothing of where it leads; the record of the way is there all the same.
        beyond = imported.leads_to[0]
        there = _judge(beyond, controls, peers)
        leads_to = LeadsTo(target=beyond.measurement.target, state=there.state, mechanism=there.mechanism)
    return JudgedDocument(imported=imported, verdict=overall, parts=verdicts, leads_to=leads_to)


def _judge(part: Part, controls: frozenset[str], peers: Peers | None, beyond: Sequence[Part] = ()) -> Verdict:
    around = _PartOfDocument(part, controls, peers, beyond)
    return judge_with_controls(around.measurements, around, judge_by_current_rules)[part.measurement.id]


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if len(verdicts) == 1:
        return verdicts[0]
    n_ok = sum(v.state is State.OK for v in verdicts)
    worst = next((v for state in WORST_FIRST for v in verdicts if v.state is state), verdicts[0])
    blocked = worst.state in BLOCKED_STATES
    return replace(worst, n_ok=n_ok, n_tried=len(verdicts), partial=blocked and (worst.partial or n_ok > 0))
