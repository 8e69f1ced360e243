"""Lines held to a rate, by name and by address, as they are measured below TLS."""

from dataclasses import replace

import pytest

from observatory.model import State
from probes.records import (
    AnyObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Measurement,
    Purpose,
    ThroughputObservation,
)
from tests.observatory.analysis.judging.builder import (
    TELEGRAM,
    Change,
    canary,
    changed,
    host,
    judge,
    with_more,
)

FAST_KBIT = 20_000


def page_at(kbit: int, n_bytes: int) -> Change:
    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, HttpObservation) or not o.over_tls:
            return o
        # Above TLS the body seems to have come at once, with its last record.
        return replace(
            o,
            received_bytes=n_bytes,
            first_byte_s=o.duration_s,
            rated_bytes=n_bytes,
            rated_s=8 * n_bytes / (1000 * kbit),
        )

    return change


def transfer(kbit: int, n_bytes: int, purpose: Purpose) -> ThroughputObservation:
    return ThroughputObservation(
        id=f"o{70 + (purpose is Purpose.TARGET)}",
        started_s=1.0,
        duration_s=1.0,
        endpoint=Endpoint(address=TELEGRAM, port=443),
        server_name="t.me",
        purpose=purpose,
        received_bytes=n_bytes,
        transfer_s=0.001,
        rated_bytes=n_bytes,
        rated_s=8 * n_bytes / (1000 * kbit),
    )


def measured_at(kbit: int, harmless_kbit: int, n_bytes: int) -> Measurement:
    return with_more(
        changed(host(), page_at(kbit, n_bytes)),
        transfer(kbit, n_bytes, Purpose.TARGET),
        transfer(harmless_kbit, n_bytes, Purpose.HARMLESS_NAME),
    )


@pytest.mark.parametrize("n_bytes", [4_096, 12_000, 1_000_000])
@pytest.mark.parametrize("kbit", [64, 128, 256, 512, 560])
@pytest.mark.parametrize(
    ("harmless_kbit", "mechanism"), [(FAST_KBIT, "tls.throttle.sni"), (None, "ip.throttle")]
)
def test_held_to_a_rate(harmless_kbit: int | None, mechanism: str, kbit: int, n_bytes: int) -> None:
    measured = measured_at(kbit, harmless_kbit or kbit, n_bytes)
    fast = page_at(FAST_KBIT, n_bytes)
    verdict = judge(measured, control=changed(host("control"), fast), canary_here=changed(canary(), fast))
    assert (verdict.state, verdict.mechanism) == (State.IMPAIRED, mechanism)


@pytest.mark.parametrize("kbit", [64, 512])
@pytest.mark.parametrize("harmless", [None, 300], ids=["turned down", "a page of a few bytes"])
def test_where_the_harmless_name_tells_nothing_the_name_is_not_accused(
    harmless: int | None, kbit: int
) -> None:
    few = () if harmless is None else (transfer(FAST_KBIT, harmless, Purpose.HARMLESS_NAME),)
    slow = with_more(changed(host(), page_at(kbit, 12_000)), transfer(kbit, 12_000, Purpose.TARGET), *few)
    fast = page_at(FAST_KBIT, 12_000)
    verdict = judge(slow, control=changed(host("control"), fast), canary_here=changed(canary(), fast))
    assert (verdict.state, verdict.mechanism) == (State.IMPAIRED, "tls.throttle")


@pytest.mark.parametrize(("n_bytes", "state"), [(40_000, State.IMPAIRED), (5_000, State.OK)])
def test_a_page_alone_tells_where_it_flowed_slowly_for_seconds(n_bytes: int, state: State) -> None:
    """The second transfer did not even connect: it waited behind what the shaper still held of the page."""
    fast = page_at(FAST_KBIT, 40_000)
    verdict = judge(
        changed(host(), page_at(64, n_bytes)),
        control=changed(host("control"), fast),
        canary_here=changed(canary(), fast),
    )
    assert verdict.state is state


def test_a_harmless_transfer_that_broke_off_after_one_packet_was_not_fast() -> None:
    """Behind a shaper's full queue it starves; the name is not accused by that."""
    starved = replace(
        transfer(FAST_KBIT, 1_448, Purpose.HARMLESS_NAME),
        failure=Failure.TIMEOUT,
        duration_s=3.6,
        rated_s=0.0,
    )
    slow = with_more(changed(host(), page_at(64, 12_000)), transfer(64, 12_000, Purpose.TARGET), starved)
    fast = page_at(FAST_KBIT, 12_000)
    verdict = judge(slow, control=changed(host("control"), fast), canary_here=changed(canary(), fast))
    assert (verdict.state, verdict.mechanism) == (State.IMPAIRED, "ip.throttle")


def test_slow_here_and_no_control_has_a_rate() -> None:
    slow = measured_at(64, FAST_KBIT, 12_000)
    unrated = changed(host("control"), page_at(FAST_KBIT, 2_000))
    verdict = judge(slow, control=unrated, canary_here=changed(canary(), page_at(FAST_KBIT, 12_000)))
    assert (verdict.state, verdict.rule_id) == (State.IMPAIRED, "tcp.slow_uncompared")


@pytest.mark.parametrize("kbit", [64, 512])
def test_a_line_that_is_slow_for_everything_accuses_nobody(kbit: int) -> None:
    fast = page_at(FAST_KBIT, 12_000)
    measured = measured_at(kbit, kbit, 12_000)
    slow_canary = changed(canary(), page_at(2 * kbit, 12_000))
    verdict = judge(measured, control=changed(host("control"), fast), canary_here=slow_canary)
    assert verdict.state is State.OK


def test_a_body_too_small_to_tell_is_no_rate() -> None:
    fast = page_at(FAST_KBIT, 12_000)
    verdict = judge(changed(host(), page_at(64, 3_000)), canary_here=changed(canary(), fast))
    assert verdict.state is State.OK
