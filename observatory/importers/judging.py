"""What imported measurements mean by our rules, without storing anything.

Pure but for the reference data. A document without a control of its own may be compared with other networks
that proved the same target in the same hour: a first pass over the files notes those, bounded.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.facts import Facts
from observatory.analysis.judging.judge import judge_measurement
from observatory.importers.imported import Imported, Part
from observatory.model import BLOCKED_STATES, State, Verdict
from observatory.reference import load_reference
from probes.records import (
    AnyObservation,
    HttpObservation,
    Measurement,
    QuicObservation,
    TargetKind,
    TlsObservation,
)

MAX_PEERS: Final = 3
MAX_SERIES: Final = 5000
# One part that is surely not well speaks for the whole; nothing that is well speaks for what is not.
WORST_FIRST: Final = (
    State.BLOCKED,
    State.LIKELY_BLOCKED,
    State.DOWN,
    State.IMPAIRED,
    State.INSUFFICIENT,
)
Series = tuple[str, datetime]


@dataclass(slots=True)
class Peers:
    """Proofs of targets by other networks, a few for each target and hour."""

    _found: defaultdict[Series, dict[int, Measurement]] = field(default_factory=lambda: defaultdict(dict))

    def note(self, imported: Imported) -> None:
        """Keep the parts that proved their target, where there is room."""
        for part in imported.parts:
            measurement = part.measurement
            series = _series(measurement)
            # One more than is used: one of them may be the asker's own network.
            if series not in self._found and len(self._found) >= MAX_SERIES:
                continue
            known = self._found[series] if series in self._found else {}
            if measurement.asn in known or len(known) > MAX_PEERS or measurement.asn == 0:
                continue
            if Facts(measurement).reached:
                self._found[series][measurement.asn] = _without_bulk(measurement)

    def find(self, measurement: Measurement) -> tuple[Control, ...]:
        """Return up to three of other networks."""
        known = self._found.get(_series(measurement), {})
        others = [peer for asn, peer in known.items() if asn != measurement.asn]
        return tuple(Control(peer, None, peer=True) for peer in others[:MAX_PEERS])


def _series(measurement: Measurement) -> Series:
    return measurement.target, measurement.started_at.replace(minute=0, second=0, microsecond=0)


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
    """
    verdicts = tuple((part.measurement.target, _judge(part, peers)) for part in imported.parts)
    return JudgedDocument(imported=imported, verdict=_overall([v for _, v in verdicts]), parts=verdicts)


def _judge(part: Part, peers: Peers | None) -> Verdict:
    controls = part.controls
    if not controls and peers is not None and part.measurement.target_kind is not TargetKind.CANARY:
        controls = peers.find(part.measurement)
    return judge_measurement(part.measurement, part.canary, controls, reference=load_reference())


def _overall(verdicts: Sequence[Verdict]) -> Verdict:
    if len(verdicts) == 1:
        return verdicts[0]
    n_ok = sum(v.state is State.OK for v in verdicts)
    worst = next((v for state in WORST_FIRST for v in verdicts if v.state is state), verdicts[0])
    blocked = worst.state in BLOCKED_STATES
    return replace(worst, n_ok=n_ok, n_tried=len(verdicts), partial=blocked and (worst.partial or n_ok > 0))
