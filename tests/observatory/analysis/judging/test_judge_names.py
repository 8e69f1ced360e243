"""Names: silence over one transport, refusals in other words, forged and genuine addresses side by side."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from observatory.model import State, Verdict
from probes.records import (
    AnyObservation,
    DnsAnswer,
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Measurement,
    QuicObservation,
    Resolver,
    TcpObservation,
    TlsObservation,
)
from tests.observatory.analysis.judging.builder import (
    BLOCK_PAGE,
    BOGON,
    CANARY6,
    TELEGRAM,
    TELEGRAM6,
    answer,
    canary,
    certificate,
    changed,
    drop,
    host,
    judge,
    leaf,
    over_ipv6,
    plain_page,
    resolves_to,
    tcp_fails,
    with_more,
)

LIKELY, BLOCKED, OK = State.LIKELY_BLOCKED, State.BLOCKED, State.OK
IMPAIRED, INSUFFICIENT, DOWN = State.IMPAIRED, State.INSUFFICIENT, State.DOWN
TIMEOUT = Failure.TIMEOUT
Expected = tuple[State, str | None]
Build = Callable[[], Measurement]
Change = Callable[[AnyObservation], AnyObservation]


def outcome(verdict: Verdict) -> Expected:
    return verdict.state, verdict.mechanism


def resolver_says(
    *answers: DnsAnswer, failure: Failure | None = None, over: tuple[str, ...] = ("udp", "tcp"), of: str = ""
) -> Change:
    """What the vantage's resolver gives over these transports, for questions of one type or of any."""

    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, DnsObservation) or o.resolver is not Resolver.VANTAGE:
            return o
        if o.transport not in over or (of and o.query_type != of):
            return o
        return replace(o, answers=answers, failure=failure)

    return change


SWALLOWED = resolver_says(failure=TIMEOUT, over=("udp",))


def over_tcp(failure: Failure) -> Change:
    return resolver_says(failure=failure, over=("tcp",))


SILENCES: list[tuple[str, Build, Build, Expected]] = [
    ("UDP swallowed, TCP genuine", lambda: changed(host(), SWALLOWED), canary, (LIKELY, "dns.timeout")),
    (
        "UDP swallowed, TCP closed",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.EOF)),
        canary,
        (LIKELY, "dns.timeout"),
    ),
    (
        "UDP swallowed, TCP reset",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.CONNECTION_RESET)),
        canary,
        (LIKELY, "dns.timeout"),
    ),
    (
        "UDP swallowed, TCP refused for every name",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.CONNECTION_REFUSED)),
        lambda: changed(canary(), over_tcp(Failure.CONNECTION_REFUSED)),
        (LIKELY, "dns.timeout"),
    ),
    (
        "UDP swallowed for every name, TCP genuine",
        lambda: changed(host(), SWALLOWED),
        lambda: changed(canary(), SWALLOWED),
        (OK, None),
    ),
    (
        "UDP swallowed for every name, TCP closed",
        lambda: changed(host(), SWALLOWED, over_tcp(Failure.EOF)),
        lambda: changed(canary(), SWALLOWED, over_tcp(Failure.EOF)),
        (INSUFFICIENT, None),
    ),
    (
        "one question lost over UDP, the other kind of address answered",
        lambda: changed(host(), resolver_says(failure=TIMEOUT, over=("udp",), of="A")),
        canary,
        (OK, None),
    ),
]


@pytest.mark.parametrize("row", SILENCES, ids=lambda row: str(row[0]))
def test_silence_over_udp_is_judged_by_the_canary_over_udp(row: tuple[str, Build, Build, Expected]) -> None:
    _, build, build_canary, expected = row
    verdict = judge(build(), canary_here=build_canary())
    assert outcome(verdict) == expected, verdict


def test_silence_heard_by_a_busy_prober_is_no_silence() -> None:
    assert judge(replace(changed(host(), SWALLOWED), lag_s=3.0)).state not in (LIKELY, BLOCKED)


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP", "NOTAUTH"])
def test_other_words_for_one_name_alone_are_refusals(rcode: str) -> None:
    refuses = resolver_says(answer(rcode=rcode), failure=Failure.DNS_BAD_REPLY)
    assert outcome(judge(changed(host(), refuses))) == (LIKELY, "dns.refused")
    for_all = judge(changed(host(), refuses), canary_here=changed(canary(), refuses))
    assert for_all.state is INSUFFICIENT


# --- addresses of strangers

STRANGER = "45.64.1.9"
FORGED = resolver_says(answer(STRANGER))
FORGED_A = resolver_says(answer(STRANGER), of="A")


