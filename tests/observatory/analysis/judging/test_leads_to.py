"""An ok target whose redirect leads elsewhere: what a visitor meets there, and that the target stays ok."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.controls import judge_with_controls
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import LeadsTo, State, Verdict
from observatory.reference import load_reference
from probes.records import (
    AnyObservation,
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Measurement,
    Purpose,
    QuicObservation,
    TlsObservation,
)
from tests.observatory.analysis.judging import builder as b

OK, BLOCKED, INSUFFICIENT = State.OK, State.BLOCKED, State.INSUFFICIENT
NOTICE = b"<html><title>Internet Positif</title>Mohon maaf, akses ke situs ini diblokir</html>"
ELSEWHERE = "landing.example"


def led(host: str, *, over_tls: bool = True) -> b.Change:
    """The target's page redirects to a host: the one over TLS, or that of port 80."""

    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, HttpObservation) or o.over_tls is not over_tls:
            return o
        return replace(o, status=302, headers=(("Location", f"https://{host}/"),), body=b"", received_bytes=0)

    return change


def page_of(host: str, n: int = 0, *, over_tls: bool = False, **fields: Any) -> HttpObservation:
    """What the client was shown at another host."""
    shown: dict[str, Any] = {"status": 200, "body": b"news" * 900, "received_bytes": 3600, **fields}
    return HttpObservation(
        id=f"r{n}",
        started_s=0.5,
        duration_s=0.02,
        endpoint=Endpoint(address="192.0.2.7", port=443 if over_tls else 80),
        over_tls=over_tls,
        host=host,
        path="/",
        purpose=Purpose.REDIRECT,
        **shown,
    )


def notice_at(host: str, n: int = 0) -> HttpObservation:
    return page_of(host, n, body=NOTICE, received_bytes=len(NOTICE))


def on(to: str, n: int = 0) -> HttpObservation:
    return page_of(
        f"way{n}.example", n, status=302, headers=(("Location", f"http://{to}/"),), body=b"", received_bytes=0
    )


def proved(*more: AnyObservation, to: str = ELSEWHERE) -> Measurement:
    """t.me proves itself over TLS and redirects."""
    return b.with_more(b.changed(b.host(), led(to)), *more)


def plain(*more: AnyObservation, vantage: str = "isp", to: str = ELSEWHERE) -> Measurement:
    """Others' client asked for http://t.me/ alone and was redirected."""
    asked = b.changed(b.host(vantage), b.drop(TlsObservation, QuicObservation), led(to, over_tls=False))
    return b.with_more(b.changed(asked, without_port_443), *more)


def without_port_443(o: AnyObservation) -> AnyObservation | None:
    return None if not isinstance(o, DnsObservation) and o.endpoint.port == 443 else o


def meets(state: State, mechanism: str | None = None, target: str = ELSEWHERE) -> LeadsTo:
    return LeadsTo(target=target, state=state, mechanism=mechanism)


UNVERIFIED = TlsObservation(
    id="r9",
    started_s=0.4,
    duration_s=0.02,
    endpoint=Endpoint(address="192.0.2.7", port=443),
    server_name=ELSEWHERE,
    purpose=Purpose.REDIRECT,
    chain=(b.leaf("box.isp.example"),),
    certificate_failure=Failure.SSL_INVALID_HOSTNAME,
)

