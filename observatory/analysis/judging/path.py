"""Where on the path something acts: two runs with rising TTL, one with the target's name, one without."""

from collections.abc import Sequence
from dataclasses import dataclass

from observatory.analysis.judging.facts import Evidence, is_ipv6
from probes.records import Heard, HopsObservation, Payload, Purpose

REJECTED = frozenset({Heard.REFUSED, Heard.RESET, Heard.UNREACHABLE, Heard.CLOSED})
# What comes back only when something that understood the payload took part.
MADE_ON_PATH = frozenset({Heard.RESET, Heard.CLOSED, Heard.ANSWER, Heard.REFUSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSegment:
    """Something acts at the router that such a TTL reaches last: between hop ttl - 1 and hop ttl."""

    ttl: int
    payload: Payload
    evidence: Evidence


def find_interference(runs: Sequence[HopsObservation]) -> PathSegment | None:
    """Return the first place where the target's payload is answered and no server could have: it ran out of
    hops there, or a harmless payload of the same TTL did.

    Silence is no interference: routers may drop what they like, and ICMP gets lost.
    """
    for run in runs:
        if run.purpose is not Purpose.TARGET:
            continue
        place = _answered_where_it_died(run)
        if place is not None:
            return place
        for harmless in runs:
            if (
                harmless.purpose is Purpose.HARMLESS_NAME
                and harmless.payload is run.payload
                and harmless.endpoint == run.endpoint
            ):
                place = _first_difference(run, harmless)
                if place is not None:
                    return place
    return None


def _answered_where_it_died(run: HopsObservation) -> PathSegment | None:
    """A router says that the payload ran out of hops there, and an answer to it came all the same."""
    for hop in sorted(run.hops, key=lambda hop: hop.ttl):
        on_the_way = hop.router is not None and hop.router != run.endpoint.address
        if on_the_way and hop.heard in (Heard.RESET, Heard.ANSWER, Heard.CLOSED):
            return PathSegment(ttl=hop.ttl, payload=run.payload, evidence=(run.id,))
    return None


def _first_difference(run: HopsObservation, harmless: HopsObservation) -> PathSegment | None:
    expired = {hop.ttl for hop in harmless.hops if hop.heard is Heard.TIME_EXCEEDED}
    # A server further away than this TTL cannot have seen the payload.
    beyond = max(expired, default=0)
    for hop in sorted(run.hops, key=lambda hop: hop.ttl):
        if hop.heard in MADE_ON_PATH:
            if hop.ttl in expired and hop.ttl <= beyond:
                return PathSegment(ttl=hop.ttl, payload=run.payload, evidence=(run.id, harmless.id))
            return None
    return None


def stops_at_home(runs: Sequence[HopsObservation]) -> Evidence:
    """Return the runs in which packets for the target die, or are turned away, before the first router while
    others pass it.

    A local firewall does that; a provider cannot.
    """
    stopped = [r for r in runs if r.purpose is Purpose.TARGET and (_never_heard(r) or _turned_away(r))]
    passing = [r for r in runs if r.purpose is not Purpose.TARGET and _first(r) is Heard.TIME_EXCEEDED]
    pairs = [
        (r, other)
        for r in stopped
        for other in passing
        if r.payload is other.payload and is_ipv6(r.endpoint) is is_ipv6(other.endpoint)
    ]
    return tuple(dict.fromkeys(id_ for r, other in pairs for id_ in (r.id, other.id)))


def passes_first_router(runs: Sequence[HopsObservation]) -> bool:
    """Say whether a payload for the target was seen to leave the house."""
    return any(_first(r) is Heard.TIME_EXCEEDED for r in runs if r.purpose is Purpose.TARGET)


def _first(run: HopsObservation) -> Heard | None:
    return next((hop.heard for hop in run.hops if hop.ttl == 1), None)


def _never_heard(run: HopsObservation) -> bool:
    return _first(run) is Heard.SILENCE and all(hop.heard is Heard.SILENCE for hop in run.hops)


def _turned_away(run: HopsObservation) -> bool:
    """A SYN that may not even pass the first router is rejected, and so is each that may go further."""
    rejected = run.payload is Payload.SYN and _first(run) in REJECTED
    return rejected and all(hop.heard in REJECTED for hop in run.hops)
