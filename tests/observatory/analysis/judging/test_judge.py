"""Situations and the verdict each must get. The same tables cross the emulated internet in the lab."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.facts import Facts
from observatory.analysis.judging.judge import ALL_RULES, judge_measurement
from observatory.model import State
from observatory.reference import load_reference
from probes.records import (
    AnyObservation,
    DnsObservation,
    Failure,
    HttpObservation,
    Measurement,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    TlsObservation,
)
from tests.observatory.analysis.judging.builder import (
    BLOCK_PAGE,
    BOGON,
    CANARY,
    TELEGRAM,
    TELEGRAM6,
    answer,
    canary,
    certificate,
    changed,
    data_centre,
    drop,
    harmless,
    host,
    judge,
    leaf,
    plain_page,
    quic_fails,
    resolves_to,
    tcp_fails,
    tls_fails,
    with_more,
)

NOTICE = b"<html><title>Internet Positif</title>Mohon maaf, akses ke situs ini diblokir</html>"
VANTAGE = Resolver.VANTAGE
Build = Callable[[], Measurement]

CENSORED: list[tuple[str, Build, State, str]] = [
    (
        "resolver names a block page",
        lambda: changed(host(), resolves_to(answer(BLOCK_PAGE), resolver=VANTAGE)),
        State.BLOCKED,
        "dns.injection.blockpage",
    ),
    (
        "every resolver names a block page and no address is known",
        lambda: changed(host(), resolves_to(answer(BLOCK_PAGE)), tcp_fails(Failure.TIMEOUT)),
        State.BLOCKED,
        "dns.injection.blockpage",
    ),
    (
        "a forged answer wins the race",
        lambda: changed(host(), resolves_to(answer(BLOCK_PAGE), answer(TELEGRAM, arrived_s=0.03))),
        State.BLOCKED,
        "dns.injection.blockpage",
    ),
    (
        "a forged NXDOMAIN wins the race",
        lambda: changed(host(), resolves_to(answer(rcode="NXDOMAIN"), answer(TELEGRAM, arrived_s=0.03))),
        State.BLOCKED,
        "dns.injection.other",
    ),
    (
        "resolver answers with a private address",
        lambda: changed(host(), resolves_to(answer(BOGON), resolver=VANTAGE)),
        State.BLOCKED,
        "dns.injection.bogon",
    ),
    (
        "resolver denies the name",
        lambda: changed(
            host(), resolves_to(answer(rcode="NXDOMAIN"), resolver=VANTAGE, failure=Failure.DNS_NXDOMAIN)
        ),
        State.LIKELY_BLOCKED,
        "dns.nxdomain",
    ),
    (
        "resolver refuses the name",
        lambda: changed(
            host(), resolves_to(answer(rcode="REFUSED"), resolver=VANTAGE, failure=Failure.DNS_REFUSED)
        ),
        State.LIKELY_BLOCKED,
        "dns.refused",
    ),
    (
        "resolver swallows the name",
        lambda: changed(host(), resolves_to(resolver=VANTAGE, failure=Failure.TIMEOUT)),
        State.LIKELY_BLOCKED,
        "dns.timeout",
    ),
    (
        "name reset, harmless name works",
        lambda: with_more(changed(host(), tls_fails(Failure.CONNECTION_RESET)), harmless()),
        State.LIKELY_BLOCKED,
        "tls.reset.sni",
    ),
    (
        "name swallowed, harmless name works",
        lambda: with_more(changed(host(), tls_fails(Failure.TIMEOUT)), harmless()),
        State.LIKELY_BLOCKED,
        "tls.timeout.sni",
    ),
    (
        "every name reset at the address",
        lambda: with_more(
            changed(host(), tls_fails(Failure.CONNECTION_RESET)), harmless(Failure.CONNECTION_RESET)
        ),
        State.LIKELY_BLOCKED,
        "tls.reset.other",
    ),
    (
        "name reset, no harmless name tried",
        lambda: changed(host(), tls_fails(Failure.CONNECTION_RESET)),
        State.LIKELY_BLOCKED,
        "tls.reset",
    ),
    (
        "address swallowed",
        lambda: changed(host(), tcp_fails(Failure.TIMEOUT)),
        State.LIKELY_BLOCKED,
        "tcp.timeout",
    ),
    (
        "address rejected by a router",
        lambda: changed(host(), tcp_fails(Failure.HOST_UNREACHABLE)),
        State.LIKELY_BLOCKED,
        "ip.unreachable",
    ),
    (
        "address refused",
        lambda: changed(host(), tcp_fails(Failure.CONNECTION_REFUSED)),
        State.LIKELY_BLOCKED,
        "tcp.refused",
    ),
    (
        "port 80 serves a notice",
        lambda: changed(host(), plain_page(status=200, headers=(), body=NOTICE)),
        State.BLOCKED,
        "http.blockpage",
    ),
    (
        "port 80 leads to a notice",
        lambda: changed(
            host(), plain_page(status=302, headers=(("Location", "http://internet-positif.org/"),))
        ),
        State.BLOCKED,
        "http.redirect",
    ),
    (
        "port 80 leads to a stranger",
        lambda: changed(host(), plain_page(status=302, headers=(("Location", "http://stranger.example/"),))),
        State.LIKELY_BLOCKED,
        "http.redirect",
    ),
    (
        "middlebox certificate of an unknown authority",
        lambda: changed(
            host(),
            certificate(leaf("t.me", sha256="b" * 64, issuer="CN=Filter"), Failure.SSL_UNKNOWN_AUTHORITY),
        ),
        State.BLOCKED,
        "tls.mitm.unknown_ca",
    ),
    (
        "self-signed middlebox certificate",
        lambda: changed(
            host(),
            certificate(leaf("t.me", sha256="b" * 64, self_signed=True), Failure.SSL_UNKNOWN_AUTHORITY),
        ),
        State.BLOCKED,
        "tls.mitm.self_signed",
    ),
    ("QUIC swallowed", lambda: changed(host(), quic_fails), State.LIKELY_BLOCKED, "quic.timeout"),
    (
        "port 443 of a data centre swallowed",
        lambda: changed(data_centre(), tcp_fails(Failure.TIMEOUT, 443)),
        State.LIKELY_BLOCKED,
        "tcp.timeout",
    ),
]


@pytest.mark.parametrize(
    ("build", "state", "mechanism"), [row[1:] for row in CENSORED], ids=[row[0] for row in CENSORED]
)
def test_censorship_is_named(build: Build, state: State, mechanism: str) -> None:
    verdict = judge(build())
    assert (verdict.state, verdict.mechanism) == (state, mechanism), verdict


PARTLY = {"QUIC swallowed", "port 443 of a data centre swallowed", "port 80 serves a notice"}


@pytest.mark.parametrize("row", [row for row in CENSORED if row[0] in PARTLY], ids=lambda row: str(row[0]))
def test_what_still_works_another_way_is_said_to_be_partly_blocked(
    row: tuple[str, Build, State, str],
) -> None:
    assert judge(row[1]()).partial


def expired(measured: Measurement) -> Measurement:
    return changed(measured, certificate(leaf("t.me"), Failure.SSL_INVALID_CERTIFICATE, over_quic=True))


def proxied(measured: Measurement) -> Measurement:
    return changed(
        measured,
        certificate(leaf("any", sha256="c" * 64, issuer="CN=Company Proxy"), Failure.SSL_UNKNOWN_AUTHORITY),
        quic_fails,
    )


def retired(measured: Measurement) -> Measurement:
    denied = resolves_to(answer(rcode="NXDOMAIN"), failure=Failure.DNS_NXDOMAIN, everywhere=True)
    return changed(measured, denied)


def offline(measured: Measurement) -> Measurement:
    silent = resolves_to(failure=Failure.TIMEOUT, everywhere=True)
    return changed(measured, silent, tcp_fails(Failure.TIMEOUT), quic_fails)


def failed(measured: Measurement) -> Measurement:
    return changed(
        measured,
        resolves_to(failure=Failure.VANTAGE, everywhere=True),
        resolves_to(failure=Failure.VANTAGE, resolver=Resolver.SINK),
        tcp_fails(Failure.VANTAGE),
        drop(QuicObservation),
    )


def portal(measured: Measurement) -> Measurement:
    return changed(measured, plain_page(status=302, headers=(("Location", "http://login.hotel.example/"),)))


def without_udp(measured: Measurement) -> Measurement:
    def lose(o: AnyObservation) -> AnyObservation:
        lost = isinstance(o, DnsObservation) and o.transport == "udp"
        return replace(o, answers=(), failure=Failure.TIMEOUT) if lost else o

    return changed(measured, lose)


def unreachable(measured: Measurement) -> Measurement:
    return changed(measured, tcp_fails(Failure.TIMEOUT), quic_fails)


def stalled(
    measured: Measurement, *, handshake: bool = True, failure: Failure = Failure.TIMEOUT
) -> Measurement:
    def no_page(o: AnyObservation) -> AnyObservation:
        if isinstance(o, HttpObservation) and o.over_tls:
            return replace(o, failure=failure, status=None, body=b"", received_bytes=0, first_byte_s=None)
        return o

    return changed(measured, no_page) if handshake else changed(measured, tls_fails(failure), quic_fails)


def resolver_broken(measured: Measurement) -> Measurement:
    return changed(
        measured, resolves_to(answer(rcode="SERVFAIL"), resolver=VANTAGE, failure=Failure.DNS_SERVFAIL)
    )


@pytest.mark.parametrize(
    ("situation", "here", "canary_here", "control", "state"),
    [
        ("nothing wrong", host(), canary(), host("control"), State.OK),
        ("nothing wrong at a data centre", data_centre(), canary(), data_centre("control"), State.OK),
        ("origin down for everyone", unreachable(host()), canary(), unreachable(host("control")), State.DOWN),
        (
            "expired for everyone, its address filtered here",
            unreachable(host()),
            canary(),
            expired(host("control")),
            State.DOWN,
        ),
        ("expired for everyone", expired(host()), canary(), expired(host("control")), State.DOWN),
        ("retired everywhere", retired(host()), canary(), retired(host("control")), State.DOWN),
        (
            "retired everywhere, its old address filtered",
            unreachable(retired(host())),
            canary(),
            retired(host("control")),
            State.DOWN,
        ),
        (
            "stalls for everyone after the handshake, port 80 redirects",
            stalled(host()),
            canary(),
            stalled(host("control")),
            State.DOWN,
        ),
        (
            "stalls for everyone before the handshake, port 80 redirects",
            stalled(host(), handshake=False),
            canary(),
            stalled(host("control"), handshake=False),
            State.DOWN,
        ),
        (
            "breaks off for everyone after the handshake",
            stalled(host(), failure=Failure.CONNECTION_RESET),
            canary(),
            stalled(host("control"), failure=Failure.EOF),
            State.DOWN,
        ),
        ("vantage offline", offline(host()), offline(canary()), host("control"), State.INSUFFICIENT),
        (
            "vantage offline, data centre",
            changed(data_centre(), tcp_fails(Failure.TIMEOUT)),
            offline(canary()),
            data_centre("control"),
            State.INSUFFICIENT,
        ),
        ("proxy for everything", proxied(host()), proxied(canary()), host("control"), State.INSUFFICIENT),
        ("captive portal on port 80", portal(host()), portal(canary()), host("control"), State.OK),
        (
            "portal that refuses HTTPS to everyone",
            changed(portal(host()), tcp_fails(Failure.CONNECTION_REFUSED, 443), quic_fails),
            changed(portal(canary()), tcp_fails(Failure.CONNECTION_REFUSED, 443), quic_fails),
            host("control"),
            State.INSUFFICIENT,
        ),
        (
            "resolver broken for every name",
            resolver_broken(host()),
            resolver_broken(canary()),
            host("control"),
            State.INSUFFICIENT,
        ),
        (
            "portal that answers every name with its own address",
            changed(host(), resolves_to(answer(BOGON), resolver=VANTAGE)),
            changed(canary(), resolves_to(answer(BOGON), resolver=VANTAGE)),
            host("control"),
            State.INSUFFICIENT,
        ),
        (
            "rotation: another address that proves the name",
            host(address="203.0.114.7"),
            canary(),
            host("control"),
            State.OK,
        ),
        (
            "UDP lost for every name, TCP answers",
            without_udp(host()),
            without_udp(canary()),
            host("control"),
            State.OK,
        ),
        (
            "QUIC not offered anywhere",
            changed(host(), quic_fails),
            canary(),
            changed(host("control"), quic_fails),
            State.OK,
        ),
        (
            "UDP 443 closed for everything here",
            changed(host(), quic_fails),
            changed(canary(), quic_fails),
            host("control"),
            State.OK,
        ),
    ],
)
def test_what_is_no_censorship(
    situation: str, here: Measurement, canary_here: Measurement, control: Measurement, state: State
) -> None:
    verdict = judge(here, canary_here=canary_here, control=control)
    assert verdict.state is state, verdict


def test_without_a_control_a_name_that_nobody_here_resolves_may_be_retired() -> None:
    here = changed(retired(host()), drop(TcpObservation, TlsObservation, HttpObservation, QuicObservation))
    assert judge(here, without_control=True).rule_id == "dns.retired_clean"
    in_the_open = changed(here, lambda o: None if getattr(o, "transport", "") in ("dot", "doh") else o)
    assert judge(in_the_open, without_control=True).state is State.INSUFFICIENT


def test_without_a_control_a_strange_certificate_is_impaired_and_no_more() -> None:
    assert judge(proxied(host()), without_control=True).state is State.IMPAIRED


def test_without_a_control_a_dead_address_is_impaired_and_no_more() -> None:
    verdict = judge(unreachable(host()), without_control=True)
    assert (verdict.state, verdict.rule_id) == (State.IMPAIRED, "tcp.uncompared")


def test_an_offline_control_controls_nothing() -> None:
    verdict = judge_measurement(
        unreachable(host()),
        canary(),
        [Control(offline(host("control")), offline(canary("control")))],
        reference=load_reference(),
    )
    assert (verdict.state, verdict.rule_id) == (State.IMPAIRED, "tcp.uncompared")


def test_a_control_vantage_is_its_own_control() -> None:
    here = unreachable(host("control"))
    assert judge(here, control=here).state is State.DOWN


@pytest.mark.parametrize(
    ("situation", "here", "canary_here", "rule_id"),
    [
        ("own device gone", failed(host()), failed(canary()), "guard.vantage_unavailable"),
        ("line dead", offline(host()), offline(canary()), "guard.vantage_offline"),
        ("nothing tried", replace(host(), observations=()), canary(), "guard.nothing_observed"),
        ("proxy for everything", proxied(host()), proxied(canary()), "guard.vantage_impaired"),
    ],
)
def test_guard_that_speaks(situation: str, here: Measurement, canary_here: Measurement, rule_id: str) -> None:
    assert judge(here, canary_here=canary_here).rule_id == rule_id


def test_overloaded_prober_claims_nothing() -> None:
    verdict = judge(replace(unreachable(host()), lag_s=3.0))
    assert (verdict.state, verdict.rule_id) == (State.INSUFFICIENT, "guard.prober_overloaded")


def test_overloaded_prober_that_missed_only_quic_sees_no_filter() -> None:
    assert judge(replace(changed(host(), quic_fails), lag_s=3.0)).state is State.OK


def test_overloaded_control_takes_nobody_down() -> None:
    verdict = judge(unreachable(host()), control=replace(unreachable(host("control")), lag_s=3.0))
    assert (verdict.state, verdict.rule_id) == (State.IMPAIRED, "tcp.uncompared")


def test_rule_ids_are_unique() -> None:
    ids = [rule.id for rule in ALL_RULES]
    assert len(ids) == len(set(ids))


def test_evidence_names_observations_of_the_measurement() -> None:
    for _, build, _, _ in CENSORED:
        measured = build()
        verdict = judge(measured)
        assert verdict.evidence and set(verdict.evidence) <= {o.id for o in measured.observations}


HEALTHY = [
    host(),
    data_centre(),
    host(address="203.0.114.7"),
    host(address=CANARY),
    host("isp", "t.me", TELEGRAM, TELEGRAM6),
    host("isp", "t.me", TELEGRAM6),
    changed(host(), resolves_to(answer(TELEGRAM), resolver=Resolver.SINK)),
]


@given(st.data())
def test_nothing_missing_doubled_or_reordered_turns_health_into_blocking(data: st.DataObject) -> None:
    """No order, duplicate, missing step or absent control makes a healthy measurement blocked."""
    healthy = data.draw(st.sampled_from(HEALTHY))
    kept = data.draw(st.lists(st.sampled_from(healthy.observations), max_size=40))
    control_kept = data.draw(st.lists(st.sampled_from(healthy.observations), max_size=20))
    canary_kept = data.draw(st.lists(st.sampled_from(canary().observations), max_size=10))
    verdict = judge(
        replace(healthy, observations=tuple(kept)),
        control=replace(healthy, vantage="control", observations=tuple(control_kept)),
        canary_here=replace(canary(), observations=tuple(canary_kept)),
        without_control=data.draw(st.booleans()),
        without_canary=data.draw(st.booleans()),
    )
    assert verdict.state not in (State.BLOCKED, State.LIKELY_BLOCKED), verdict


def test_a_page_that_only_this_vantage_point_waits_for_is_no_outage() -> None:
    verdict = judge(stalled(host()))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "http.timeout")


def _proves_health(measured: Measurement) -> bool:
    """The name leads to an address that proved itself, by certificate or nonce, and a page was answered; what
    has nothing over TLS is read as a measurement of plain HTTP, which rests on the control's page."""
    facts = Facts(measured)
    if measured.target_kind is TargetKind.DATA_CENTRE:
        return any(o.nonce_echoed for o in facts.mtproto)
    pages = [o for o in facts.http if o.status is not None]
    proved = facts.proved_addresses or {o.endpoint.address for o in facts.proved_pages}
    where = proved if facts.tried_tls else {o.endpoint.address for o in pages}
    return bool(where & facts.addresses(Resolver.VANTAGE)) and bool(pages)


