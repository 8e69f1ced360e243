"""A redirect to another site is searched: a known notice there is the block, whatever the site is called."""

from typing import Any

import pytest

from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.model import Verdict
from tests.observatory.importers.ooni_documents import (
    BLOCK_PAGE,
    CLASSIC,
    NOTICE,
    TELEGRAM,
    changed,
    control,
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
    target: str = "http://t.me/",
    before: list[dict[str, Any]] | None = None,
) -> Verdict:
    """The target's port 80 leads to `place`, where `page` is; the helper ended at one of so many bytes."""
    name = target.removeprefix("http://").rstrip("/")
    helper = control(CLASSIC, name, (TELEGRAM,), ports=(80,))
    helper["http_request"]["body_length"] = helper_got
    document = changed(
        web(target, CLASSIC),
        queries=[query(CLASSIC, name, address)],
        requests=[
            request(CLASSIC, place, "192.0.2.7", body=page),
            *(before or []),
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
    ],
)
def test_what_is_no_block(situation: str, verdict: Verdict) -> None:
    assert verdict.state not in ("blocked", "likely_blocked"), situation


def test_a_redirect_from_a_forged_address_says_nothing_of_port_80() -> None:
    assert judged(address=BLOCK_PAGE).rule_id != "http.redirect.notice"