def at_stranger(
    tcp: Failure | None, tls: Failure | None = None, **page: object
) -> tuple[AnyObservation, ...]:
    """Port 443 connects or not, then a handshake; port 80 shows a page, if one is given."""
    secure, plain = Endpoint(address=STRANGER, port=443), Endpoint(address=STRANGER, port=80)
    when = {"started_s": 0.1, "duration_s": 0.1}
    seen: list[AnyObservation] = [TcpObservation(id="s1", failure=tcp, endpoint=secure, **when)]
    if tcp is None:
        seen.append(TlsObservation(id="s2", failure=tls, endpoint=secure, server_name="t.me", **when))
    if page:
        fields = {"over_tls": False, "host": "t.me", "path": "/", **page}
        seen.append(TcpObservation(id="s3", endpoint=plain, **when))
        seen.append(HttpObservation(id="s4", endpoint=plain, **when, **fields))  # type: ignore[arg-type]
    else:
        seen.append(TcpObservation(id="s3", failure=tcp, endpoint=plain, **when))
    return tuple(seen)


REFUSED, RESET, ALERT = Failure.CONNECTION_REFUSED, Failure.CONNECTION_RESET, Failure.SSL_HANDSHAKE
INJECTED = (LIKELY, "dns.injection.other")
ASTRAY: list[tuple[str, Build, Expected]] = [
    ("nothing answers there", lambda: with_more(changed(host(), FORGED), *at_stranger(REFUSED)), INJECTED),
    ("only silence there", lambda: with_more(changed(host(), FORGED), *at_stranger(TIMEOUT)), INJECTED),
    (
        "only port 80 answers there, with a page of its own",
        lambda: with_more(changed(host(), FORGED), *at_stranger(REFUSED, status=200, received_bytes=9)),
        INJECTED,
    ),
    (
        "the server there turns the name down",
        lambda: with_more(changed(host(), FORGED), *at_stranger(None, ALERT)),
        INJECTED,
    ),
    (
        "port 80 there leads on as the target does",
        lambda: with_more(
            changed(host(), FORGED),
            *at_stranger(TIMEOUT, status=301, headers=(("location", "https://t.me/"),)),
        ),
        (INSUFFICIENT, None),
    ),
    (
        "handshakes there break off: it may be the target's, filtered",
        lambda: with_more(changed(host(), FORGED), *at_stranger(None, RESET)),
        (INSUFFICIENT, None),
    ),
    (
        "another server of the target's own",
        lambda: with_more(changed(host(), FORGED), *at_stranger(None)),
        (OK, None),
    ),
    (
        "a stranger's A beside the true AAAA, without IPv6 here",
        lambda: with_more(
            over_ipv6(
                changed(host("isp", "t.me", TELEGRAM, TELEGRAM6), FORGED_A), Failure.NETWORK_UNREACHABLE
            ),
            *at_stranger(REFUSED),
        ),
        INJECTED,
    ),
    (
        "the same, and the server there turns the name down",
        lambda: with_more(
            over_ipv6(
                changed(host("isp", "t.me", TELEGRAM, TELEGRAM6), FORGED_A), Failure.NETWORK_UNREACHABLE
            ),
            *at_stranger(None, ALERT),
        ),
        INJECTED,
    ),
]


@pytest.mark.parametrize("row", ASTRAY, ids=lambda row: str(row[0]))
def test_answers_that_lead_astray(row: tuple[str, Build, Expected]) -> None:
    _, build, expected = row
    verdict = judge(build(), control=host("control", "t.me", TELEGRAM, TELEGRAM6))
    assert outcome(verdict) == expected, verdict


def test_a_true_address_of_a_kind_that_is_used_here_opens_the_target() -> None:
    here = with_more(changed(host("isp", "t.me", TELEGRAM, TELEGRAM6), FORGED_A), *at_stranger(REFUSED))
    verdict = judge(
        here, control=host("control", "t.me", TELEGRAM, TELEGRAM6), canary_here=canary("isp", CANARY6)
    )
    assert outcome(verdict) == (OK, None)


def test_where_a_control_s_addresses_do_not_answer_here_either_nothing_is_called_forged() -> None:
    here = with_more(
        changed(host(), FORGED, tcp_fails(TIMEOUT), drop(QuicObservation)), *at_stranger(TIMEOUT)
    )
    findings = {f.rule_id for f in judge(here).findings}
    assert "dns.leads_nowhere" in findings


