"""The steps of a measurement in groups, each with the same step of its controls. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Final

from observatory.text import Text
from observatory.views.printable import duration, place
from observatory.views.step_words import Words, describe
from probes.records import (
    AnyObservation,
    DnsObservation,
    Endpoint,
    Heard,
    HelperObservation,
    HopsObservation,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    Purpose,
    QuicObservation,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)

MAX_STEPS: Final = 200


class StepGroup(StrEnum):
    """What belongs together on the page, in the order a connection goes."""

    NAMES = "names"
    ADDRESSES = "addresses"
    TLS = "tls"
    HTTP = "http"
    QUIC = "quic"
    APP = "app"
    PATH = "path"
    HELPER = "helper"


GROUPS: Final[dict[type, StepGroup]] = {
    DnsObservation: StepGroup.NAMES,
    TcpObservation: StepGroup.ADDRESSES,
    TlsObservation: StepGroup.TLS,
    HttpObservation: StepGroup.HTTP,
    ThroughputObservation: StepGroup.HTTP,
    QuicObservation: StepGroup.QUIC,
    MtprotoObservation: StepGroup.APP,
    HopsObservation: StepGroup.PATH,
    HelperObservation: StepGroup.HELPER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """What another vantage point saw for the same step; `place` only where it was another one."""

    name: str
    words: Words
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. `when` says which try it was and how long it took; `left` and `width` are shares (0..1) of
    the whole measurement's time; `is_evidence`: the rule that decided names it.
    """

    id: str
    words: Words
    when: str
    left: float
    width: float
    is_evidence: bool
    elsewhere: tuple[Elsewhere, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSection:
    """The steps of one group, in order of time; `notes` are sentences about them together."""

    group: StepGroup
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()


def describe_steps(
    measurement: Measurement,
    text: Text,
    *,
    evidence: Sequence[str] = (),
    controls: Sequence[tuple[str, Measurement]] = (),
) -> tuple[StepSection, ...]:
    """Return the steps by group, groups without any left out.

    Shape:  `controls` are (name of the vantage point, its measurement of the same target). The first
            `MAX_STEPS` steps are shown; the file with the whole measurement holds all.
    """
    shown = sorted(measurement.observations, key=lambda o: (o.started_s, o.attempt))[:MAX_STEPS]
    whole_s = max([measurement.duration_s, 1e-6, *(o.started_s + o.duration_s for o in shown)])
    others = [(name, control.observations) for name, control in controls]
    sections = []
    for group in StepGroup:
        own = [o for o in shown if GROUPS[type(o)] is group]
        steps = tuple(
            Step(
                id=o.id,
                words=describe(o, text),
                when=_when(o, text),
                left=_share(o.started_s, whole_s),
                width=_share(o.duration_s, whole_s),
                is_evidence=o.id in evidence,
                elsewhere=tuple(
                    Elsewhere(name=name, words=describe(same, text), place=_other_place(o, same, text))
                    for name, observations in others
                    if (same := find_same(o, observations)) is not None
                ),
            )
            for o in own
        )
        if steps:
            notes = compare_runs(shown, text) if group is StepGroup.PATH else ()
            sections.append(StepSection(group=group, steps=steps, notes=notes))
    return tuple(sections)


def _share(part_s: float, whole_s: float) -> float:
    """Return a part as a share, whatever numbers an import holds."""
    share = part_s / whole_s
    return min(max(share, 0.0), 1.0) if isfinite(share) else 0.0


def _when(o: AnyObservation, text: Text) -> str:
    took = text("step.took", start=duration(max(o.started_s, 0.0), text), time=duration(o.duration_s, text))
    return text("step.again", n=o.attempt, took=took) if o.attempt > 1 else took


def find_same(o: AnyObservation, others: Sequence[AnyObservation]) -> AnyObservation | None:
    """Return the step of another measurement that asked the same: of the same place, else of any address.

    Of several tries the last one counts; of several addresses one that worked.
    """
    alike = [other for other in others if type(other) is type(o) and _question(other) == _question(o)]
    exact = [other for other in alike if _where(other) == _where(o)]
    if exact:
        return exact[-1]
    return next((other for other in alike if other.failure is None), alike[-1] if alike else None)


def _question(o: AnyObservation) -> Hashable:
    match o:
        case DnsObservation():
            return o.resolver, o.transport, o.query_type, o.name.lower()
        case TcpObservation():
            return o.endpoint.port, ":" in o.endpoint.address
        case TlsObservation() | ThroughputObservation():
            return o.endpoint.port, ":" in o.endpoint.address, o.server_name, o.purpose
        case HttpObservation():
            return o.endpoint.port, o.over_tls, o.host, o.path, o.purpose
        case QuicObservation():
            return o.endpoint.port, o.server_name, o.purpose
        case MtprotoObservation():
            return o.endpoint.port, ":" in o.endpoint.address, o.transport, o.server_name
        case HopsObservation():
            return o.endpoint.port, o.payload, o.purpose, o.name
        case HelperObservation():
            return None


def _where(o: AnyObservation) -> Endpoint | str:
    match o:
        case DnsObservation():
            return o.server
        case HelperObservation():
            return o.url
        case _:
            return o.endpoint


def _other_place(own: AnyObservation, other: AnyObservation, text: Text) -> str:
    """Return where the other one was asked, if that was another place: names rotate, resolvers differ."""
    where = _where(other)
    return place(where, text) if isinstance(where, Endpoint) and where != _where(own) else ""


def compare_runs(observations: Sequence[AnyObservation], text: Text) -> tuple[str, ...]:
    """Return a sentence for each run with the target's name that ends otherwise than its control run.

    Shape:  only where both were made to the same place with the same payload, and only what was heard; the
            verdict says what it means.
    """
    runs = [o for o in observations if isinstance(o, HopsObservation)]
    sentences = []
    for run in runs:
        for control in runs:
            if (
                run.purpose is Purpose.TARGET
                and control.purpose is not Purpose.TARGET
                and (control.endpoint, control.payload) == (run.endpoint, run.payload)
            ):
                sentences += _difference(run, control, text)
    return tuple(sentences)


def _difference(run: HopsObservation, control: HopsObservation, text: Text) -> list[str]:
    harmless = {hop.ttl: hop.heard for hop in control.hops}
    for hop in sorted(run.hops, key=lambda hop: hop.ttl):
        other = harmless.get(hop.ttl)
        if other is None or other is hop.heard or Heard.SILENCE in (other, hop.heard):
            continue
        return [
            text(
                "step.runs_differ",
                what=text(f"step.payload_{run.payload}"),
                place=place(run.endpoint, text),
                hop=hop.ttl,
                heard=text(f"step.heard_{hop.heard}"),
                other=text(f"step.heard_{other}"),
            )
        ]
    return []
