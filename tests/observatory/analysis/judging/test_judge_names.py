"""Names: silence over one transport, refusals in other words, forged and genuine addresses side by side."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from observatory.model import State, Verdict
from probes.records import AnyObservation, DnsAnswer, DnsObservation, Failure, Measurement, Resolver
from tests.observatory.analysis.judging.builder import answer, canary, changed, host, judge

LIKELY, BLOCKED, OK = State.LIKELY_BLOCKED, State.BLOCKED, State.OK
IMPAIRED, INSUFFICIENT, DOWN = State.IMPAIRED, State.INSUFFICIENT, State.DOWN
TIMEOUT = Failure.TIMEOUT
Expected = tuple[State, str | None]
Build = Callable[[], Measurement]
Change = Callable[[AnyObservation], AnyObservation]


def outcome(verdict: Verdict) -> Expected:
    return verdict.state, verdict.mechanism


def resolver_says(
    *answers: DnsAnswer, failure: Failure | None = None, over: tuple[str, ...] = ("udp", "tcp"), of: str = ""
) -> Change:
    """What the vantage's resolver gives over these transports, for questions of one type or of any."""

    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, DnsObservation) or o.resolver is not Resolver.VANTAGE:
            return o
        if o.transport not in over or (of and o.query_type != of):
            return o
        return replace(o, answers=answers, failure=failure)

    return change


SWALLOWED = resolver_says(failure=TIMEOUT, over=("udp",))


def over_tcp(failure: Failure) -> Change:
    return resolver_says(failure=failure, over=("tcp",))


SILENCES: list[tuple[str, Build, Build, Expected]] = [
    ("UDP swallowed, TCP genuine", lambda: changed(host(), SWALLOWED), canary, (LIKELY, "dns.timeout")),
    (
        "UDP swallowed, TCP closed",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.EOF)),
        canary,
        (LIKELY, "dns.timeout"),
    ),
    (
        "UDP swallowed, TCP reset",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.CONNECTION_RESET)),
        canary,
        (LIKELY, "dns.timeout"),
    ),
    (
        "UDP swallowed, TCP refused for every name",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.CONNECTION_REFUSED)),
        lambda: changed(canary(), over_tcp(Failure.CONNECTION_REFUSED)),
        (LIKELY, "dns.timeout"),
    ),
    (
        "UDP swallowed for every name, TCP genuine",
        lambda: changed(host(), SWALLOWED),
        lambda: changed(canary(), SWALLOWED),
        (OK, None),
    ),
    (
        "UDP swallowed for every name, TCP closed",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.EOF)),
        lambda: changed(canary(), SWALLOWED, over_tcp(Failure.EOF)),
        (INSUFFICIENT, None),
    ),
    (
        "one question lost over UDP, the other kind of address answered",
        lambda: changed(host(), resolver_says(failure=TIMEOUT, over=("udp",), of="A")),
        canary,
        (OK, None),
    ),
]


@pytest.mark.parametrize("row", SILENCES, ids=lambda row: str(row[0]))
def test_silence_over_udp_is_judged_by_the_canary_over_udp(row: tuple[str, Build, Build, Expected]) -> None:
    _, build, build_canary, expected = row
    verdict = judge(build(), canary_here=build_canary())
    assert outcome(verdict) == expected, verdict


def test_silence_heard_by_a_busy_prober_is_no_silence() -> None:
    assert judge(replace(changed(host(), SWALLOWED), lag_s=3.0)).state not in (LIKELY, BLOCKED)


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "NOTAUTH"])
def test_other_words_for_one_name_alone_are_refusals(rcode: str) -> None:
    refuses = resolver_says(answer(rcode=rcode), failure=Failure.DNS_BAD_REPLY)
    assert outcome(judge(changed(host(), refuses))) == (LIKELY, "dns.refused")
    for_all = judge(changed(host(), refuses), canary_here=changed(canary(), refuses))
    assert for_all.state is INSUFFICIENT
