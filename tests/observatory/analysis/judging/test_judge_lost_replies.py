"""Queries over UDP that were lost, or whose answers were cut short, beside those that were answered."""

from dataclasses import replace

import pytest

from observatory.model import State
from probes.records import AnyObservation, DnsAnswer, DnsObservation, Failure, Measurement, Resolver
from tests.observatory.analysis.judging.builder import TELEGRAM, answer, changed, host, judge, with_more

NXDOMAIN = answer(rcode="NXDOMAIN")
CUT = replace(answer(), truncated=True)
LOST = (Failure.TIMEOUT, ())
DENIED = (Failure.DNS_NXDOMAIN, (NXDOMAIN,))
SENT_TO_TCP = (Failure.DNS_TRUNCATED, (CUT,))
Try = tuple[Failure | None, tuple[DnsAnswer, ...]]
TRUE: Try = (None, (answer(TELEGRAM),))


def tries(udp: tuple[Try, ...], tcp: Try) -> Measurement:
    """The vantage's resolver over UDP, try by try, and over TCP."""

    def first(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, DnsObservation) or o.resolver is not Resolver.VANTAGE or o.query_type != "A":
            return o
        failure, answers = udp[0] if o.transport == "udp" else tcp
        return replace(o, failure=failure, answers=answers)

    measured = changed(host(), first)
    again = next(
        o
        for o in measured.observations
        if isinstance(o, DnsObservation) and (o.transport, o.query_type) == ("udp", "A")
    )
    more = [
        replace(again, id=f"o{80 + n}", attempt=n, failure=failure, answers=answers)
        for n, (failure, answers) in enumerate(udp[1:], start=2)
    ]
    return with_more(measured, *more)


@pytest.mark.parametrize(
    ("situation", "udp", "tcp"),
    [
        ("nothing lost", (DENIED,), DENIED),
        ("one lost", (LOST, DENIED), DENIED),
        ("two lost", (LOST, LOST, DENIED), DENIED),
        ("TCP lost as well", (LOST, DENIED), LOST),
        ("sent on to TCP, and denied there", (SENT_TO_TCP,), DENIED),
        ("one broken off by a proxy", ((Failure.PROXY, ()), DENIED), DENIED),
        ("one that this machine could not send", ((Failure.VANTAGE, ()), DENIED), DENIED),
        ("one reset", ((Failure.CONNECTION_RESET, ()), DENIED), DENIED),
    ],
)
def test_a_lost_reply_hides_no_denial(situation: str, udp: tuple[Try, ...], tcp: Try) -> None:
    verdict = judge(tries(udp, tcp))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "dns.nxdomain")


@pytest.mark.parametrize(
    ("situation", "udp", "tcp"),
    [
        ("one lost", (LOST, TRUE), TRUE),
        ("cut short, whole over TCP", (SENT_TO_TCP,), TRUE),
        ("cut short, whole at the second try", (SENT_TO_TCP, TRUE), LOST),
        ("the cut and the whole answer to one query", ((None, (answer(TELEGRAM), CUT)),), TRUE),
    ],
)
def test_a_lost_reply_accuses_nobody(situation: str, udp: tuple[Try, ...], tcp: Try) -> None:
    assert judge(tries(udp, tcp)).state is State.OK


@pytest.mark.parametrize("tcp", [LOST, SENT_TO_TCP])
def test_answers_that_were_only_cut_short_are_no_denial(tcp: Try) -> None:
    verdict = judge(tries((SENT_TO_TCP,), tcp))
    assert verdict.state not in (State.BLOCKED, State.LIKELY_BLOCKED)
