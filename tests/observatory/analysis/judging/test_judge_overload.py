"""Overload takes away silences and rates, never answers; a helper that failed takes away no artefact."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from observatory.model import State, Verdict
from probes.records import (
    AnyObservation,
    DnsObservation,
    Endpoint,
    Failure,
    HelperObservation,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    Purpose,
    Resolver,
    TargetKind,
    ThroughputObservation,
)
from tests.observatory.analysis.judging.builder import (
    BLOCK_PAGE,
    TELEGRAM,
    answer,
    changed,
    data_centre,
    harmless,
    host,
    judge,
    measurement,
    plain_page,
    quic_fails,
    resolves_to,
    tcp_fails,
    tls_fails,
    with_more,
)

OK, INSUFFICIENT, IMPAIRED = State.OK, State.INSUFFICIENT, State.IMPAIRED
LIKELY, BLOCKED = State.LIKELY_BLOCKED, State.BLOCKED
TIMEOUT, RESET = Failure.TIMEOUT, Failure.CONNECTION_RESET
Build = Callable[[], Measurement]


def busy(measured: Measurement) -> Measurement:
    return replace(measured, lag_s=1.2)


def outcome(verdict: Verdict) -> tuple[State, str | None]:
    return verdict.state, verdict.mechanism


def mute(o: AnyObservation) -> AnyObservation:
    if isinstance(o, MtprotoObservation) and o.endpoint.port == 443:
        return replace(o, failure=TIMEOUT, nonce_echoed=False, fingerprints=())
    return o


def udp_lost(o: AnyObservation) -> AnyObservation:
    lost = isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE and o.transport == "udp"
    return replace(o, answers=(), failure=TIMEOUT) if lost else o


def page_lost(o: AnyObservation) -> AnyObservation:
    if isinstance(o, HttpObservation) and o.over_tls:
        return replace(o, failure=TIMEOUT, status=None, body=b"", received_bytes=0, first_byte_s=None)
    return o


def slow(measured: Measurement) -> Measurement:
    """The page itself too; the canary's is fast."""

    def crawl(o: AnyObservation) -> AnyObservation:
        over_tls = isinstance(o, HttpObservation) and o.over_tls
        return replace(o, duration_s=9.0, first_byte_s=0.1) if over_tls else o

    transfer = ThroughputObservation(
        id="t1",
        started_s=1.0,
        duration_s=9.0,
        endpoint=Endpoint(address=TELEGRAM, port=443),
        server_name="t.me",
        received_bytes=30_000,
        transfer_s=9.0,
    )
    other = replace(
        transfer, id="t2", purpose=Purpose.HARMLESS_NAME, server_name="example.com", transfer_s=0.05
    )
    return with_more(changed(measured, crawl), transfer, other)


SILENCES: list[tuple[str, Build, State]] = [
    ("address swallowed", lambda: changed(host(), tcp_fails(TIMEOUT), quic_fails), LIKELY),
    ("name swallowed", lambda: with_more(changed(host(), tls_fails(TIMEOUT)), harmless()), LIKELY),
    ("page swallowed", lambda: changed(host(), page_lost), LIKELY),
    ("questions swallowed over UDP", lambda: changed(host(), udp_lost), LIKELY),
    (
        "Host swallowed on port 80",
        lambda: changed(host(), plain_page(failure=TIMEOUT, status=None, headers=(), body=b"")),
        LIKELY,
    ),
    ("name slow", lambda: slow(host()), IMPAIRED),
    ("data centre swallowed", lambda: changed(data_centre(), tcp_fails(TIMEOUT)), LIKELY),
    ("one port of a data centre swallowed", lambda: changed(data_centre(), tcp_fails(TIMEOUT, 443)), LIKELY),
    ("the app's protocol swallowed on one port", lambda: changed(data_centre(), mute), LIKELY),
]


@pytest.mark.parametrize("row", SILENCES, ids=lambda row: str(row[0]))
def test_silence_heard_by_a_busy_prober_is_neither_a_block_nor_fine(row: tuple[str, Build, State]) -> None:
    _, build, calm = row
    assert judge(build()).state is calm
    verdict = judge(busy(build()))
    assert (verdict.state, verdict.rule_id) == (INSUFFICIENT, "guard.prober_overloaded")


