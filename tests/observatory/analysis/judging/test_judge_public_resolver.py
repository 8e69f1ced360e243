"""Answers forged on the way to a public resolver, while the network's own resolver is honest."""

import pytest

from observatory.model import State
from probes.records import AnyObservation, DnsAnswer, DnsObservation, Failure, Measurement, Resolver
from tests.observatory.analysis.judging.builder import (
    BLOCK_PAGE,
    BOGON,
    Change,
    answer,
    canary,
    changed,
    host,
    judge,
    resolves_to,
)

BLOCKED, LIKELY, OK = State.BLOCKED, State.LIKELY_BLOCKED, State.OK


def public(*answers: DnsAnswer, failure: Failure | None = None) -> Change:
    """What the public resolver seems to say over UDP, to the question for IPv4 addresses."""
    change = resolves_to(*answers, resolver=Resolver.PUBLIC, failure=failure)

    def of_a(o: AnyObservation) -> AnyObservation | None:
        return change(o) if isinstance(o, DnsObservation) and o.query_type == "A" else o

    return of_a


def without_authenticated(o: AnyObservation) -> AnyObservation | None:
    return None if isinstance(o, DnsObservation) and o.transport in ("dot", "doh") else o


DENIED = {
    Failure.DNS_NXDOMAIN: ("NXDOMAIN", "dns.nxdomain"),
    Failure.DNS_REFUSED: ("REFUSED", "dns.refused"),
    Failure.DNS_NO_ANSWER: ("NOERROR", "dns.no_answer"),
}


def denial(failure: Failure) -> Change:
    return public(answer(rcode=DENIED[failure][0]), failure=failure)


@pytest.mark.parametrize(
    ("address", "mechanism"),
    [(BLOCK_PAGE, "dns.injection.blockpage"), (BOGON, "dns.injection.bogon")],
)
def test_a_trace_of_a_filter_there_is_a_block_in_part(address: str, mechanism: str) -> None:
    verdict = judge(changed(host(), public(answer(address))))
    assert (verdict.state, verdict.mechanism, verdict.partial) == (BLOCKED, mechanism, True)


@pytest.mark.parametrize("failure", DENIED)
def test_a_denial_that_the_resolver_itself_contradicts_is_a_block_in_part(failure: Failure) -> None:
    verdict = judge(changed(host(), denial(failure)))
    assert (verdict.state, verdict.mechanism, verdict.partial) == (LIKELY, DENIED[failure][1], True)


@pytest.mark.parametrize("failure", DENIED)
def test_a_denial_that_the_resolver_itself_repeats_is_its_own_word(failure: Failure) -> None:
    here = changed(
        host(),
        resolves_to(
            answer(rcode=DENIED[failure][0]), resolver=Resolver.PUBLIC, failure=failure, everywhere=True
        ),
    )
    assert judge(here).state is OK


@pytest.mark.parametrize("failure", DENIED)
def test_without_an_authenticated_answer_a_denial_may_be_the_resolver_s_own(failure: Failure) -> None:
    assert judge(changed(host(), denial(failure), without_authenticated)).state is OK


def test_a_public_resolver_that_filters_for_those_who_want_it_accuses_nobody() -> None:
    here = changed(host(), public(answer("0.0.0.0")), without_authenticated)
    assert judge(here).state is OK


def _all_denied(measured: Measurement) -> Measurement:
    return changed(measured, denial(Failure.DNS_NXDOMAIN))


def test_a_line_on_which_the_canary_is_denied_there_too_filters_no_name() -> None:
    assert judge(_all_denied(host()), canary_here=_all_denied(canary())).state is OK


def test_a_resolver_s_failure_is_no_denial() -> None:
    here = changed(host(), public(answer(rcode="SERVFAIL"), failure=Failure.DNS_SERVFAIL))
    assert judge(here).state is OK
