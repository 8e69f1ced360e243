"""Every kind of observation in words, in both languages; hostile content stays harmless."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from observatory.text import LANGUAGES, load_text
from observatory.views.printable import printable
from observatory.views.step_words import MAX_PAGE, describe
from observatory.views.steps import (
    GROUPS,
    MAX_STEPS,
    StepGroup,
    compare_runs,
    describe_steps,
    find_same,
)
from probes.records import (
    AnyObservation,
    Certificate,
    DnsAnswer,
    DnsObservation,
    Endpoint,
    ExtendedError,
    Failure,
    Heard,
    HelperObservation,
    Hop,
    HopsObservation,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    Payload,
    Purpose,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)

AT = datetime(2017, 7, 14, 11, 22, tzinfo=UTC)
WHERE = Endpoint(address="149.154.167.99", port=443)
PLAIN = Endpoint(address="149.154.167.99", port=80)
UNKNOWN = Endpoint(address="", port=443)
RESOLVER = Endpoint(address="10.3.53.53", port=53)
LEAF = Certificate(
    der=b"",
    sha256="ab",
    subject="CN=t.me",
    issuer="CN=Good Authority",
    not_before=AT - timedelta(days=9),
    not_after=AT + timedelta(days=90),
    names=("t.me", "*.t.me"),
)


def dns(**other: object) -> DnsObservation:
    details: dict[str, object] = {
        "resolver": Resolver.VANTAGE,
        "server": RESOLVER,
        "transport": "udp",
        "name": "t.me",
        "query_type": "A",
        **basics(other),
    }
    return DnsObservation(**{**details, **other})  # type: ignore[arg-type]


def basics(other: dict[str, object]) -> dict[str, object]:
    return {"id": other.pop("id", "o1"), "started_s": 0.04, "duration_s": other.pop("duration_s", 0.031)}


def tls(**other: object) -> TlsObservation:
    details = {"endpoint": WHERE, "server_name": "t.me", **basics(other)}
    return TlsObservation(**{**details, **other})  # type: ignore[arg-type]


def http(**other: object) -> HttpObservation:
    details = {"endpoint": PLAIN, "over_tls": False, "host": "t.me", "path": "/", **basics(other)}
    return HttpObservation(**{**details, **other})  # type: ignore[arg-type]


def quic(**other: object) -> QuicObservation:
    details = {"endpoint": WHERE, "n_sent": 3, **basics(other)}
    return QuicObservation(**{**details, **other})  # type: ignore[arg-type]


def hops(*heard: Heard, **other: object) -> HopsObservation:
    found = tuple(
        Hop(ttl=ttl, heard=h, router=f"10.0.0.{ttl}" if h is Heard.TIME_EXCEEDED else None, rtt_s=0.004)
        for ttl, h in enumerate(heard, start=1)
    )
    details = {
        "endpoint": WHERE,
        "payload": Payload.CLIENT_HELLO,
        "name": "t.me",
        "hops": found,
        **basics(other),
    }
    return HopsObservation(**{**details, **other})  # type: ignore[arg-type]


def answer(*addresses: str, **other: object) -> DnsAnswer:
    return DnsAnswer(**{"arrived_s": 0.004, "rcode": "NOERROR", "addresses": addresses, **other})  # type: ignore[arg-type]


SITUATIONS: list[tuple[str, AnyObservation, str, str, bool]] = [
    (
        "a good answer of the network's resolver",
        dns(answers=(answer("149.154.167.99"),)),
        "Asked 10.3.53.53:53, the DNS resolver of this network, for the A record of t.me over UDP.",
        "The answer: 149.154.167.99.",
        True,
    ),
    (
        "two answers to one query",
        dns(answers=(answer("36.86.63.185"), answer("149.154.167.99", arrived_s=0.02))),
        "Asked 10.3.53.53:53, the DNS resolver of this network, for the A record of t.me over UDP.",
        "2 answers came to one query.",
        True,
    ),
    (
        "a public DNS resolver, encrypted, has no such name",
        dns(resolver=Resolver.PUBLIC, transport="dot", failure=Failure.DNS_NXDOMAIN),
        "Asked 10.3.53.53:53, a public DNS resolver, for the A record of t.me over an encrypted connection "
        "(DoT).",
        "The answer says that the name does not exist.",
        False,
    ),
    (
        "an address that runs no DNS server keeps silent",
        dns(resolver=Resolver.SINK, failure=Failure.TIMEOUT),
        "Asked 10.3.53.53:53, an address that runs no DNS server, for the A record of t.me over UDP.",
        "No answer, as it should be.",
        True,
    ),
    (
        "an address that runs no DNS server answers",
        dns(resolver=Resolver.SINK, answers=(answer("36.86.63.185"),)),
        "Asked 10.3.53.53:53, an address that runs no DNS server, for the A record of t.me over UDP.",
        "The answer: 36.86.63.185.",
        False,
    ),
    (
        "a transport that nobody has words for",
        dns(transport="doq", answers=(answer("149.154.167.99"),)),
        "Asked 10.3.53.53:53, the DNS resolver of this network, for the A record of t.me (doq).",
        "The answer: 149.154.167.99.",
        True,
    ),
    (
        "connected",
        TcpObservation(id="o", started_s=0, duration_s=0.01, endpoint=WHERE),
        "Tried to connect to 149.154.167.99:443.",
        "The connection was accepted.",
        True,
    ),
    (
        "an import whose source wrote down no address",
        TcpObservation(id="o", started_s=0, duration_s=0, endpoint=UNKNOWN, failure=Failure.TIMEOUT),
        "Tried to connect to an address that the source did not record (port 443).",
        "Nothing came back in time.",
        False,
    ),
    (
        "over IPv6",
        TcpObservation(
            id="o", started_s=0, duration_s=0.01, endpoint=Endpoint(address="2001:67c:4e8::a", port=443)
        ),
        "Tried to connect to [2001:67c:4e8::a]:443.",
        "The connection was accepted.",
        True,
    ),
    (
        "reset under the target's name",
        tls(failure=Failure.CONNECTION_RESET),
        "Asked 149.154.167.99:443 for an encrypted connection under the name t.me.",
        "The connection was cut off (reset), by the other side or on the path.",
        False,
    ),
    (
        "a harmless name at the same address, whose certificate cannot hold",
        tls(
            server_name="example.com",
            purpose=Purpose.HARMLESS_NAME,
            chain=(LEAF,),
            certificate_failure=Failure.SSL_INVALID_HOSTNAME,
        ),
        "Asked 149.154.167.99:443 for an encrypted connection under the neutral name example.com.",
        "The connection was set up; no certificate valid for this name was expected here.",
        True,
    ),
    (
        "no name",
        tls(server_name="", purpose=Purpose.NO_NAME, chain=(LEAF,)),
        "Asked 149.154.167.99:443 for an encrypted connection without any name.",
        "The connection was set up, and the certificate is valid.",
        True,
    ),
    (
        "the target's name at a control address",
        tls(purpose=Purpose.CANARY_ADDRESS, failure=Failure.TIMEOUT),
        "Asked 149.154.167.99:443 for an encrypted connection under the target’s name t.me, at an address "
        "not known to be blocked.",
        "Nothing came back in time.",
        False,
    ),
    (
        "a middlebox",
        tls(chain=(replace(LEAF, self_signed=True),), certificate_failure=Failure.SSL_UNKNOWN_AUTHORITY),
        "Asked 149.154.167.99:443 for an encrypted connection under the name t.me.",
        "The connection was set up, but the certificate is not valid. The certificate comes from an "
        "authority that is not trusted.",
        False,
    ),
    (
        "an import that kept no chain",
        tls(),
        "Asked 149.154.167.99:443 for an encrypted connection under the name t.me.",
        "The connection was set up, and the certificate is reported as valid; it was not kept.",
        True,
    ),
    (
        "a page without encryption",
        http(status=302, headers=(("Location", "http://internet-positif.org"),), received_bytes=1234),
        "Requested the page / from 149.154.167.99:80 under the name t.me, without encryption.",
        "An answer came, with status 302 and 1,234 bytes.",
        True,
    ),
    (
        "a page inside an encrypted connection",
        http(endpoint=WHERE, over_tls=True, failure=Failure.EOF),
        "Requested the page / from 149.154.167.99:443 under the name t.me, inside an encrypted connection.",
        "The connection was closed before the answer was complete.",
        False,
    ),
    (
        "QUIC versions",
        quic(versions=(1, 0x6B3343CF)),
        "Asked 149.154.167.99:443 over QUIC which versions it speaks (3 packets sent).",
        "It offered versions: 0x00000001, 0x6b3343cf.",
        True,
    ),
    (
        "a QUIC handshake",
        quic(server_name="t.me", version=1, alpn="h3", chain=(LEAF,), status=200),
        "Asked 149.154.167.99:443 over QUIC for an encrypted connection under the name t.me.",
        "The connection was set up, and the certificate is valid.",
        True,
    ),
    (
        "Telegram proves itself",
        MtprotoObservation(
            id="o", started_s=0, duration_s=0.1, endpoint=WHERE, transport="abridged", nonce_echoed=True
        ),
        "Asked 149.154.167.99:443 in Telegram’s own protocol (abridged) to repeat a random number.",
        "It repeated the number, as Telegram’s servers do.",
        True,
    ),
    (
        "something that is not Telegram",
        MtprotoObservation(id="o", started_s=0, duration_s=0.1, endpoint=WHERE, transport="obfuscated"),
        "Asked 149.154.167.99:443 in Telegram’s own protocol (obfuscated) to repeat a random number.",
        "It answered, but did not repeat the number.",
        False,
    ),
    (
        "a transfer",
        ThroughputObservation(
            id="o",
            started_s=0,
            duration_s=2,
            endpoint=WHERE,
            server_name="t.me",
            received_bytes=100_000,
            transfer_s=2.0,
        ),
        "Downloaded from 149.154.167.99:443 under the name t.me for a few seconds, to measure the speed.",
        "100,000 bytes came in 2 s: 400 kbit/s.",
        True,
    ),
    (
        "a reset on the path",
        hops(Heard.TIME_EXCEEDED, Heard.TIME_EXCEEDED, Heard.RESET),
        "Sent the start of a TLS handshake under the name t.me towards 149.154.167.99:443, each time "
        "letting it pass one more router.",
        "At hop 3 it ended with: a reset.",
        True,
    ),
    (
        "only routers",
        hops(Heard.TIME_EXCEEDED, Heard.SILENCE, name="", payload=Payload.SYN),
        "Sent a connection attempt without any name towards 149.154.167.99:443, each time letting it "
        "pass one more router.",
        "Only routers answered, saying that the packet had reached its limit.",
        True,
    ),
    (
        "a test helper",
        HelperObservation(id="o", started_s=0, duration_s=0.3, url="https://helper.example/"),
        "Made one whole exchange with a test helper at https://helper.example/.",
        "It worked: this vantage point had an internet connection.",
        True,
    ),
]


@pytest.mark.parametrize(
    ("observation", "asked", "came", "is_good"),
    [row[1:] for row in SITUATIONS],
    ids=[row[0] for row in SITUATIONS],
)
def test_step_in_plain_words(observation: AnyObservation, asked: str, came: str, is_good: bool) -> None:
    words = describe(observation, load_text("en"))
    assert (words.asked, words.came, words.is_good) == (asked, came, is_good)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("failure", [None, *Failure])
@pytest.mark.parametrize("technique", get_args(AnyObservation), ids=lambda t: str(t.__name__))
def test_every_technique_has_words_for_every_failure(
    technique: type, failure: Failure | None, language: str
) -> None:
    observation = next(row[1] for row in SITUATIONS if type(row[1]) is technique)
    words = describe(replace(observation, failure=failure, detail="raw <b>words</b>"), load_text(language))
    assert words.asked and words.came
    if failure is not None and observation.failure is not failure:
        assert words.is_good is False
        assert "raw <b>words</b>" in words.lines[-1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_purpose_resolver_and_payload_has_words(language: str) -> None:
    text = load_text(language)
    observations: list[AnyObservation] = [
        *(tls(purpose=purpose) for purpose in Purpose),
        *(http(purpose=purpose) for purpose in Purpose),
        *(quic(purpose=purpose, server_name="t.me") for purpose in Purpose),
        *(dns(resolver=resolver) for resolver in Resolver),
        *(hops(*Heard, payload=payload) for payload in Payload),
    ]
    sentences = [describe(o, text).asked for o in observations]
    assert len(set(sentences)) == len(sentences)


def test_every_technique_has_its_group() -> None:
    assert set(GROUPS) == set(get_args(AnyObservation))
    assert set(GROUPS.values()) == set(StepGroup)


def test_everything_an_answer_says_is_shown() -> None:
    full = answer(
        "36.86.63.185",
        cnames=("a.example", "b.example"),
        texts=("v=1",),
        ttl_s=60,
        hop_limit=61,
        extended_errors=(
            ExtendedError(code=15, text="by order of X"),
            ExtendedError(code=16),
            ExtendedError(code=22),
        ),
        server_id="ns1",
        alpn=("h3", "h2"),
        ech=True,
    )
    (line,) = describe(dns(answers=(full,)), load_text("en")).lines
    assert line == (
        "Answer 1, after 4 ms: NOERROR; 36.86.63.185; via a.example → b.example; “v=1”; "
        "may be kept for 60 s; arrived with hop limit 61; the server states: blocked “by order of X”; "
        "the server states: censored; the server states extended error 22; the server calls itself ns1; "
        "offers h3, h2; offers to hide the name (ECH)"
    )


def test_a_certificate_is_shown_with_issuer_validity_and_names() -> None:
    words = describe(tls(chain=(LEAF,), certificate_errors=("X509_V_ERR_CERT_HAS_EXPIRED",)), load_text("en"))
    assert words.lines == (
        "Certificate 1: CN=t.me (t.me, *.t.me); issued by CN=Good Authority; valid 5 Jul 2017 to 12 Oct 2017",
        "Errors found: X509_V_ERR_CERT_HAS_EXPIRED",
    )


HOSTILE = "a\x00b\x1b[31m‮evil‬\u200b"


def test_what_hides_or_turns_round_is_replaced() -> None:
    assert printable(HOSTILE) == "a�b�[31m�evil��"
    assert printable("é\n\tü") == "é\n\tü"
    assert printable("x" * 400) == "x" * 300 + " …"


def test_hostile_content_comes_out_as_cut_plain_text() -> None:
    page = http(
        status=200,
        headers=(("X-Evil", HOSTILE), ("Location", "javascript:alert(1)")),
        body=b"<script>alert(1)</script>\xff\xfe" + b"A" * 100_000,
    )
    words = describe(page, load_text("en"))
    assert "X-Evil: a�b" in words.page and "<script>alert(1)</script>" in words.page
    assert len(words.page) <= MAX_PAGE + 2
    assert "Leads to javascript:alert(1)" in words.lines
    many = dns(
        name=HOSTILE,
        answers=tuple(
            answer("1.2.3.4", extended_errors=(ExtendedError(code=15, text=HOSTILE * 90),)) for _ in range(99)
        ),
    )
    words = describe(many, load_text("en"))
    assert len(words.lines) == 20
    assert not any(c in "".join((*words.lines, words.asked)) for c in "\x00\x1b‮\u200b")


# --- groups, controls, the path


def measurement(*observations: AnyObservation, **other: object) -> Measurement:
    details: dict[str, object] = {
        "id": "m",
        "round_id": "r",
        "vantage": "xl",
        "asn": 24203,
        "target": "t.me",
        "target_kind": TargetKind.HOST,
        "started_at": AT,
        "duration_s": 2.0,
        "resolver": "10.3.53.53",
        "public_resolver": "8.8.8.8",
        "observations": observations,
    }
    return Measurement(**{**details, **other})  # type: ignore[arg-type]


def test_steps_are_grouped_with_both_tries_and_their_times() -> None:
    second = replace(tls(id="o3", failure=Failure.CONNECTION_RESET), started_s=1.0, attempt=2)
    sections = describe_steps(
        measurement(second, tls(id="o2", failure=Failure.CONNECTION_RESET), dns(id="o1")),
        load_text("en"),
        evidence=("o2", "o3"),
    )
    assert [s.group for s in sections] == [StepGroup.NAMES, StepGroup.TLS]
    first, again = sections[1].steps
    assert (first.id, again.id) == ("o2", "o3")
    assert first.when == "40 ms after the start, took 31 ms"
    assert again.when == "Try 2: 1 s after the start, took 31 ms"
    assert (again.left, round(again.width, 4)) == (0.5, 0.0155)
    assert [s.is_evidence for section in sections for s in section.steps] == [False, True, True]


@pytest.mark.parametrize("start", [-5.0, 0.0, 1e9, float("inf"), float("nan")])
def test_times_from_elsewhere_never_leave_the_bar(start: float) -> None:
    odd = replace(tls(), started_s=start, duration_s=0.0)
    (section,) = describe_steps(measurement(odd, duration_s=0.0), load_text("en"))
    assert 0 <= section.steps[0].left <= 1 and 0 <= section.steps[0].width <= 1


def test_a_measurement_of_thousands_of_steps_is_cut() -> None:
    many = [replace(tls(), id=f"o{n}") for n in range(1000)]
    (section,) = describe_steps(measurement(*many), load_text("en"))
    assert len(section.steps) == MAX_STEPS


def test_the_same_step_of_a_control_is_shown_with_it() -> None:
    theirs = measurement(
        tls(id="c1", server_name="example.com", purpose=Purpose.HARMLESS_NAME), tls(id="c2", chain=(LEAF,))
    )
    (section,) = describe_steps(
        measurement(tls(failure=Failure.CONNECTION_RESET)), load_text("en"), controls=[("Singapore", theirs)]
    )
    (elsewhere,) = section.steps[0].elsewhere
    assert (elsewhere.name, elsewhere.words.came) == (
        "Singapore",
        "The connection was set up, and the certificate is valid.",
    )


ELSEWHERE = Endpoint(address="149.154.167.50", port=443)


def test_the_control_names_its_place_where_it_was_another() -> None:
    theirs = measurement(tls(id="c1", endpoint=ELSEWHERE, chain=(LEAF,)))
    (section,) = describe_steps(measurement(tls()), load_text("en"), controls=[("Singapore", theirs)])
    assert section.steps[0].elsewhere[0].place == "149.154.167.50:443"


SAME: list[tuple[str, AnyObservation, list[AnyObservation], str | None]] = [
    ("the same place, last try", tls(), [tls(id="a"), tls(id="b")], "b"),
    ("another address", tls(), [tls(id="a", endpoint=ELSEWHERE)], "a"),
    (
        "of other addresses one that worked",
        tls(),
        [tls(id="a", endpoint=ELSEWHERE, failure=Failure.TIMEOUT), tls(id="b", endpoint=UNKNOWN)],
        "b",
    ),
    ("another port", http(), [http(id="a", endpoint=WHERE)], None),
    ("another purpose", tls(), [tls(id="a", purpose=Purpose.HARMLESS_NAME)], None),
    ("their own resolver", dns(), [dns(id="a", server=Endpoint(address="1.1.1.1", port=53))], "a"),
    ("another record", dns(), [dns(id="a", query_type="AAAA")], None),
    ("another technique", dns(), [tls(id="a")], None),
]


@pytest.mark.parametrize(("own", "others", "found"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_which_step_asked_the_same(
    own: AnyObservation, others: list[AnyObservation], found: str | None
) -> None:
    same = find_same(own, others)
    assert (same.id if same else None) == found


HARMLESS = {"name": "example.com", "purpose": Purpose.HARMLESS_NAME}
EXCEEDED = Heard.TIME_EXCEEDED


@pytest.mark.parametrize(
    ("situation", "runs", "n"),
    [
        ("no control run", [hops(EXCEEDED, Heard.RESET)], 0),
        ("no run of the target", [hops(EXCEEDED, Heard.RESET, **HARMLESS)], 0),
        ("both end alike", [hops(EXCEEDED, Heard.ANSWER), hops(EXCEEDED, Heard.ANSWER, **HARMLESS)], 0),
        (
            "silence says nothing",
            [hops(EXCEEDED, Heard.SILENCE), hops(EXCEEDED, Heard.ANSWER, **HARMLESS)],
            0,
        ),
        (
            "another place",
            [hops(EXCEEDED, Heard.RESET), hops(EXCEEDED, EXCEEDED, endpoint=ELSEWHERE, **HARMLESS)],
            0,
        ),
        ("they differ", [hops(EXCEEDED, Heard.RESET), hops(EXCEEDED, EXCEEDED, **HARMLESS)], 1),
    ],
)
def test_runs_are_compared_only_where_both_exist_and_differ(
    situation: str, runs: list[HopsObservation], n: int
) -> None:
    assert len(compare_runs(runs, load_text("en"))) == n, situation


def test_where_they_differ_is_said_in_words() -> None:
    (sentence,) = compare_runs(
        [hops(EXCEEDED, EXCEEDED, Heard.RESET), hops(EXCEEDED, EXCEEDED, EXCEEDED, **HARMLESS)],
        load_text("en"),
    )
    assert sentence == (
        "Sent the start of a TLS handshake to 149.154.167.99:443: with the target’s name, hop 3 brought "
        "a reset; with a neutral name, limit reached there."
    )