ANSWERS: list[tuple[str, Build]] = [
    ("a router rejects the address", lambda: changed(host(), tcp_fails(Failure.HOST_UNREACHABLE))),
    ("a data centre refuses", lambda: changed(data_centre(), tcp_fails(Failure.CONNECTION_REFUSED))),
    ("name reset", lambda: with_more(changed(host(), tls_fails(RESET)), harmless())),
    (
        "name denied",
        lambda: changed(host(), resolves_to(answer(rcode="NXDOMAIN"), failure=Failure.DNS_NXDOMAIN)),
    ),
    (
        "block page in DNS",
        lambda: changed(host(), resolves_to(answer(BLOCK_PAGE), resolver=Resolver.VANTAGE)),
    ),
    ("nothing wrong", host),
    ("nothing wrong at a data centre", data_centre),
]


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: str(row[0]))
def test_what_a_busy_prober_did_hear_stands(row: tuple[str, Build]) -> None:
    _, build = row
    assert outcome(judge(busy(build()))) == outcome(judge(build()))


def test_answers_beside_silences_stand() -> None:
    def some_silent(o: AnyObservation) -> AnyObservation:
        return replace(o, id=f"{o.id}-again", attempt=2, failure=TIMEOUT)

    rejected = changed(host(), tcp_fails(Failure.HOST_UNREACHABLE))
    again = [some_silent(o) for o in rejected.observations if o.failure is Failure.HOST_UNREACHABLE]
    verdict = judge(busy(with_more(rejected, *again)))
    assert outcome(verdict) == (LIKELY, "ip.unreachable")


def test_a_dead_port_that_answered_is_counted_without_a_control_too() -> None:
    here = busy(changed(data_centre(), tcp_fails(Failure.HOST_UNREACHABLE, 443)))
    verdict = judge(here, without_control=True)
    assert verdict.state is not OK


# --- offline means that nothing answered


def failed_helper() -> Measurement:
    exchange = HelperObservation(
        id="o1", started_s=0, duration_s=0, failure=RESET, url="https://helper.example/"
    )
    return measurement([exchange], target="helper.example", kind=TargetKind.CANARY)


NOTICE = b"<html><title>Internet Positif</title>Mohon maaf, akses ke situs ini diblokir</html>"
ARTEFACTS: list[tuple[str, Build, str]] = [
    (
        "a known notice on port 80",
        lambda: changed(
            host(), tls_fails(RESET), quic_fails, plain_page(status=200, headers=(), body=NOTICE)
        ),
        "http.blockpage",
    ),
    (
        "led to a known notice",
        lambda: changed(
            host(),
            tls_fails(TIMEOUT),
            quic_fails,
            plain_page(status=302, headers=(("Location", "http://internet-positif.org/"),)),
        ),
        "http.redirect",
    ),
    (
        "a block page in DNS",
        lambda: changed(
            host(),
            resolves_to(answer(BLOCK_PAGE), resolver=Resolver.VANTAGE),
            tcp_fails(TIMEOUT),
            quic_fails,
        ),
        "dns.injection.blockpage",
    ),
]


@pytest.mark.parametrize("row", ARTEFACTS, ids=lambda row: str(row[0]))
@pytest.mark.parametrize("without_control", [True, False])
def test_an_artefact_speaks_where_the_helper_failed(
    row: tuple[str, Build, str], without_control: bool
) -> None:
    _, build, mechanism = row
    verdict = judge(build(), canary_here=failed_helper(), without_control=without_control)
    assert outcome(verdict) == (BLOCKED, mechanism)


def test_a_comparison_does_not_speak_where_the_helper_failed() -> None:
    verdict = judge(changed(host(), tls_fails(RESET), quic_fails), canary_here=failed_helper())
    assert (verdict.state, verdict.rule_id) == (INSUFFICIENT, "guard.vantage_impaired")


def test_offline_is_where_nothing_answered_at_all() -> None:
    silent = changed(host(), resolves_to(failure=TIMEOUT, everywhere=True), tcp_fails(TIMEOUT), quic_fails)
    verdict = judge(silent, canary_here=failed_helper())
    assert (verdict.state, verdict.rule_id) == (INSUFFICIENT, "guard.vantage_offline")
