"""Measured through a SOCKS proxy: what the proxy itself may have done accuses nobody."""

from dataclasses import replace

import pytest

from observatory.model import State
from probes.records import (
    PROXY_FAILURES,
    Failure,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    QuicObservation,
    TcpObservation,
    TlsObservation,
)
from tests.observatory.analysis.judging.builder import (
    Change,
    changed,
    data_centre,
    drop,
    harmless,
    host,
    judge,
    tcp_fails,
    tls_fails,
    with_more,
)

RESET = Failure.CONNECTION_RESET
BLOCKED = (State.BLOCKED, State.LIKELY_BLOCKED)


def through_proxy(measured: Measurement) -> Measurement:
    return replace(changed(measured, drop(QuicObservation)), via="socks5: 127.0.0.1:1080")


def plain_fails(o: TcpObservation | HttpObservation) -> TcpObservation | HttpObservation:
    cut_off = isinstance(o, HttpObservation) and not o.over_tls
    return replace(o, failure=RESET, status=None, headers=(), body=b"") if cut_off else o


def mute(*transports: str) -> Change:
    def change(o: MtprotoObservation) -> MtprotoObservation:
        fails = isinstance(o, MtprotoObservation) and o.transport in transports
        return replace(o, failure=RESET, nonce_echoed=False, fingerprints=()) if fails else o

    return change


@pytest.mark.parametrize("failure", sorted(PROXY_FAILURES))
def test_what_a_proxy_says_of_itself_is_never_a_block(failure: Failure) -> None:
    for measured in (host(), data_centre()):
        verdict = judge(through_proxy(changed(measured, tcp_fails(failure))))
        assert verdict.state is State.IMPAIRED and verdict.mechanism is None


@pytest.mark.parametrize(
    ("failure", "mechanism"),
    [
        (Failure.CONNECTION_REFUSED, "tcp.refused"),
        (Failure.HOST_UNREACHABLE, "ip.unreachable"),
        (Failure.NETWORK_UNREACHABLE, "ip.unreachable"),
        (Failure.TIMEOUT, "tcp.timeout"),
    ],
)
def test_what_it_says_of_the_far_end_counts(failure: Failure, mechanism: str) -> None:
    verdict = judge(through_proxy(changed(data_centre(), tcp_fails(failure))))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, mechanism)


def test_a_connection_that_ends_before_a_byte_may_have_ended_at_the_proxy() -> None:
    """Some report success before their own connect, and close when that fails."""
    cut_off = changed(host(), tls_fails(RESET), plain_fails)
    assert judge(through_proxy(cut_off)).state not in (*BLOCKED, State.OK)
    assert judge(cut_off).state is State.LIKELY_BLOCKED


def test_a_harmless_name_that_gets_through_shows_that_the_far_end_was_reached() -> None:
    filtered = with_more(changed(host(), tls_fails(RESET)), harmless())
    verdict = judge(through_proxy(filtered))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "tls.reset.sni")


def test_another_transport_that_gets_through_shows_it_too() -> None:
    one = judge(through_proxy(changed(data_centre(), mute("abridged"))))
    assert (one.state, one.mechanism) == (State.LIKELY_BLOCKED, "mtproto.reset")
    every = changed(data_centre(), mute("abridged", "obfuscated"))
    assert judge(through_proxy(every)).state not in (*BLOCKED, State.OK)
    assert judge(every).state is State.LIKELY_BLOCKED


def test_silence_counts_through_a_proxy() -> None:
    verdict = judge(through_proxy(changed(host(), tls_fails(Failure.TIMEOUT))))
    assert verdict.state is State.LIKELY_BLOCKED


def test_alerts_come_from_the_far_end() -> None:
    turned_down = with_more(changed(host(), tls_fails(Failure.SSL_HANDSHAKE)), harmless())
    assert any(isinstance(o, TlsObservation) for o in turned_down.observations)
    assert judge(through_proxy(turned_down)).mechanism == "tls.alert.sni"
