"""MTProto's documented transport errors: Telegram speaks, so nobody swallowed or forged the answer."""

from dataclasses import replace

import pytest

from observatory.analysis.judging.facts import Facts
from observatory.analysis.judging.rules.mtproto import proved_endpoints
from observatory.model import State
from probes.records import AnyObservation, Failure, MtprotoObservation
from tests.observatory.analysis.judging.builder import Change, changed, data_centre, judge, with_more


def mtproto(failure: Failure, *, port: int | None = None, transport_error: int | None = None) -> Change:
    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, MtprotoObservation) or port not in (None, o.endpoint.port):
            return o
        return replace(
            o, failure=failure, nonce_echoed=False, fingerprints=(), transport_error=transport_error
        )

    return change


ERROR = Failure.MTPROTO_TRANSPORT_ERROR


@pytest.mark.parametrize("code", [-404, -429, -444])
@pytest.mark.parametrize("port", [None, 443])
def test_an_error_of_telegrams_own_is_no_filter(code: int, port: int | None) -> None:
    """At every port, and at one of two, while the control gets its nonce back."""
    measured = changed(data_centre(), mtproto(ERROR, port=port, transport_error=code))
    verdict = judge(measured)
    assert verdict.state not in (State.BLOCKED, State.LIKELY_BLOCKED)
    assert (verdict.state is State.OK) is bool(proved_endpoints(Facts(measured)))


@pytest.mark.parametrize(
    ("failure", "mechanism"),
    [
        (Failure.CONNECTION_RESET, "mtproto.reset"),
        (Failure.TIMEOUT, "mtproto.timeout"),
        (Failure.MTPROTO_BAD_REPLY, "mtproto.garbage"),
    ],
)
def test_an_error_at_one_port_hides_no_filter_at_the_other(failure: Failure, mechanism: str) -> None:
    measured = changed(
        data_centre(), mtproto(failure, port=443), mtproto(ERROR, port=80, transport_error=-429)
    )
    verdict = judge(measured)
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, mechanism)


def test_the_same_error_in_the_words_of_http_is_no_filter_either() -> None:
    """Over HTTP the code is a status, which anybody could have sent; the other ways name Telegram."""
    errors = changed(data_centre(), mtproto(ERROR, transport_error=-429))
    first = next(o for o in errors.observations if isinstance(o, MtprotoObservation))
    over_http = replace(
        first, id="o90", transport="http", failure=Failure.MTPROTO_BAD_REPLY, transport_error=None
    )
    assert judge(with_more(errors, over_http)).state is State.IMPAIRED