GENUINE: list[tuple[str, Measurement, LeadsTo | None]] = [
    ("it redirects nowhere", b.host(), None),
    ("to itself", proved(to="t.me"), None),
    ("to itself, spelt otherwise", proved(to="T.ME."), None),
    ("to what is no host", proved(to="\x1b[31m evil"), None),
    ("to a name too long", proved(to="a" * 254), None),
    ("nothing is recorded of the place", proved(), meets(INSUFFICIENT)),
    ("a page that nobody vouches for", proved(page_of(ELSEWHERE)), meets(INSUFFICIENT)),
    ("a page over TLS", proved(page_of(ELSEWHERE, over_tls=True)), meets(OK)),
    (
        "a page over TLS from somebody else",
        proved(page_of(ELSEWHERE, over_tls=True), UNVERIFIED),
        meets(INSUFFICIENT),
    ),
    ("a notice", proved(notice_at(ELSEWHERE)), meets(BLOCKED, "http.blockpage")),
    (
        "a notice at a site of Telegram's",
        proved(notice_at("telegram.org"), to="telegram.org"),
        meets(BLOCKED, "http.blockpage", "telegram.org"),
    ),
    (
        "a notice after two redirects",
        proved(on("way2.example", 1), on(ELSEWHERE, 2), notice_at(ELSEWHERE), to="way1.example"),
        meets(BLOCKED, "http.blockpage"),
    ),
    (
        "a forged redirect to a known notice, on the way",
        proved(on("internet-positif.org", 1), to="way1.example"),
        meets(BLOCKED, "http.redirect", "internet-positif.org"),
    ),
    (
        "its owner sends everybody to a place that is known for notices",
        proved(to="internet-positif.org"),
        meets(INSUFFICIENT, None, "internet-positif.org"),
    ),
    ("round in a circle", proved(on("way2.example", 1), on("way1.example", 2), to="way1.example"),
     meets(INSUFFICIENT, None, "way2.example")),
    ("back to itself", proved(on("t.me", 1), to="way1.example"), meets(INSUFFICIENT, None, "way1.example")),
]  # fmt: skip


@pytest.mark.parametrize("row", GENUINE, ids=lambda row: str(row[0]))
def test_a_proved_target_stays_ok_wherever_it_leads(
    row: tuple[str, Measurement, LeadsTo | None],
) -> None:
    _, measured, expected = row
    for verdict in (b.judge(measured), b.judge(measured, without_control=True)):
        assert (verdict.state, verdict.leads_to) == (OK, expected)


def test_a_page_for_those_who_ask_over_tls_is_what_a_visitor_gets() -> None:
    here = b.changed(b.host(), led(ELSEWHERE, over_tls=False))
    there = b.changed(b.host("control"), led(ELSEWHERE, over_tls=False))
    verdict = b.judge(here, control=there)
    assert (verdict.state, verdict.leads_to) == (OK, None)


def test_a_redirect_that_a_control_got_too_is_genuine_though_a_notice_stands_there() -> None:
    verdict = b.judge(plain(notice_at(ELSEWHERE)), control=plain(vantage="control"))
    assert (verdict.state, verdict.leads_to) == (OK, meets(BLOCKED, "http.blockpage"))


def test_a_redirect_that_the_proved_server_sends_too_is_genuine_without_any_control() -> None:
    both = b.changed(proved(), led(ELSEWHERE, over_tls=False))
    verdict = b.judge(b.with_more(both, notice_at(ELSEWHERE)), without_control=True)
    assert (verdict.state, verdict.leads_to) == (OK, meets(BLOCKED, "http.blockpage"))


@pytest.mark.parametrize(
    ("situation", "verdict"),
    [
        ("a control was told another place", b.judge(plain(notice_at(ELSEWHERE)))),
        (
            "a control was sent to a third place",
            b.judge(plain(notice_at(ELSEWHERE)), control=plain(vantage="control", to="telegram.org")),
        ),
        ("no control", b.judge(plain(notice_at(ELSEWHERE)), without_control=True)),
        ("no control and no canary", b.judge(plain(notice_at(ELSEWHERE)), without_control=True,
                                             without_canary=True)),
        (
            "the certificate holds, and port 80 leads to a notice all the same",
            b.judge(b.with_more(b.changed(b.host(), led(ELSEWHERE, over_tls=False)), notice_at(ELSEWHERE)),
                    without_control=True),
        ),
    ],
)  # fmt: skip
def test_a_forged_redirect_is_the_targets_own_block(situation: str, verdict: Verdict) -> None:
    assert (verdict.state, verdict.mechanism) == (BLOCKED, "http.redirect"), situation
    assert verdict.leads_to is None


