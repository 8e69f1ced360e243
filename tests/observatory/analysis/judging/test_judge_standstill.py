"""A prober that stood still for a second: only silences that it may have caused itself are taken away."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from observatory.model import State
from probes.records import (
    AnyObservation,
    DnsObservation,
    Endpoint,
    Failure,
    Measurement,
    QuicObservation,
    Resolver,
    TcpObservation,
    TlsObservation,
)
from tests.observatory.analysis.judging.builder import (
    answer,
    changed,
    harmless,
    host,
    judge,
    quic_fails,
    tls_fails,
    with_more,
)

SILENCE = Failure.TIMEOUT


def swallowed() -> Measurement:
    """The name is swallowed at two tries, a harmless one at the same address is not."""
    measured = with_more(changed(host(), tls_fails(SILENCE)), harmless())
    first = next(o for o in measured.observations if isinstance(o, TlsObservation))
    return replace(with_more(measured, replace(first, id="o91", attempt=2)), lag_s=1.2)


def stood_still_in(*ids: str) -> Callable[[AnyObservation], AnyObservation]:
    return lambda o: replace(o, lag_s=1.2) if o.id in ids else o


def tries(measured: Measurement) -> list[str]:
    return [o.id for o in measured.observations if isinstance(o, TlsObservation) and o.failure is SILENCE]


def test_a_try_after_it_counts() -> None:
    measured = swallowed()
    first, second = tries(measured)
    verdict = judge(changed(measured, stood_still_in(first)))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "tls.timeout.sni")
    assert judge(changed(measured, stood_still_in(first, second))).state is State.INSUFFICIENT


def test_in_another_step_it_takes_nothing_away() -> None:
    measured = swallowed()
    verdict = judge(changed(measured, stood_still_in(measured.observations[0].id)))
    assert verdict.state is State.LIKELY_BLOCKED


@pytest.mark.parametrize("lag_s", [0.0, 1.2])
def test_where_only_the_whole_measurement_tells_every_silence_is_taken_away(lag_s: float) -> None:
    measured = replace(swallowed(), lag_s=lag_s)
    assert judge(measured).state is (State.INSUFFICIENT if lag_s else State.LIKELY_BLOCKED)


STRANGER = Endpoint(address="45.64.1.9", port=443)


def led_to_nobody() -> Measurement:
    """The resolver's answer leads to an address where two connects hear nothing."""

    def forged(o: AnyObservation) -> AnyObservation:
        own = isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE
        return replace(o, answers=(answer(STRANGER.address),), failure=None) if own else o

    tries = (
        TcpObservation(id=id_, started_s=0.1, duration_s=2.5, failure=SILENCE, endpoint=STRANGER)
        for id_ in ("n1", "n2")
    )
    return replace(with_more(changed(host(), forged), *tries), lag_s=1.2)


def test_an_address_is_dead_by_a_connect_after_it() -> None:
    verdict = judge(changed(led_to_nobody(), stood_still_in("n1")))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "dns.injection.other")
    assert judge(changed(led_to_nobody(), stood_still_in("n1", "n2"))).state is State.INSUFFICIENT


def test_quic_swallowed_once_beside_a_try_in_it_shows_nothing() -> None:
    """A few datagrams of one try may be lost; over TCP the kernel sends again."""
    silent = replace(changed(host(), quic_fails), lag_s=1.2)
    first = next(o for o in silent.observations if isinstance(o, QuicObservation))
    measured = with_more(silent, replace(first, id="o91", attempt=2))
    assert judge(replace(measured, lag_s=0.0)).mechanism == "quic.timeout"
    assert judge(changed(measured, stood_still_in(first.id))).state is State.OK
