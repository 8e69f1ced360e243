"""Who answers at a data centre: Telegram's front, a stranger, a notice, nobody."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from observatory.model import State
from probes.records import Failure, HttpObservation, Measurement, TcpObservation
from tests.observatory.analysis.judging.builder import asked_over_http, changed, drop, front, judge

OK, IMPAIRED, INSUFFICIENT = State.OK, State.IMPAIRED, State.INSUFFICIENT
LIKELY, BLOCKED = State.LIKELY_BLOCKED, State.BLOCKED
Build = Callable[[], Measurement]


def leads_to(url: str) -> dict[str, Any]:
    return {"status": 302, "headers": (("Location", url),)}


def page(status: int, words: bytes = b"", server: str = "") -> dict[str, Any]:
    return {"status": status, "body": words, "headers": (("Server", server),) if server else ()}


def everywhere(answer: dict[str, Any]) -> Build:
    return lambda: asked_over_http(p443=answer, p80=answer)


AWAY = leads_to("http://notice.isp.example/")
NOTICE = page(200, b"<html><title>Internet Positif</title>Mohon maaf, akses ke situs ini diblokir</html>")
SILENT: dict[str, Any] = {"failure": Failure.TIMEOUT}

# What answers, then the verdict where a control hears the front, then where there is none.
SITUATIONS: list[tuple[str, Build, tuple[State, str | None], State]] = [
    ("the front", asked_over_http, (OK, None), OK),
    ("the front, of which only statuses were kept", everywhere({"status": 501}), (OK, None), OK),
    ("the front wants a length", everywhere(page(411, b"", "nginx")), (OK, None), OK),
    ("led away everywhere", everywhere(AWAY), (LIKELY, "http.redirect"), IMPAIRED),
    ("a text page", everywhere(page(200, b"Please log in")), (LIKELY, "mtproto.garbage"), IMPAIRED),
    ("a proxy's error", everywhere(page(403, b"", "squid/5.7")), (LIKELY, "mtproto.garbage"), IMPAIRED),
    (
        "a page of its own under the front's status",
        everywhere(page(404, b"<html><title>Oops</title>No such site</html>")),
        (LIKELY, "mtproto.garbage"),
        IMPAIRED,
    ),
    (
        "the front's status under another server's name",
        everywhere(page(501, b"", "squid/5.7")),
        (LIKELY, "mtproto.garbage"),
        IMPAIRED,
    ),
    ("a known notice", everywhere(NOTICE), (BLOCKED, "http.blockpage"), BLOCKED),
    (
        "led to a known notice",
        everywhere(leads_to("http://internet-positif.org/")),
        (BLOCKED, "http.redirect"),
        BLOCKED,
    ),
    ("a stranger on port 80 alone", lambda: asked_over_http(p80=AWAY), (IMPAIRED, None), IMPAIRED),
    ("the front on port 80 alone", lambda: asked_over_http(p443=AWAY), (IMPAIRED, None), IMPAIRED),
    (
        "port 443 is silent after the request",
        lambda: asked_over_http(p443=SILENT),
        (LIKELY, "mtproto.timeout"),
        IMPAIRED,
    ),
    ("silent everywhere", everywhere(SILENT), (LIKELY, "mtproto.timeout"), IMPAIRED),
    (
        "reset everywhere",
        everywhere({"failure": Failure.CONNECTION_RESET}),
        (LIKELY, "mtproto.reset"),
        IMPAIRED,
    ),
    (
        "port 443 was never asked",
        lambda: changed(
            asked_over_http(),
            lambda o: None if isinstance(o, HttpObservation) and o.endpoint.port == 443 else o,
        ),
        (INSUFFICIENT, None),
        INSUFFICIENT,
    ),
    (
        "nothing was asked",
        lambda: changed(asked_over_http(), drop(HttpObservation)),
        (INSUFFICIENT, None),
        INSUFFICIENT,
    ),
]


@pytest.mark.parametrize("row", SITUATIONS, ids=lambda row: str(row[0]))
def test_who_answers_at_a_data_centre(row: tuple[str, Build, tuple[State, str | None], State]) -> None:
    _, build, compared, alone = row
    verdict = judge(build(), control=asked_over_http("control"))
    assert (verdict.state, verdict.mechanism) == compared, verdict
    assert judge(build(), without_control=True).state is alone


@pytest.mark.parametrize("answer", [AWAY, page(200, b"Please log in"), SILENT])
def test_what_a_control_hears_too_accuses_nobody(answer: dict[str, Any]) -> None:
    build = everywhere(answer)
    verdict = judge(build(), control=replace(build(), vantage="control"))
    assert verdict.state in (IMPAIRED, INSUFFICIENT, State.DOWN)


def test_a_notice_that_a_control_is_shown_too_accuses_nobody() -> None:
    notice = asked_over_http(p443={**front(), "body": NOTICE["body"]}, p80=NOTICE)
    assert judge(notice, control=replace(notice, vantage="control")).state is not BLOCKED


def test_a_request_whose_connect_is_on_no_record_is_the_record_of_it() -> None:
    refused = {"failure": Failure.CONNECTION_REFUSED}
    here = changed(asked_over_http(p443=refused, p80=refused), drop(TcpObservation))
    assert judge(here, without_control=True).state is IMPAIRED