@pytest.mark.parametrize("row", CENSORED, ids=lambda row: str(row[0]))
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_nothing_missing_turns_a_block_into_health_without_its_proof(
    row: tuple[str, Build, State, str], data: st.DataObject
) -> None:
    """Whatever was lost of a blocked measurement or of its control, ok needs the proof of health."""
    blocked = row[1]()
    kept = data.draw(st.lists(st.sampled_from(blocked.observations), unique_by=lambda o: o.id))
    here = replace(blocked, observations=tuple(o for o in blocked.observations if o in kept))
    control = host("control") if blocked.target_kind is TargetKind.HOST else data_centre("control")
    seen = data.draw(st.lists(st.sampled_from(control.observations), unique_by=lambda o: o.id))
    verdict = judge(
        here,
        control=replace(control, observations=tuple(o for o in control.observations if o in seen)),
        without_control=data.draw(st.booleans()),
    )
    assert verdict.state is not State.OK or _proves_health(here), verdict


@pytest.mark.parametrize("row", CENSORED, ids=lambda row: str(row[0]))
def test_no_single_observation_lost_turns_a_block_into_health_without_its_proof(
    row: tuple[str, Build, State, str],
) -> None:
    blocked = row[1]()
    for lost in blocked.observations:
        here = replace(blocked, observations=tuple(o for o in blocked.observations if o is not lost))
        verdict = judge(here)
        assert verdict.state is not State.OK or _proves_health(here), (lost, verdict)


def test_no_quic_is_no_fault() -> None:
    assert judge(changed(host(), drop(QuicObservation))).state is State.OK
