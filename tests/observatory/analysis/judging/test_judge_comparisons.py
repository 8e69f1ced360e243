"""Names against addresses, IP versions, transports, the path, stand-ins: what each comparison may settle."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import StandIn, State, Verdict
from observatory.reference import load_reference
from probes.records import (
    AnyObservation,
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
    TlsObservation,
)
from tests.observatory.analysis.judging.builder import (
    BLOCK_PAGE,
    BOGON,
    CANARY,
    CANARY6,
    TELEGRAM,
    TELEGRAM6,
    Change,
    answer,
    canary,
    certificate,
    changed,
    data_centre,
    drop,
    harmless,
    host,
    judge,
    leaf,
    measurement,
    over_ipv6,
    plain_page,
    quic_fails,
    resolves_to,
    tcp_fails,
    tls_fails,
    with_more,
)

RESET, TIMEOUT, ALERT = Failure.CONNECTION_RESET, Failure.TIMEOUT, Failure.SSL_HANDSHAKE
VANTAGE, SINK = Resolver.VANTAGE, Resolver.SINK
SECURE = Endpoint(address=TELEGRAM, port=443)
PLAIN = Endpoint(address=TELEGRAM, port=80)
Build = Callable[[], Measurement]
Expected = tuple[State, str | None]
LIKELY, BLOCKED, OK = State.LIKELY_BLOCKED, State.BLOCKED, State.OK
IMPAIRED, INSUFFICIENT, DOWN = State.IMPAIRED, State.INSUFFICIENT, State.DOWN


def outcome(verdict: Verdict) -> Expected:
    return verdict.state, verdict.mechanism


def elsewhere(failure: Failure | None) -> TlsObservation:
    """The target's name at the canary's address."""
    return replace(harmless(failure, CANARY), id="o91", server_name="t.me", purpose=Purpose.CANARY_ADDRESS)


def page(purpose: Purpose, failure: Failure | None = None) -> HttpObservation:
    return HttpObservation(
        id="o92",
        started_s=0.1,
        duration_s=0.02,
        failure=failure,
        endpoint=PLAIN,
        over_tls=False,
        host="example.com",
        path="/",
        purpose=purpose,
        status=None if failure else 404,
    )


def run(purpose: Purpose, *heard: Heard, payload: Payload = Payload.CLIENT_HELLO) -> HopsObservation:
    return HopsObservation(
        id=f"o95{purpose.value}",
        started_s=0.2,
        duration_s=0.5,
        endpoint=SECURE,
        payload=payload,
        name="t.me",
        purpose=purpose,
        hops=tuple(Hop(ttl=ttl, heard=what) for ttl, what in enumerate(heard, start=1)),
    )


GONE, SILENT = Heard.TIME_EXCEEDED, Heard.SILENCE
ON_PATH = (
    run(Purpose.TARGET, GONE, GONE, Heard.RESET, Heard.RESET),
    run(Purpose.HARMLESS_NAME, GONE, GONE, GONE, Heard.ANSWER),
)
AT_SERVER = (
    run(Purpose.TARGET, GONE, GONE, GONE, Heard.RESET),
    run(Purpose.HARMLESS_NAME, GONE, GONE, GONE, Heard.ANSWER),
)


def without_http(measured: Measurement) -> Measurement:
    return changed(measured, lambda o: None if isinstance(o, HttpObservation) and not o.over_tls else o)


def plain_fails(failure: Failure) -> Callable[[AnyObservation], AnyObservation | None]:
    return plain_page(failure=failure, status=None, headers=(), body=b"")


def declares(code: int, rcode: str = "NXDOMAIN") -> DnsAnswer:
    return replace(answer(rcode=rcode), extended_errors=(ExtendedError(code=code),))


NAME_OR_ADDRESS: list[tuple[str, Build, Expected]] = [
    (
        "another name works there: the name is why",
        lambda: with_more(changed(host(), tls_fails(RESET)), harmless()),
        (LIKELY, "tls.reset.sni"),
    ),
    (
        "no name works there: the name is why",
        lambda: with_more(
            changed(host(), tls_fails(TIMEOUT)),
            replace(harmless(), purpose=Purpose.NO_NAME, server_name=""),
        ),
        (LIKELY, "tls.timeout.sni"),
    ),
    (
        "a penalty that fades: the harmless name fails, then works",
        lambda: with_more(
            changed(host(), tls_fails(RESET)), harmless(RESET), replace(harmless(), id="o93", attempt=2)
        ),
        (LIKELY, "tls.reset.sni"),
    ),
    (
        "no name works there, the target's name is answered elsewhere: the address is why",
        lambda: with_more(changed(host(), tls_fails(RESET)), harmless(RESET), elsewhere(None)),
        (LIKELY, "tls.reset.other"),
    ),
    (
        "an alert from elsewhere is an answer too",
        lambda: with_more(
            changed(host(), tls_fails(RESET)), harmless(RESET), elsewhere(Failure.SSL_HANDSHAKE)
        ),
        (LIKELY, "tls.reset.other"),
    ),
    (
        "no name works there, and the target's name nowhere: both or a penalty",
        lambda: with_more(changed(host(), tls_fails(RESET)), harmless(RESET), elsewhere(RESET)),
        (LIKELY, "tls.reset"),
    ),
    (
        "the name is turned down by an alert, another name is not",
        lambda: with_more(changed(host(), tls_fails(ALERT)), harmless()),
        (LIKELY, "tls.alert.sni"),
    ),
    (
        "the name is turned down, no name at all is not",
        lambda: with_more(
            changed(host(), tls_fails(ALERT)), replace(harmless(), purpose=Purpose.NO_NAME, server_name="")
        ),
        (LIKELY, "tls.alert.sni"),
    ),
    (
        "every name is turned down here, at an address that lets a control in",
        lambda: with_more(changed(host(), tls_fails(ALERT)), harmless(ALERT), elsewhere(None)),
        (LIKELY, "tls.alert.other"),
    ),
    (
        "the name is turned down, no other was tried",
        lambda: changed(host(), tls_fails(ALERT)),
        (LIKELY, "tls.alert"),
    ),
    (
        "turned down at an address where no control was: one server of several may be set up badly",
        lambda: with_more(
            changed(host(address="149.154.167.41"), tls_fails(ALERT), quic_fails),
            harmless(None, "149.154.167.41"),
        ),
        (IMPAIRED, None),
    ),
    (
        "Host header reset, another Host answered",
        lambda: with_more(changed(host(), plain_fails(RESET)), page(Purpose.HARMLESS_NAME)),
        (LIKELY, "http.reset.host"),
    ),
    (
        "Host header swallowed, another Host answered",
        lambda: with_more(changed(host(), plain_fails(TIMEOUT)), page(Purpose.HARMLESS_NAME)),
        (LIKELY, "http.timeout.host"),
    ),
    (
        "every Host reset",
        lambda: with_more(changed(host(), plain_fails(RESET)), page(Purpose.HARMLESS_NAME, RESET)),
        (LIKELY, "http.reset"),
    ),
    (
        "a certificate of the provider's notice, at Telegram's own address",
        lambda: changed(
            host(),
            certificate(
                leaf("internet-positif.org", sha256="d" * 64, self_signed=True),
                Failure.SSL_UNKNOWN_AUTHORITY,
            ),
            quic_fails,
        ),
        (BLOCKED, "tls.mitm.self_signed"),
    ),
    (
        "somebody else's certificate",
        lambda: changed(
            host(),
            certificate(leaf("stranger.example", sha256="d" * 64), Failure.SSL_INVALID_HOSTNAME),
            quic_fails,
        ),
        (LIKELY, "tls.mitm.ca_signed"),
    ),
    (
        "QUIC handshake for this name swallowed, for another not",
        lambda: with_more(
            changed(host(), quic_handshake_fails),
            replace(_quic("o94"), purpose=Purpose.HARMLESS_NAME, server_name="example.com"),
        ),
        (LIKELY, "quic.timeout.sni"),
    ),
    (
        "QUIC handshakes swallowed, versions offered",
        lambda: changed(host(), quic_handshake_fails),
        (LIKELY, "quic.timeout"),
    ),
]


def _quic(id_: str) -> QuicObservation:
    return QuicObservation(
        id=id_,
        started_s=0.1,
        duration_s=0.1,
        endpoint=SECURE,
        n_sent=4,
        server_name="t.me",
        version=1,
        chain=(leaf("t.me"),),
    )


def quic_handshake_fails(o: AnyObservation) -> AnyObservation:
    if isinstance(o, QuicObservation) and o.server_name is not None:
        return replace(o, failure=TIMEOUT, version=None, chain=())
    return o


@pytest.mark.parametrize("row", NAME_OR_ADDRESS, ids=lambda row: str(row[0]))
def test_name_or_address(row: tuple[str, Build, Expected]) -> None:
    assert outcome(judge(row[1]())) == row[2]


def test_what_turns_everybody_down_is_an_outage() -> None:
    turned_down = changed(host("control"), tls_fails(ALERT), quic_fails)
    verdict = judge(changed(host(), tls_fails(ALERT), quic_fails), control=turned_down)
    assert verdict.state is DOWN


def test_what_turns_the_canary_down_too_is_no_filter_of_one_name() -> None:
    here = with_more(changed(host(), tls_fails(ALERT), quic_fails), harmless())
    verdict = judge(here, canary_here=changed(canary(), tls_fails(ALERT), quic_fails))
    assert verdict.state is INSUFFICIENT


def test_an_alert_then_a_reset_has_no_kind() -> None:
    first = changed(host(), tls_fails(ALERT))
    handshake = next(o for o in first.observations if isinstance(o, TlsObservation))
    both = with_more(first, replace(handshake, id="o99", attempt=2, failure=RESET))
    assert outcome(judge(both)) == (LIKELY, None)


def test_reset_then_silence_has_no_kind() -> None:
    first = changed(host(), tls_fails(RESET))
    handshake = next(o for o in first.observations if isinstance(o, TlsObservation))
    both = with_more(first, replace(handshake, id="o99", attempt=2, failure=TIMEOUT))
    assert outcome(judge(both)) == (LIKELY, None)


NAMES: list[tuple[str, Build, Expected]] = [
    (
        "an address that serves no DNS names a block page",
        lambda: changed(host(), resolves_to(answer(BLOCK_PAGE), resolver=SINK)),
        (BLOCKED, "dns.injection.blockpage"),
    ),
    (
        "an address that serves no DNS names a private address",
        lambda: changed(host(), resolves_to(answer(BOGON), resolver=SINK)),
        (BLOCKED, "dns.injection.bogon"),
    ),
    (
        "an address that serves no DNS names a stranger",
        lambda: changed(host(), resolves_to(answer("45.64.1.9"), resolver=SINK)),
        (BLOCKED, "dns.injection.other"),
    ),
    (
        "a proxy for all DNS that tells the truth",
        lambda: changed(host(), resolves_to(answer(TELEGRAM), resolver=SINK)),
        (OK, None),
    ),
    (
        "the chain of names goes through a block page",
        lambda: changed(
            host(),
            resolves_to(replace(answer("45.64.1.9"), cnames=("internet-positif.org",)), resolver=VANTAGE),
        ),
        (BLOCKED, "dns.injection.blockpage"),
    ),
    (
        "the resolver declares a block ordered by others",
        lambda: changed(host(), resolves_to(declares(16), resolver=VANTAGE, failure=Failure.DNS_NXDOMAIN)),
        (BLOCKED, "dns.nxdomain"),
    ),
    (
        "the resolver declares a block of its own",
        lambda: changed(
            host(),
            resolves_to(declares(15, "REFUSED"), resolver=VANTAGE, failure=Failure.DNS_REFUSED),
        ),
        (BLOCKED, "dns.refused"),
    ),
    (
        "the resolver says that its customer asked for a filter",
        lambda: changed(host(), resolves_to(declares(17), resolver=VANTAGE, failure=Failure.DNS_NXDOMAIN)),
        (LIKELY, "dns.nxdomain"),
    ),
    (
        "an empty answer where addresses are known elsewhere",
        lambda: changed(host(), resolves_to(answer(), resolver=VANTAGE, failure=Failure.DNS_NO_ANSWER)),
        (LIKELY, "dns.no_answer"),
    ),
    (
        "one query answered twice, SERVFAIL first: a resolver that recovered",
        lambda: changed(host(), resolves_to(answer(rcode="SERVFAIL"), answer(TELEGRAM), resolver=VANTAGE)),
        (OK, None),
    ),
    (
        "one query answered twice, alike",
        lambda: changed(host(), resolves_to(answer(TELEGRAM), answer(TELEGRAM), resolver=VANTAGE)),
        (OK, None),
    ),
    (
        "one query answered twice by rotation",
        lambda: changed(host(), resolves_to(answer(TELEGRAM), answer("149.154.167.41"), resolver=VANTAGE)),
        (OK, None),
    ),
    (
        "the public resolver's port 443 and 853 filtered, nothing else",
        lambda: changed(
            host(),
            lambda o: (
                replace(o, answers=(), failure=TIMEOUT)
                if isinstance(o, DnsObservation) and o.transport in ("dot", "doh")
                else o
            ),
        ),
        (OK, None),
    ),
]


@pytest.mark.parametrize("row", NAMES, ids=lambda row: str(row[0]))
def test_names(row: tuple[str, Build, Expected]) -> None:
    assert outcome(judge(row[1]())) == row[2]


def test_an_authenticated_answer_is_control_enough_for_a_denied_name() -> None:
    here = changed(
        host(), resolves_to(answer(rcode="NXDOMAIN"), resolver=VANTAGE, failure=Failure.DNS_NXDOMAIN)
    )
    verdict = judge(here, without_control=True)
    assert outcome(verdict) == (LIKELY, "dns.nxdomain")
    assert StandIn.AUTHENTICATED_ANSWER in verdict.stand_ins and verdict.controls == ()


def test_a_resolver_that_declares_a_block_of_everything_says_nothing_of_this_name() -> None:
    denied = resolves_to(declares(16), resolver=VANTAGE, failure=Failure.DNS_NXDOMAIN)
    verdict = judge(changed(host(), denied), canary_here=changed(canary(), denied))
    assert verdict.state not in (BLOCKED, LIKELY)


def test_a_portal_that_answers_every_query_everywhere_filters_no_name() -> None:
    def everywhere(measured: Measurement) -> Measurement:
        return changed(measured, resolves_to(answer(BOGON)), resolves_to(answer(BOGON), resolver=SINK))

    assert judge(everywhere(host()), canary_here=everywhere(canary())).state not in (BLOCKED, LIKELY)


IP_VERSIONS: list[tuple[str, Build, Build, Expected]] = [
    (
        "both versions work",
        lambda: host("isp", "t.me", TELEGRAM, TELEGRAM6),
        lambda: canary("isp", CANARY6),
        (OK, None),
    ),
    (
        "no IPv6 at this vantage point",
        lambda: over_ipv6(host("isp", "t.me", TELEGRAM, TELEGRAM6), Failure.NETWORK_UNREACHABLE),
        canary,
        (OK, None),
    ),
    (
        "IPv6 broken for everything",
        lambda: over_ipv6(host("isp", "t.me", TELEGRAM, TELEGRAM6), TIMEOUT),
        lambda: over_ipv6(canary("isp", CANARY6), TIMEOUT),
        (OK, None),
    ),
    (
        "IPv6 addresses of the target filtered",
        lambda: over_ipv6(host("isp", "t.me", TELEGRAM, TELEGRAM6), TIMEOUT),
        lambda: canary("isp", CANARY6),
        (LIKELY, "tcp.timeout"),
    ),
    ("IPv6 addresses only", lambda: only_ipv6(host), lambda: canary("isp", CANARY6), (OK, None)),
    (
        "IPv6 addresses only, none here",
        lambda: over_ipv6(only_ipv6(host), Failure.NETWORK_UNREACHABLE),
        canary,
        (INSUFFICIENT, None),
    ),
]


def only_ipv6(build: Callable[..., Measurement], vantage: str = "isp") -> Measurement:
    return build(vantage, "t.me", TELEGRAM6)


@pytest.mark.parametrize("row", IP_VERSIONS, ids=lambda row: str(row[0]))
def test_ip_versions(row: tuple[str, Build, Build, Expected]) -> None:
    addresses = (TELEGRAM6,) if "only" in row[0] else (TELEGRAM, TELEGRAM6)
    control = host("control", "t.me", *addresses)
    verdict = judge_measurement(
        row[1](),
        row[2](),
        [Control(control, canary("control", CANARY6))],
        reference=load_reference(),
    )
    assert outcome(verdict) == row[3], verdict


def test_what_works_over_the_other_ip_version_is_partly_blocked() -> None:
    here = over_ipv6(host("isp", "t.me", TELEGRAM, TELEGRAM6), TIMEOUT)
    control = host("control", "t.me", TELEGRAM, TELEGRAM6)
    assert judge(here, control=control, canary_here=canary("isp", CANARY6)).partial


def transport_fails(
    *transports: str, failure: Failure = TIMEOUT
) -> Callable[[AnyObservation], AnyObservation]:
    def change(o: AnyObservation) -> AnyObservation:
        if isinstance(o, MtprotoObservation) and o.transport in transports:
            return replace(o, failure=failure, nonce_echoed=False, fingerprints=())
        return o

    return change


BOTH, GARBAGE = ("abridged", "obfuscated"), Failure.MTPROTO_BAD_REPLY
CENTRES: list[tuple[str, Build, Expected, bool]] = [
    (
        "what the app speaks is swallowed",
        lambda: changed(data_centre(), transport_fails("obfuscated")),
        (LIKELY, "mtproto.timeout"),
        True,
    ),
    (
        "the plain transport is reset",
        lambda: changed(data_centre(), transport_fails("abridged", failure=RESET)),
        (LIKELY, "mtproto.reset"),
        True,
    ),
    (
        "every transport is answered by another",
        lambda: changed(data_centre(), transport_fails(*BOTH, failure=GARBAGE)),
        (LIKELY, "mtproto.garbage"),
        False,
    ),
    (
        "one swallowed, one reset",
        lambda: changed(
            data_centre(), transport_fails("abridged"), transport_fails("obfuscated", failure=RESET)
        ),
        (LIKELY, None),
        False,
    ),
]


@pytest.mark.parametrize("row", CENTRES, ids=lambda row: str(row[0]))
def test_transports(row: tuple[str, Build, Expected, bool]) -> None:
    verdict = judge(row[1]())
    assert (outcome(verdict), verdict.partial) == (row[2], row[3])


def test_a_transport_that_no_control_tried_is_no_filter_while_others_work() -> None:
    more = replace(
        next(o for o in data_centre().observations if isinstance(o, MtprotoObservation)),
        id="o97",
        transport="http",
        failure=TIMEOUT,
        nonce_echoed=False,
    )
    assert judge(with_more(data_centre(), more)).state is OK


def test_some_ports_dead_without_a_control_is_not_fine() -> None:
    verdict = judge(changed(data_centre(), tcp_fails(TIMEOUT, 443)), without_control=True)
    assert (verdict.state, verdict.rule_id) == (IMPAIRED, "tcp.some_dead")


# --- the path


def test_a_reset_from_nearer_than_any_server_needs_no_control() -> None:
    here = with_more(changed(host(), tls_fails(RESET)), harmless(), *ON_PATH)
    verdict = judge(here, without_control=True)
    assert outcome(verdict) == (LIKELY, "tls.reset.sni")
    assert (verdict.rule_id, verdict.acts_at_hop) == ("tls.reset.on_path", 3)


def test_a_reset_from_the_server_itself_stays_uncompared() -> None:
    here = with_more(changed(host(), tls_fails(RESET)), harmless(), *AT_SERVER)
    verdict = judge(here, without_control=True)
    assert (verdict.state, verdict.acts_at_hop) == (IMPAIRED, None)


def test_with_a_control_the_hop_is_named_as_well() -> None:
    here = with_more(changed(host(), tls_fails(RESET)), harmless(), *ON_PATH)
    assert judge(here).acts_at_hop == 3


def test_silent_routers_show_no_place() -> None:
    here = with_more(
        changed(host(), tls_fails(RESET)),
        harmless(),
        run(Purpose.TARGET, SILENT, SILENT, Heard.RESET),
        run(Purpose.HARMLESS_NAME, SILENT, SILENT, SILENT),
    )
    assert judge(here).acts_at_hop is None


def test_what_dies_before_the_first_router_is_this_machine_s_own_doing() -> None:
    here = with_more(
        changed(host(), tcp_fails(TIMEOUT), quic_fails),
        run(Purpose.TARGET, SILENT, SILENT, SILENT, payload=Payload.SYN),
        run(Purpose.CANARY_ADDRESS, GONE, GONE, GONE, payload=Payload.SYN),
    )
    verdict = judge(here)
    assert (verdict.state, verdict.rule_id) == (INSUFFICIENT, "guard.local_firewall")


def test_a_machine_that_refuses_to_send_blocks_nothing() -> None:
    verdict = judge(changed(host(), tcp_fails(Failure.VANTAGE), quic_fails))
    assert (verdict.state, verdict.rule_id) == (INSUFFICIENT, "guard.local_firewall")


# --- controls and stand-ins


def dead(measured: Measurement) -> Measurement:
    return changed(measured, tcp_fails(TIMEOUT), quic_fails)


def judge_with(here: Measurement, *controls: Control) -> Verdict:
    return judge_measurement(here, canary(), list(controls), reference=load_reference())


def test_another_vantage_point_that_proved_the_target_stands_in() -> None:
    verdict = judge_with(dead(host()), Control(host("other"), None, peer=True))
    assert outcome(verdict) == (LIKELY, "tcp.timeout")
    assert verdict.stand_ins[0] is StandIn.PEER


def test_another_vantage_point_that_fails_takes_nothing_down() -> None:
    verdict = judge_with(dead(host()), Control(dead(host("other")), canary("other"), peer=True))
    assert (verdict.state, verdict.rule_id) == (IMPAIRED, "tcp.uncompared")


def test_controls_that_disagree_settle_nothing() -> None:
    verdict = judge_with(
        dead(host()),
        Control(host("one"), canary("one")),
        Control(dead(host("two")), canary("two")),
    )
    assert (verdict.state, verdict.rule_id) == (IMPAIRED, "tcp.controls_disagree")


def test_handshakes_that_half_of_the_controls_cannot_finish_settle_nothing() -> None:
    broken = changed(host("two"), tls_fails(RESET), quic_fails)
    verdict = judge_with(
        changed(host(), tls_fails(RESET), quic_fails),
        Control(host("one"), canary("one")),
        Control(broken, canary("two")),
    )
    assert (verdict.state, verdict.rule_id) == (IMPAIRED, "tls.controls_disagree")


def test_a_control_behind_a_proxy_of_its_own_controls_nothing() -> None:
    bad = certificate(leaf("x", sha256="e" * 64), Failure.SSL_UNKNOWN_AUTHORITY, over_quic=True)
    verdict = judge_with(
        changed(host(), bad), Control(changed(host("control"), bad), changed(canary("control"), bad))
    )
    assert verdict.state is IMPAIRED


def test_one_of_several_servers_without_its_intermediate_certificate_is_no_middlebox() -> None:
    here = changed(
        host(address="149.154.167.41"),
        certificate(leaf("t.me", sha256="f" * 64), Failure.SSL_UNKNOWN_AUTHORITY, over_quic=True),
    )
    assert judge(here).state is IMPAIRED


def test_a_server_that_sends_its_sister_s_certificate_is_no_middlebox() -> None:
    here = changed(
        host(),
        certificate(
            leaf("*.web.telegram.org", sha256="f" * 64), Failure.SSL_INVALID_HOSTNAME, over_quic=True
        ),
    )
    assert judge(here).state is IMPAIRED


def test_a_certificate_that_ran_out_here_only_is_no_middlebox() -> None:
    """A prober whose clock is wrong only a little, or one server of several."""
    here = changed(
        host(),
        certificate(leaf("t.me", sha256="f" * 64), Failure.SSL_INVALID_CERTIFICATE, over_quic=True),
    )
    assert judge(here).state is IMPAIRED


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_refusal_inside_the_proved_connection_is_the_server_s_own(status: int) -> None:
    here = changed(
        host(),
        lambda o: replace(o, status=status) if isinstance(o, HttpObservation) and o.over_tls else o,
    )
    assert outcome(judge(here)) == (IMPAIRED, "http.error")


def test_a_page_nobody_knows_on_port_80_is_not_called_a_block_page() -> None:
    here = changed(host(), plain_page(status=403, headers=(), body=b"Are you a robot?"))
    assert judge(here).state is OK


STRANGE: dict[str, object] = {"status": 200, "headers": (), "body": b"No.", "received_bytes": 3}
# What port 80 says to the target's Host; a harmless one gets 404, a control is led to HTTPS.
BY_HOST: list[tuple[str, dict[str, object], Expected]] = [
    ("an unknown page", STRANGE, (LIKELY, "http.blockpage.host")),
    ("a proxy's 403", {**STRANGE, "status": 403}, (LIKELY, "http.blockpage.host")),
    ("a proxy's 503", {**STRANGE, "status": 503}, (LIKELY, "http.blockpage.host")),
    ("what every Host gets", {**STRANGE, "status": 404, "received_bytes": 0}, (OK, None)),
    ("what a control gets", {}, (OK, None)),
    (
        "another page of Telegram's",
        {"status": 302, "headers": (("location", "https://telegram.org/"),)},
        (OK, None),
    ),
    ("too many requests", {**STRANGE, "status": 429}, (OK, None)),
]


@pytest.mark.parametrize("row", BY_HOST, ids=lambda row: str(row[0]))
def test_a_page_for_one_host_alone(row: tuple[str, dict[str, object], Expected]) -> None:
    _, shown, expected = row
    here = with_more(changed(host(), plain_page(**shown)), page(Purpose.HARMLESS_NAME))
    verdict = judge(here)
    assert outcome(verdict) == expected, verdict
    if expected[0] is LIKELY:
        assert verdict.partial and outcome(judge(changed(here, quic_fails), without_control=True)) == (
            OK,
            None,
        )


@pytest.mark.parametrize("status", [403, 451, 503])
def test_a_server_that_turns_this_network_away_over_tls_too_blocks_nothing(status: int) -> None:
    shown = plain_page(status=status, headers=(), body=b"No.", received_bytes=3)

    def over_tls(o: AnyObservation) -> AnyObservation:
        return replace(o, status=status) if isinstance(o, HttpObservation) and o.over_tls else o

    here = with_more(changed(host(), shown, over_tls), page(Purpose.HARMLESS_NAME))
    assert outcome(judge(here)) == (IMPAIRED, "http.error")


def test_a_page_that_the_canary_gets_too_is_a_portal() -> None:
    here = with_more(changed(host(), plain_page(**STRANGE)), page(Purpose.HARMLESS_NAME))
    assert judge(here, canary_here=changed(canary(), plain_page(**STRANGE))).state is OK


def test_a_broken_reply_for_one_host_alone() -> None:
    broken = plain_fails(Failure.HTTP_BAD_REPLY)
    here = with_more(changed(host(), broken), page(Purpose.HARMLESS_NAME))
    assert outcome(judge(here)) == (LIKELY, "http.garbage.host")


def over_ipv4(change: Change) -> Change:
    return lambda o: o if not hasattr(o, "endpoint") or ":" in o.endpoint.address else change(o)


@pytest.mark.parametrize(
    ("change", "mechanism"),
    [
        (plain_page(**STRANGE), "http.blockpage.host"),
        (plain_fails(RESET), "http.reset.host"),
        (plain_fails(TIMEOUT), "http.timeout.host"),
    ],
)
def test_a_host_filtered_over_ipv4_alone_is_filtered(change: Change, mechanism: str) -> None:
    """A filter that knows one IP version hinders whoever has no other."""
    here = with_more(
        changed(host("isp", "t.me", TELEGRAM, TELEGRAM6), over_ipv4(change)), page(Purpose.HARMLESS_NAME)
    )
    assert outcome(judge(here, canary_here=canary("isp", CANARY6))) == (LIKELY, mechanism)


# --- measurements of other people: no canary, one exchange with a helper


def helper(failure: Failure | None = None) -> Measurement:
    exchange = HelperObservation(
        id="o1", started_s=0, duration_s=0, failure=failure, url="https://helper.example/"
    )
    return measurement([exchange], target="helper.example", kind=TargetKind.CANARY)


def test_a_helper_that_was_reached_shows_that_the_vantage_point_was_online() -> None:
    verdict = judge(dead(host()), canary_here=helper())
    assert outcome(verdict) == (LIKELY, "tcp.timeout")


def test_a_helper_that_was_not_reached_leaves_it_open() -> None:
    assert judge(dead(host()), canary_here=helper(TIMEOUT)).state is INSUFFICIENT


def test_a_known_notice_needs_no_canary() -> None:
    here = changed(host(), resolves_to(answer(BLOCK_PAGE), resolver=VANTAGE))
    assert outcome(judge(here, without_canary=True, without_control=True)) == (
        BLOCKED,
        "dns.injection.blockpage",
    )


def test_silence_of_a_resolver_that_was_asked_nothing_else_is_impaired() -> None:
    here = changed(host(), resolves_to(resolver=VANTAGE, failure=TIMEOUT))
    verdict = judge(here, canary_here=helper())
    assert (verdict.state, verdict.rule_id) == (IMPAIRED, "dns.fails_uncompared")


def test_a_denied_name_is_taken_for_its_own_without_a_second_name() -> None:
    here = changed(
        host(), resolves_to(answer(rcode="NXDOMAIN"), resolver=VANTAGE, failure=Failure.DNS_NXDOMAIN)
    )
    assert outcome(judge(here, canary_here=helper())) == (LIKELY, "dns.nxdomain")


def request_of_unknown_address(failure: Failure | None) -> HttpObservation:
    return HttpObservation(
        id="o80",
        started_s=0,
        duration_s=1,
        failure=failure,
        endpoint=Endpoint(address="", port=443),
        over_tls=True,
        host="t.me",
        path="/",
        status=None if failure else 200,
    )


def old_import(failure: Failure | None) -> Measurement:
    """As written down before handshakes were: names, connects, requests."""
    kept = changed(host(), drop(TlsObservation, HttpObservation, QuicObservation))
    return with_more(kept, request_of_unknown_address(failure))


def test_an_https_page_without_a_handshake_written_down_is_proof() -> None:
    assert judge(old_import(None), canary_here=helper()).state is OK


def test_an_https_request_that_broke_off_unseen_has_no_mechanism() -> None:
    verdict = judge(old_import(RESET), canary_here=helper())
    assert (verdict.state, verdict.mechanism, verdict.rule_id) == (LIKELY, None, "tls.request_broken")


def plain_import(**fields: object) -> Measurement:
    def only_plain(o: AnyObservation) -> AnyObservation | None:
        if isinstance(o, DnsObservation):
            return o
        return None if isinstance(o, TlsObservation | QuicObservation) or o.endpoint.port == 443 else o

    return changed(host(), only_plain, plain_page(**fields))


def test_plain_http_that_says_what_the_control_gets_is_fine() -> None:
    assert outcome(judge(plain_import(), canary_here=helper())) == (OK, None)


def test_plain_http_that_says_something_else_is_impaired() -> None:
    verdict = judge(plain_import(status=200, headers=(), received_bytes=5), canary_here=helper())
    assert (verdict.state, verdict.rule_id) == (IMPAIRED, "http.differs")


def test_what_every_client_gets_is_no_forgery() -> None:
    """A zone that holds a private address, for the control and over DoH as well."""
    same = resolves_to(answer("127.0.0.1"), everywhere=True)
    gone = drop(TcpObservation, TlsObservation, HttpObservation, QuicObservation)
    verdict = judge(changed(host(), same, gone), control=changed(host("control"), same, gone))
    assert verdict.state not in (BLOCKED, LIKELY), verdict


def test_one_answer_is_no_race() -> None:
    here = changed(host(), resolves_to(answer("45.64.1.9"), everywhere=True))
    assert judge(here, without_control=True).rule_id != "dns.second_answer.other"


def test_an_address_has_no_name_to_be_resolved() -> None:
    here = changed(host("isp", TELEGRAM), drop(DnsObservation))
    assert outcome(judge(here, control=changed(host("control", TELEGRAM), drop(DnsObservation)))) == (
        OK,
        None,
    )


def test_pages_that_break_off_are_impaired() -> None:
    def cut(o: AnyObservation) -> AnyObservation:
        return replace(o, failure=TIMEOUT) if isinstance(o, HttpObservation) and o.over_tls else o

    verdict = judge(changed(host(), cut))
    assert (verdict.state, verdict.rule_id) == (IMPAIRED, "http.incomplete")


def test_a_proxy_for_tls_that_lets_quic_pass_blocks_nothing() -> None:
    bad = certificate(leaf("x", sha256="e" * 64, issuer="CN=Proxy"), Failure.SSL_UNKNOWN_AUTHORITY)
    verdict = judge(changed(host(), bad), canary_here=changed(canary(), bad))
    assert (verdict.state, verdict.layer.value) == (INSUFFICIENT, "tls")


def test_a_local_firewall_that_lets_quic_pass_blocks_nothing() -> None:
    here = with_more(
        changed(host(), tcp_fails(TIMEOUT)),
        run(Purpose.TARGET, SILENT, SILENT, payload=Payload.SYN),
        run(Purpose.CANARY_ADDRESS, GONE, GONE, payload=Payload.SYN),
    )
    assert judge(here).rule_id == "guard.local_firewall"


def test_an_answer_beside_the_router_where_the_payload_died_was_made_before_it() -> None:
    died = Hop(ttl=2, heard=Heard.ANSWER, router="10.3.2.1")
    query = replace(run(Purpose.TARGET, payload=Payload.DNS_QUERY), hops=(died,))
    assert judge(with_more(host(), query)).acts_at_hop == 2


def test_a_port_that_the_far_end_itself_calls_closed_is_nothing_on_the_path() -> None:
    closed = Hop(ttl=5, heard=Heard.REFUSED, router=TELEGRAM)
    assert judge(with_more(host(), replace(run(Purpose.TARGET), hops=(closed,)))).acts_at_hop is None


def page_fails(over_tls: bool) -> Change:
    def change(o: AnyObservation) -> AnyObservation:
        fails = isinstance(o, HttpObservation) and o.over_tls is over_tls
        return replace(o, failure=TIMEOUT, status=None, headers=(), body=b"") if fails else o

    return change


FAILS_OVER_IPV4: list[tuple[Change, State]] = [
    (tls_fails(TIMEOUT), DOWN),
    (tls_fails(RESET), DOWN),
    (tls_fails(Failure.SSL_HANDSHAKE), DOWN),
    (page_fails(over_tls=True), DOWN),
    (page_fails(over_tls=False), OK),
    (quic_handshake_fails, OK),
]


@pytest.mark.parametrize(("fails", "state"), FAILS_OVER_IPV4)
def test_what_fails_over_ipv4_for_everybody_is_no_block_though_controls_have_ipv6(
    fails: Change, state: State
) -> None:
    here = changed(host(), fails)
    control = changed(host("control", "t.me", TELEGRAM, TELEGRAM6), over_ipv4(fails))
    assert judge(here, control=control).state is state
    well = host("control", "t.me", TELEGRAM, TELEGRAM6)
    assert judge(here, control=well).state is LIKELY or judge(here, control=well).partial
