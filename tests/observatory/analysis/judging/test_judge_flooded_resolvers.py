"""A resolver that drops or refuses what comes too fast: what the canary met beside a name's own retries."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from observatory.model import State, Verdict
from probes.records import AnyObservation, DnsObservation, Failure, Measurement, Resolver
from tests.observatory.analysis.judging.builder import (
    CANARY,
    RESOLVER,
    answer,
    canary,
    changed,
    host,
    judge,
    with_more,
)

SILENT, REFUSED, SERVFAIL = Failure.TIMEOUT, Failure.DNS_REFUSED, Failure.DNS_SERVFAIL
CALLED_BLOCKED = (State.LIKELY_BLOCKED, State.BLOCKED)
# What came of a question: its failure, None for the canary's true address.
Came = Failure | None


def fails(failure: Failure, *transports: str) -> Callable[[AnyObservation], AnyObservation]:
    """So the vantage's resolver fails over these transports, whatever type of address is asked for."""

    def change(o: AnyObservation) -> AnyObservation:
        asked = isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE
        return _came(o, failure) if asked and o.transport in (transports or ("udp", "tcp")) else o

    return change


def _came(o: DnsObservation, came: Came) -> DnsObservation:
    rcode = {REFUSED: "REFUSED", SERVFAIL: "SERVFAIL"}.get(came) if came else None
    heard = () if came is SILENT else (answer(rcode=rcode) if rcode else answer(CANARY),)
    return replace(o, failure=came, answers=heard)


def beside(*came: Came) -> tuple[DnsObservation, ...]:
    """Questions for the canary, from the second try on."""
    return tuple(
        _came(
            DnsObservation(
                id=f"b{attempt}",
                started_s=2.3 * attempt,
                duration_s=0.02,
                attempt=attempt,
                resolver=Resolver.VANTAGE,
                server=RESOLVER,
                transport="udp",
                name="example.com",
                query_type="A",
            ),
            one,
        )
        for attempt, one in enumerate(came, start=2)
    )


def verdict(measured: Measurement, came: Iterable[DnsObservation], **fields: Measurement) -> Verdict:
    return judge(with_more(measured, *came), **fields)


SWALLOWED = changed(host(), fails(SILENT))
TURNED_DOWN = changed(host(), fails(REFUSED))


@pytest.mark.parametrize("came", [(None, None), (None, SILENT), (SILENT, None)], ids=str)
def test_name_that_is_swallowed_while_the_canary_is_answered(came: tuple[Came, ...]) -> None:
    found = verdict(SWALLOWED, beside(*came))
    assert (found.state, found.mechanism) == (State.LIKELY_BLOCKED, "dns.timeout")


def test_name_that_meets_the_silence_that_the_canary_meets() -> None:
    found = verdict(SWALLOWED, beside(SILENT, SILENT))
    assert (found.state, found.rule_id) == (State.INSUFFICIENT, "dns.resolver_broken")
    over_udp = verdict(changed(host(), fails(SILENT, "udp")), beside(SILENT, SILENT))
    assert over_udp.state is State.OK, "over TCP its genuine address came"


def test_name_among_many_that_are_dropped_by_chance() -> None:
    """One question in four about the canary is answered, and one of them came beside the name's retries."""
    lossy = with_more(canary(), *beside(SILENT, SILENT, SILENT))
    assert verdict(SWALLOWED, beside(SILENT, None), canary_here=lossy).state not in CALLED_BLOCKED
    sound = canary()
    assert verdict(SWALLOWED, beside(SILENT, None), canary_here=sound).state is State.LIKELY_BLOCKED


def test_name_that_is_refused_while_the_canary_is_answered() -> None:
    found = verdict(TURNED_DOWN, beside(None, None))
    assert (found.state, found.mechanism) == (State.LIKELY_BLOCKED, "dns.refused")


@pytest.mark.parametrize("came", [(REFUSED, REFUSED), (None, REFUSED), (REFUSED, None)], ids=str)
def test_forwarder_whose_table_is_full_refuses_the_canary_too(came: tuple[Came, ...]) -> None:
    assert verdict(TURNED_DOWN, beside(*came)).state not in CALLED_BLOCKED


def test_forwarder_refused_the_canary_before() -> None:
    before = with_more(canary(), *beside(REFUSED))
    assert verdict(TURNED_DOWN, beside(None, None), canary_here=before).state not in CALLED_BLOCKED


def test_resolver_that_refuses_every_question_of_one_type_is_not_flooded() -> None:
    def refuse_aaaa(o: AnyObservation) -> AnyObservation:
        return fails(REFUSED)(o) if isinstance(o, DnsObservation) and o.query_type == "AAAA" else o

    only_ipv4 = changed(canary(), refuse_aaaa)
    assert verdict(TURNED_DOWN, beside(None, None), canary_here=only_ipv4).state is State.LIKELY_BLOCKED


def test_name_that_fails_while_the_canary_does() -> None:
    broken = changed(host(), fails(SERVFAIL))
    assert verdict(broken, beside(SERVFAIL)).state is State.INSUFFICIENT
    assert verdict(broken, beside(None)).mechanism == "dns.servfail"