def test_a_portal_that_sends_the_canary_there_too_is_no_forger_of_one_name() -> None:
    here = with_more(changed(host(), FORGED), *at_stranger(None, ALERT))
    assert judge(here, canary_here=changed(canary(), FORGED)).state not in (LIKELY, BLOCKED)


def only_plain(page: dict[str, object]) -> Measurement:
    """An import of plain HTTP, led to a stranger's address."""
    kept = changed(host(), drop(TcpObservation, TlsObservation, QuicObservation, HttpObservation), FORGED)
    return with_more(kept, *(o for o in at_stranger(REFUSED, **page) if o.id in ("s3", "s4")))


def test_an_address_and_a_page_that_both_differ_are_two_signs() -> None:
    control = changed(host("control"), plain_page(status=200, headers=(), received_bytes=5000))
    other = judge(only_plain({"status": 200, "received_bytes": 90}), control=control)
    assert outcome(other) == INJECTED
    same = judge(only_plain({"status": 200, "received_bytes": 5000}), control=control)
    assert same.state not in (LIKELY, BLOCKED)


def only_ipv6_addresses(measured: Measurement) -> Measurement:
    """The line has no IPv6, and its resolver withholds every IPv4 address."""
    withheld = resolver_says(answer(), failure=Failure.DNS_NO_ANSWER, of="A")
    return over_ipv6(changed(measured, withheld), Failure.NETWORK_UNREACHABLE)


def test_a_resolver_that_gives_nobody_an_address_of_use_is_broken() -> None:
    here = only_ipv6_addresses(host("isp", "t.me", TELEGRAM, TELEGRAM6))
    verdict = judge(here, canary_here=only_ipv6_addresses(canary("isp", CANARY6)))
    assert (verdict.state, verdict.rule_id) == (INSUFFICIENT, "dns.resolver_broken")
    without_ipv6 = over_ipv6(canary("isp", CANARY6), Failure.NETWORK_UNREACHABLE)
    assert outcome(judge(here, canary_here=without_ipv6)) == (LIKELY, "dns.no_answer")


# --- names that are gone


def gone(measured: Measurement) -> Measurement:
    denied = resolves_to(answer(rcode="NXDOMAIN"), failure=Failure.DNS_NXDOMAIN, everywhere=True)
    return changed(measured, denied, drop(TcpObservation, TlsObservation, HttpObservation, QuicObservation))


OUTLIVED: list[tuple[str, str, Expected]] = [
    ("a known block page", BLOCK_PAGE, (BLOCKED, "dns.injection.blockpage")),
    ("a private address", BOGON, (LIKELY, "dns.injection.bogon")),
    ("a stranger", STRANGER, INJECTED),
    ("a server of Telegram's, out of a cache", TELEGRAM, (DOWN, None)),
]


@pytest.mark.parametrize("row", OUTLIVED, ids=lambda row: str(row[0]))
def test_a_block_that_outlived_its_name(row: tuple[str, str, Expected]) -> None:
    _, address, expected = row
    here = changed(gone(host()), resolver_says(answer(address)))
    verdict = judge(here, control=gone(host("control")))
    if expected[0] is DOWN:
        assert verdict.state not in (LIKELY, BLOCKED)
    else:
        assert outcome(verdict) == expected, verdict


@pytest.mark.parametrize("address", [BLOCK_PAGE, BOGON, STRANGER])
def test_a_resolver_that_sends_every_name_there_lists_none(address: str) -> None:
    everywhere = resolver_says(answer(address))
    verdict = judge(
        changed(gone(host()), everywhere),
        control=gone(host("control")),
        canary_here=changed(canary(), everywhere),
    )
    assert verdict.state not in (LIKELY, BLOCKED)


def test_a_control_that_could_not_ask_shows_no_name_gone() -> None:
    silent = changed(gone(host("control")), resolves_to(failure=TIMEOUT, everywhere=True))
    here = changed(gone(host()), resolver_says(answer(STRANGER)))
    assert judge(here, control=silent).state not in (LIKELY, BLOCKED)


def test_a_stranger_with_another_s_certificate_beside_the_true_aaaa() -> None:
    """The A record alone is looked at where IPv6 is not used."""
    shown = certificate(leaf("stranger.example", sha256="d" * 64), Failure.SSL_INVALID_HOSTNAME)
    stranger = tuple(shown(o) for o in at_stranger(None))
    here = over_ipv6(changed(host("isp", "t.me", TELEGRAM, TELEGRAM6), FORGED_A), Failure.NETWORK_UNREACHABLE)
    verdict = judge(with_more(here, *(o for o in stranger if o is not None)))
    assert outcome(verdict) == INJECTED
