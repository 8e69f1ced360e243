"""A redirect to another site is searched: a known notice there is the block, whatever the site is called."""

from typing import Any

import pytest

from observatory.cli.imports import judged_as_json
from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.model import LeadsTo, State, Verdict
from tests.observatory.importers.ooni_documents import (
    BLOCK_PAGE,
    CLASSIC,
    LTE,
    NOTICE,
    TELEGRAM,
    changed,
    connect,
    control,
    handshake,
    query,
    request,
    web,
)

LANDING = "http://landing.example/"
NEWS = "<html><title>News</title>" + "x" * 4000 + "</html>"


def judged(
    page: str = NOTICE,
    *,
    place: str = LANDING,
    address: str = TELEGRAM,
    helper_got: int = 12_000,
    title: str = "Telegram",
    target: str = "http://t.me/",
) -> Verdict:
    """The target's port 80 leads to `place`, where `page` is; the helper ended at one of so many bytes."""
    name = target.removeprefix("http://").rstrip("/")
    helper = control(CLASSIC, name, (TELEGRAM,), ports=(80,))
    helper["http_request"] |= {"body_length": helper_got, "title": title}
    document = changed(
        web(target, CLASSIC),
        queries=[query(CLASSIC, name, address)],
        requests=[
            request(CLASSIC, place, "192.0.2.7", body=page),
            request(CLASSIC, target, address, 302, "", headers={"Location": place}),
        ],
        control=helper,
    )
    return judge_imported(read_document(document)).verdict


def test_a_notice_where_the_redirect_leads_is_the_block() -> None:
    verdict = judged()
    assert (verdict.state, verdict.mechanism, verdict.rule_id) == (
        "blocked",
        "http.redirect",
        "http.redirect.notice",
    )


def test_a_notice_after_two_redirects() -> None:
    on_the_way = request(CLASSIC, "http://way.example/", "192.0.2.8", 302, "", headers={"Location": LANDING})
    first = request(CLASSIC, "http://t.me/", TELEGRAM, 302, "", headers={"Location": "http://way.example/"})
    document = changed(
        web("http://t.me/", CLASSIC),
        requests=[request(CLASSIC, LANDING, "192.0.2.7", body=NOTICE), on_the_way, first],
    )
    assert judge_imported(read_document(document)).verdict.mechanism == "http.redirect"


@pytest.mark.parametrize(
    ("situation", "verdict"),
    [
        ("a page without a notice", judged(NEWS)),
        ("the helper may have got the same page", judged(helper_got=len(NOTICE))),
        ("a site that leads to its own pages", judged(place="http://www.t.me/")),
        ("a site that leads below its name", judged(place="http://id.t.me/")),
        ("a site of Telegram's that is blocked itself", judged(place="http://telegram.org/")),
    ],
)
def test_what_is_no_block(situation: str, verdict: Verdict) -> None:
    assert verdict.state not in ("blocked", "likely_blocked"), situation


@pytest.mark.parametrize(
    ("situation", "verdict"),
    [
        ("the same title, nearly the same length", judged(NEWS, helper_got=4500, title="News")),
        ("no title to compare, the same length", judged("x" * 4000, helper_got=4010)),
    ],
)
def test_the_helper_was_led_to_the_same_page(situation: str, verdict: Verdict) -> None:
    assert (verdict.state, verdict.rule_id) == ("ok", "http.redirect.same_as_control"), situation


@pytest.mark.parametrize(
    ("situation", "verdict"),
    [
        ("another title", judged(NEWS, helper_got=len(NEWS))),
        ("another length", judged(NEWS, helper_got=12_000, title="News")),
        ("no title, nearly the same length", judged("x" * 4000, helper_got=4500)),
        ("the helper got nothing to compare", judged(NEWS, helper_got=-1, title="News")),
        ("a forged address", judged(NEWS, helper_got=len(NEWS), title="News", address=BLOCK_PAGE)),
    ],
)
def test_another_page_at_the_end_makes_nothing_ok(situation: str, verdict: Verdict) -> None:
    assert verdict.state != "ok", situation


def test_a_redirect_from_a_forged_address_says_nothing_of_port_80() -> None:
    assert judged(address=BLOCK_PAGE).rule_id != "http.redirect.notice"


BEYOND = "https://telegram.org/"


def leading_to_telegram_org(
    *answers: str, failure: str | None = None, shaken: str | None = None
) -> dict[str, Any]:
    """t.me works and leads to telegram.org, of which DNS says this, and TLS that."""
    moved = request(LTE, "https://t.me/", TELEGRAM, 302, "", headers={"Location": BEYOND})
    reached = [request(LTE, BEYOND, TELEGRAM, n=9, depth=1)] if shaken is None and not failure else []
    made = web()
    keys = made["test_keys"]
    return changed(
        made,
        queries=[*keys["queries"], query(LTE, "telegram.org", *answers, failure=failure)],
        tcp_connect=[*keys["tcp_connect"], *(connect(LTE, ip, 443, n=9) for ip in answers)],
        tls_handshakes=[
            *keys["tls_handshakes"],
            *(handshake(LTE, ip, "telegram.org", shaken, n=9) for ip in answers),
        ],
        requests=[*reached, moved],
    )


@pytest.mark.parametrize(
    ("situation", "document", "state", "mechanism"),
    [
        ("it works", leading_to_telegram_org(TELEGRAM), "ok", None),
        (
            "a block page's address",
            leading_to_telegram_org(BLOCK_PAGE, shaken="ssl_failed_handshake"),
            "blocked",
            "dns.injection.blockpage",
        ),
        ("its name is reset", leading_to_telegram_org(TELEGRAM, shaken="connection_reset"), "impaired", None),
        ("its name is denied", leading_to_telegram_org(failure="dns_nxdomain_error"), "insufficient", None),
    ],
)
def test_a_verdict_carries_what_a_visitor_meets(
    situation: str, document: dict[str, Any], state: str, mechanism: str | None
) -> None:
    judged = judge_imported(read_document(document))
    assert judged.verdict.state == "ok", situation
    assert judged.leads_to is not None
    assert judged.leads_to == LeadsTo(target="telegram.org", state=State(state), mechanism=mechanism), (
        situation
    )
    assert judged.verdict.leads_to == judged.leads_to
    line = judged_as_json(judged)
    assert line["state"] == "ok"
    assert line["leads_to"] == {"target": "telegram.org", "state": state, "mechanism": mechanism}


@pytest.mark.parametrize("document", [web(), web("http://t.me/"), web("http://t.me/", CLASSIC)])
def test_a_target_that_leads_nowhere_else_has_none(document: dict[str, Any]) -> None:
    judged = judge_imported(read_document(document))
    assert judged.leads_to is None
    assert "leads_to" not in judged_as_json(judged)
