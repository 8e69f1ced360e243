"""A line that is lost in the middle of a round: the canary, asked again at its end, is gone too."""

import pytest

from observatory.model import State, Verdict
from probes.records import Failure, HelperObservation, Measurement
from tests.observatory.analysis.judging.builder import (
    BLOCK_PAGE,
    answer,
    canary,
    changed,
    data_centre,
    harmless,
    host,
    judge,
    resolves_to,
    tcp_fails,
    tls_fails,
    with_more,
)

SILENCE, RESET = Failure.TIMEOUT, Failure.CONNECTION_RESET


def again(*outcomes: Failure | None, url: str = "https://example.com/") -> Measurement:
    """The canary of the round, and how it fared when it was asked again."""
    return with_more(
        canary(),
        *(
            HelperObservation(id=f"h{n}", started_s=9.0, duration_s=0.1, failure=failure, url=url)
            for n, failure in enumerate(outcomes)
        ),
    )


def judged(measured: Measurement, *outcomes: Failure | None) -> Verdict:
    return judge(measured, canary_here=again(*outcomes))


FILTERED = {
    "reset": changed(host(), tls_fails(RESET)),
    "swallowed": changed(host(), tls_fails(SILENCE)),
    "by name": with_more(changed(host(), tls_fails(RESET)), harmless()),
    "address": changed(host(), tcp_fails(SILENCE)),
    "app": changed(data_centre(), tcp_fails(SILENCE)),
}


@pytest.mark.parametrize("how", FILTERED)
def test_what_broke_off_shows_nothing_where_the_canary_is_gone_too(how: str) -> None:
    verdict = judged(FILTERED[how], SILENCE, SILENCE)
    assert (verdict.state, verdict.rule_id) == (State.INSUFFICIENT, "guard.line_lost")


@pytest.mark.parametrize("how", FILTERED)
@pytest.mark.parametrize("outcomes", [(), (None,), (SILENCE, None)])
def test_a_canary_that_still_answers_takes_nothing_away(how: str, outcomes: tuple[Failure | None]) -> None:
    assert judged(FILTERED[how], *outcomes).state is State.LIKELY_BLOCKED


def test_an_artefact_stays_one() -> None:
    forged = changed(host(), resolves_to(answer(BLOCK_PAGE)))
    assert judged(forged, SILENCE, SILENCE).state is State.BLOCKED


def test_an_answer_stays_one() -> None:
    denied = changed(host(), resolves_to(answer(rcode="NXDOMAIN"), failure=Failure.DNS_NXDOMAIN))
    verdict = judged(denied, SILENCE, SILENCE)
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "dns.nxdomain")


def test_what_was_proved_stays_ok() -> None:
    assert judged(host(), SILENCE, SILENCE).state is State.OK


def test_another_helper_that_failed_is_no_sign() -> None:
    elsewhere = again(SILENCE, url="https://helper.example/")
    assert judge(FILTERED["reset"], canary_here=elsewhere).state is State.LIKELY_BLOCKED