def test_a_notice_that_a_control_may_have_got_accuses_nobody() -> None:
    there = b.with_more(b.changed(b.host("control"), led(ELSEWHERE)), notice_at(ELSEWHERE))
    assert b.judge(proved(notice_at(ELSEWHERE)), control=there).leads_to != meets(BLOCKED, "http.blockpage")


def test_a_page_that_a_control_ended_at_as_well_works() -> None:
    there = plain(page_of(ELSEWHERE), vantage="control")
    verdict = b.judge(plain(page_of(ELSEWHERE)), control=there)
    assert (verdict.state, verdict.leads_to) == (OK, meets(OK))


class OneRound:
    """The targets of one round, and what a control found of them."""

    def __init__(self, *measured: Measurement, open_: Sequence[str] = ()) -> None:
        self.all = {m.target: m for m in measured}
        self.open = open_

    def canary_of(self, measurement: Measurement) -> Measurement:
        return b.canary(measurement.vantage)

    def controls_of(self, measurement: Measurement) -> list[Control]:
        return [Control(b.host("control", measurement.target), b.canary("control"))]

    def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> list[Measurement]:
        return []

    def beside(self, measurement: Measurement, target: str) -> Measurement | None:
        return self.all.get(target)

    def is_provisional(self, measurement: Measurement, controls: Sequence[Control]) -> bool:
        return measurement.target in self.open


def judge_one(
    measurement: Measurement, canary: Measurement | None, controls: Sequence[Control], provisional: bool
) -> Verdict:
    return judge_measurement(
        measurement, canary, controls, reference=load_reference(), provisional=provisional
    )


def judge_round(*measured: Measurement, only: int | None = None, open_: Sequence[str] = ()) -> list[Verdict]:
    around = OneRound(*measured, open_=open_)
    wanted = measured[:only]
    verdicts = judge_with_controls(wanted, around, judge_one)
    assert set(verdicts) == {m.id for m in wanted}
    return [verdicts[m.id] for m in wanted]


def leading(name: str, to: str) -> Measurement:
    return b.changed(b.host(name=name), led(to))


RESET = b.changed(b.host(name="telegram.org"), b.tls_fails(Failure.CONNECTION_RESET))
FORGED = b.changed(b.host(name="telegram.org"), b.resolves_to(b.answer(b.BLOCK_PAGE)))


@pytest.mark.parametrize("beyond", [RESET, FORGED, b.host(name="telegram.org")])
@pytest.mark.parametrize("only", [1, None], ids=["judged alone", "judged with its round"])
def test_another_target_of_the_round_gives_state_and_mechanism(beyond: Measurement, only: int | None) -> None:
    alone = b.judge(beyond)
    first = judge_round(leading("t.me", "telegram.org"), beyond, only=only)[0]
    assert first.state is OK
    assert first.leads_to == meets(alone.state, alone.mechanism, "telegram.org")


def test_the_way_goes_on_to_the_first_that_is_not_ok() -> None:
    way = leading("telegram.me", "t.me"), leading("t.me", "telegram.org"), FORGED
    first, second, last = judge_round(*way)
    assert first.leads_to == second.leads_to == meets(last.state, last.mechanism, "telegram.org")
    assert judge_round(*way, only=1) == [first]
    third = leading("telegram.org", "core.telegram.org")
    blocked = b.changed(third, b.resolves_to(b.answer(b.BLOCK_PAGE)))
    assert judge_round(way[1], blocked)[0].leads_to == meets(
        BLOCKED, "dns.injection.blockpage", "telegram.org"
    )


