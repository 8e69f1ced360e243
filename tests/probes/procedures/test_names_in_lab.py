"""DNS across the emulated internet: who is asked, who answers, and where the answer was made."""

from collections.abc import Iterator

import pytest

from lab import world
from lab.control import LabControl
from observatory.model import Config, State
from probes.procedures.names import IDENTITY_NAME
from probes.records import DnsObservation, Failure, Measurement, Resolver, TcpObservation
from tests.in_lab import Results, measure

pytestmark = pytest.mark.lab

HOST = "web.telegram.org"  # its HTTPS record offers HTTP/3
TRUE = world.TELEGRAM_HOSTS[HOST]
TRUE_V6 = world.ADDRESSES_V6[HOST]
CLEAN, INJECTED, HIJACKED = "xl", "biznet", "gmedia"
AUTHENTICATED = (
    ("dot", "A", (TRUE,)),
    ("dot", "AAAA", (TRUE_V6,)),
    ("doh", "A", (TRUE,)),
)


@pytest.fixture(scope="module")
def played(lab: LabControl, config: Config) -> Iterator[Results]:
    lab.switch(INJECTED, "dns_injection", True)
    lab.switch(HIJACKED, "dns_hijack", True)
    results = measure(config, [CLEAN, INJECTED, HIJACKED], [HOST])
    lab.reset()
    yield results


def asked(measured: Measurement, resolver: Resolver, transport: str, query_type: str = "A") -> DnsObservation:
    """The one observation of a question, asked once."""
    (observation,) = (
        o
        for o in measured.observations
        if isinstance(o, DnsObservation)
        and (o.resolver, o.transport, o.query_type) == (resolver, transport, query_type)
        and o.name != IDENTITY_NAME
    )
    return observation


def answers_of(observation: DnsObservation) -> list[tuple[str, ...]]:
    return [answer.addresses for answer in observation.answers]


def connected(measured: Measurement) -> set[str]:
    return {o.endpoint.address for o in measured.observations if isinstance(o, TcpObservation)}


def identities(measured: Measurement) -> dict[Resolver, list[tuple[str, ...]]]:
    return {
        o.resolver: [answer.texts for answer in o.answers]
        for o in measured.observations
        if isinstance(o, DnsObservation) and o.name == IDENTITY_NAME
    }


@pytest.mark.parametrize("isp", [CLEAN, INJECTED, HIJACKED])
@pytest.mark.parametrize(("transport", "query_type", "addresses"), AUTHENTICATED)
def test_an_authenticated_answer_is_not_forged_on_the_path(
    transport: str, query_type: str, addresses: tuple[str, ...], isp: str, played: Results
) -> None:
    seen = asked(played[isp, HOST].measurement, Resolver.PUBLIC, transport, query_type)
    assert (seen.failure, answers_of(seen)) == (None, [addresses])
    assert seen.answers[0].server_id == "public-resolver"
    assert str(seen.server) == f"{world.PUBLIC_RESOLVER}:{853 if transport == 'dot' else 443}"


@pytest.mark.parametrize("isp", [CLEAN, INJECTED, HIJACKED])
def test_the_true_address_is_tested_whatever_was_forged(isp: str, played: Results) -> None:
    assert TRUE in connected(played[isp, HOST].measurement)


def test_a_clean_line(played: Results) -> None:
    measured = played[CLEAN, HOST].measurement
    for transport in ("udp", "tcp"):
        own = asked(measured, Resolver.VANTAGE, transport)
        assert (own.failure, answers_of(own)) == (None, [(TRUE,)])
        assert own.answers[0].server_id == CLEAN
        assert (own.answers[0].hop_limit is not None) is (transport == "udp")
    assert answers_of(asked(measured, Resolver.VANTAGE, "udp", "AAAA")) == [(TRUE_V6,)]
    near = asked(measured, Resolver.VANTAGE, "udp").answers[0].hop_limit
    far = asked(measured, Resolver.PUBLIC, "udp").answers[0].hop_limit
    assert near is not None and far is not None and near > far
    assert connected(measured) == {TRUE, TRUE_V6}


def test_an_address_without_dns_does_not_answer(played: Results) -> None:
    sink = asked(played[CLEAN, HOST].measurement, Resolver.SINK, "udp")
    assert sink.answers == ()
    assert sink.failure in (Failure.TIMEOUT, Failure.CONNECTION_REFUSED)
    assert sink.server.address == "149.154.167.99"


def test_https_records(played: Results) -> None:
    result = played[CLEAN, HOST]
    (target,) = asked(result.measurement, Resolver.PUBLIC, "dot", "HTTPS").answers
    (canary,) = asked(result.canary, Resolver.PUBLIC, "dot", "HTTPS").answers
    assert (target.alpn, target.ech) == (("h3",), False)
    assert (canary.alpn, canary.ech) == (("h3",), True)


def test_injection_forged_first_then_the_true_one(played: Results) -> None:
    measured = played[INJECTED, HOST].measurement
    notice = world.ISPS[INJECTED].notice_address
    for resolver in (Resolver.VANTAGE, Resolver.PUBLIC):
        forged, true = asked(measured, resolver, "udp").answers
        assert (forged.addresses, true.addresses) == ((notice,), (TRUE,))
        assert forged.arrived_s <= true.arrived_s
        assert (forged.server_id, bool(true.server_id)) == (None, True)
    sink = asked(measured, Resolver.SINK, "udp")
    assert answers_of(sink) == [(notice,)], "made on the path: no server there answers"


def test_hijack_one_resolver_answers_for_both(played: Results) -> None:
    result = played[HIJACKED, HOST]
    own = asked(result.measurement, Resolver.VANTAGE, "udp")
    public = asked(result.measurement, Resolver.PUBLIC, "udp")
    sink = asked(result.measurement, Resolver.SINK, "udp")
    assert answers_of(own) == answers_of(public) == answers_of(sink) != [(TRUE,)]
    assert {o.answers[0].server_id for o in (own, public, sink)} == {HIJACKED}
    resolver = world.ISPS[HIJACKED].resolver
    assert identities(result.canary) == {
        Resolver.VANTAGE: [(resolver,)],
        Resolver.PUBLIC: [(resolver,)],
    }


def test_who_the_resolvers_are_on_a_clean_line(played: Results) -> None:
    result = played[CLEAN, HOST]
    own = world.ISPS[CLEAN].resolver
    assert identities(result.canary) == {
        Resolver.VANTAGE: [(own,)],
        Resolver.PUBLIC: [(world.PUBLIC_RESOLVER,)],
    }
    assert identities(result.measurement) == {}, "asked once a round, with the canary"


def test_a_resolver_that_truncates_is_asked_over_tcp(lab: LabControl, config: Config) -> None:
    lab.switch(CLEAN, "resolver_truncates", True)
    try:
        result = measure(config, [CLEAN], [HOST])[CLEAN, HOST]
    finally:
        lab.reset()
    dns = [
        o
        for o in result.measurement.observations
        if isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE and o.name == HOST
    ]
    assert {o.failure for o in dns if o.transport == "udp"} == {Failure.DNS_TRUNCATED}
    assert {o.query_type: o.failure for o in dns if o.transport == "tcp"} == {"A": None, "AAAA": None}
    assert result.verdict.state is State.OK
