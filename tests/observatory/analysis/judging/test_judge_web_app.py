"""Fronts of the web app: the certificate holds and the page opens; what of the WebSocket through them?"""

from dataclasses import replace

import pytest

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import State, Verdict
from observatory.reference import load_reference
from probes.records import Endpoint, Failure, Measurement, MtprotoObservation
from tests.observatory.analysis.judging.builder import (
    CANARY6,
    TELEGRAM,
    TELEGRAM6,
    canary,
    changed,
    host,
    tls_fails,
    with_more,
)

FRONT = "venus.web.telegram.org"
BAD = Failure.MTPROTO_BAD_REPLY
DUAL = TELEGRAM, TELEGRAM6


def asked(address: str, failure: Failure | None = None, status: int | None = None) -> MtprotoObservation:
    return MtprotoObservation(
        id=f"w-{address}-{failure}",
        started_s=0.1,
        duration_s=0.1,
        failure=failure,
        endpoint=Endpoint(address=address, port=443),
        transport="websocket",
        server_name=FRONT,
        nonce_echoed=failure is None,
        status=status or (101 if failure is None else None),
    )


def front(*tries: MtprotoObservation, vantage: str = "isp", addresses: tuple[str, ...] = DUAL) -> Measurement:
    return with_more(host(vantage, FRONT, *addresses), *tries)


def judged(measured: Measurement, *controls: Measurement) -> Verdict:
    there = [Control(c, canary("control", CANARY6)) for c in controls]
    return judge_with(measured, canary("isp", CANARY6), *there)


def judge_with(measured: Measurement, canary_here: Measurement, *controls: Control) -> Verdict:
    return judge_measurement(measured, canary_here, controls, reference=load_reference())


HEALTHY = front(asked(TELEGRAM), asked(TELEGRAM6), vantage="control")
NOT_ASKED = front(vantage="control")
RETIRED = front(asked(TELEGRAM, BAD, 403), asked(TELEGRAM6, BAD, 403), vantage="control")


def test_a_front_that_answers_is_ok_and_its_page_still_speaks_for_it() -> None:
    verdict = judged(front(asked(TELEGRAM), asked(TELEGRAM6)), HEALTHY)
    assert (verdict.state, verdict.rule_id) == (State.OK, judged(front(), HEALTHY).rule_id)
    assert "mtproto.web_app.proved" in {f.rule_id for f in verdict.findings}


@pytest.mark.parametrize(
    ("failures", "mechanism"),
    [
        ([Failure.CONNECTION_RESET, Failure.EOF], "mtproto.reset"),
        ([Failure.TIMEOUT, Failure.TIMEOUT], "mtproto.timeout"),
        ([Failure.CONNECTION_RESET, Failure.TIMEOUT], None),
    ],
)
@pytest.mark.parametrize("families", [[TELEGRAM], [TELEGRAM6], list(DUAL)])
def test_one_that_is_cut_off_or_silent_here_alone_is_filtered_in_part(
    failures: list[Failure], mechanism: str | None, families: list[str]
) -> None:
    tries = [asked(a, f) for a in families for f in failures]
    tries += [asked(a) for a in DUAL if a not in families]
    verdict = judged(front(*tries), HEALTHY)
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, mechanism)
    assert verdict.partial
    assert set(verdict.evidence) == {o.id for o in tries if o.failure is not None}


def test_a_second_try_that_works_is_proof() -> None:
    tries = [asked(TELEGRAM, Failure.TIMEOUT), asked(TELEGRAM), asked(TELEGRAM6)]
    assert judged(front(*tries), HEALTHY).state is State.OK


@pytest.mark.parametrize("status", [200, 403, 429, 451, 503])
def test_what_the_proved_server_says_itself_is_no_filter(status: int) -> None:
    tries = [asked(a, BAD, status) for a in DUAL]
    assert judged(front(*tries), HEALTHY).state is State.IMPAIRED


def test_one_of_telegrams_own_transport_errors_is_no_filter() -> None:
    error = replace(asked(TELEGRAM, Failure.MTPROTO_TRANSPORT_ERROR, 101), transport_error=-429)
    assert judged(front(error, asked(TELEGRAM6)), HEALTHY).state is State.IMPAIRED


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.CONNECTION_RESET, BAD])
def test_a_front_that_no_control_gets_through_either_says_nothing_of_its_page(failure: Failure) -> None:
    verdict = judged(front(*(asked(a, failure) for a in DUAL)), RETIRED)
    assert verdict.state is State.OK
    assert "mtproto.web_app.unsettled" in {f.rule_id for f in verdict.findings}


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.CONNECTION_RESET, BAD])
@pytest.mark.parametrize("controls", [(), (NOT_ASKED,)])
def test_without_a_control_that_asked_it_is_impaired_and_no_more(
    failure: Failure, controls: tuple[Measurement, ...]
) -> None:
    verdict = judged(front(*(asked(a, failure) for a in DUAL)), *controls)
    assert verdict.state is State.IMPAIRED


def test_ipv6_counts_only_where_it_is_used() -> None:
    tries = [asked(TELEGRAM), asked(TELEGRAM6, Failure.TIMEOUT)]
    only_ipv4 = front(*tries, addresses=(TELEGRAM,))
    verdict = judge_with(only_ipv4, canary("isp"), Control(HEALTHY, canary("control")))
    assert verdict.state is State.OK


def test_a_control_that_failed_over_the_same_ip_version_is_none() -> None:
    half = front(asked(TELEGRAM), asked(TELEGRAM6, Failure.TIMEOUT), vantage="control")
    verdict = judged(front(asked(TELEGRAM), asked(TELEGRAM6, Failure.TIMEOUT)), half)
    assert verdict.state is State.OK


def test_a_peer_that_fails_as_well_clears_nobody() -> None:
    """Another network may be filtered in the same way: only a control's failure says that all fail."""
    tries = [asked(a, Failure.TIMEOUT) for a in DUAL]
    peer = Control(front(*tries, vantage="peer"), canary("peer"), peer=True)
    measured = front(*tries)
    assert judge_with(measured, canary("isp", CANARY6), peer).state is State.IMPAIRED


def test_a_name_that_is_reset_was_never_asked_and_stays_what_it_is() -> None:
    measured = changed(front(), tls_fails(Failure.CONNECTION_RESET))
    verdict = judged(measured, HEALTHY)
    assert verdict.mechanism is not None and verdict.mechanism.startswith("tls.reset")