def test_a_circle_ends_where_it_would_come_back() -> None:
    circle = leading("telegram.me", "t.me"), leading("t.me", "telegram.me")
    first, second = judge_round(*circle)
    assert (first.state, first.leads_to) == (OK, meets(OK, None, "t.me"))
    assert (second.state, second.leads_to) == (OK, meets(OK, None, "telegram.me"))


def test_beyond_what_was_measured_nothing_is_known() -> None:
    first, second = judge_round(leading("telegram.me", "t.me"), leading("t.me", "telegram.org"))
    assert first.leads_to == second.leads_to == meets(INSUFFICIENT, None, "telegram.org")


def test_what_is_said_of_another_host_is_as_provisional_as_that_ones_verdict() -> None:
    first = judge_round(leading("t.me", "telegram.org"), RESET, only=1, open_=("telegram.org",))[0]
    assert first.provisional
    assert not judge_round(leading("t.me", "telegram.org"), RESET, only=1)[0].provisional


def test_what_the_client_was_shown_there_outweighs_how_the_place_fares_by_itself() -> None:
    shown = b.with_more(leading("t.me", "telegram.org"), notice_at("telegram.org"))
    first = judge_round(shown, b.host(name="telegram.org"))[0]
    assert first.leads_to == meets(BLOCKED, "http.blockpage", "telegram.org")


def test_a_verdict_that_settles_nothing_takes_away_nothing_that_was_shown() -> None:
    shown = b.with_more(leading("t.me", "telegram.org"), page_of("telegram.org", over_tls=True))
    nothing = replace(b.host(name="telegram.org"), observations=())
    assert judge_round(shown, nothing)[0].leads_to == meets(OK, None, "telegram.org")
    assert judge_round(shown, RESET)[0].leads_to == meets(State.LIKELY_BLOCKED, "tls.reset", "telegram.org")


NAMES = ("t.me", "telegram.me", "telegram.org", "core.telegram.org")
CHANGES: dict[str, b.Change] = {
    "reset": b.tls_fails(Failure.CONNECTION_RESET),
    "silent": b.tcp_fails(Failure.TIMEOUT),
    "forged": b.resolves_to(b.answer(b.BLOCK_PAGE)),
    "denied": b.resolves_to(failure=Failure.DNS_NXDOMAIN),
}
ROUNDS = st.lists(
    st.tuples(
        st.sampled_from([None, *NAMES, ELSEWHERE]),
        st.sampled_from([None, *CHANGES]),
        st.sampled_from([None, "notice", "page", "secure page"]),
    ),
    min_size=4,
    max_size=4,
)


def round_of(ways: Sequence[tuple[str | None, str | None, str | None]]) -> list[Measurement]:
    measured = []
    for name, (to, change, shown) in zip(NAMES, ways, strict=True):
        one = b.host(name=name) if to is None else leading(name, to)
        if to is not None and shown == "notice":
            one = b.with_more(one, notice_at(to))
        elif to is not None and shown is not None:
            one = b.with_more(one, page_of(to, over_tls=shown == "secure page"))
        measured.append(b.changed(one, CHANGES[change]) if change is not None else one)
    return measured


@given(ROUNDS)
def test_where_a_target_leads_never_changes_the_target(
    ways: list[tuple[str | None, str | None, str | None]],
) -> None:
    """Its verdict is the one it has without others, and what is said of another is no more than is known."""
    measured = round_of(ways)
    alone = {m.target: b.judge(m) for m in measured}
    for one, verdict in zip(measured, judge_round(*measured), strict=True):
        assert replace(verdict, leads_to=None) == replace(alone[one.target], leads_to=None)
        leads = verdict.leads_to
        if leads is None:
            continue
        assert verdict.state is OK and leads.target != one.target
        own = alone.get(leads.target)
        shown = {v.leads_to for v in alone.values() if v.leads_to and v.leads_to.target == leads.target}
        assert leads in shown or (
            own is not None and (leads.state, leads.mechanism) == (own.state, own.mechanism)
        )
