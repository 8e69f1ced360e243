"""Healthy things that look strange: none may be called blocked, and each block beside them still is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import BLOCKED_STATES, State, Verdict
from observatory.reference import load_reference
from observatory.reference.authorities import RootStore
from probes.records import (
    PROXY_FAILURES,
    SPARE_PORT,
    AnyObservation,
    Certificate,
    DnsObservation,
    Endpoint,
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
    TcpObservation,
    TlsObservation,
)
from tests.observatory.analysis.judging.builder import (
    BLOCK_PAGE,
    BOGON,
    CANARY,
    CANARY6,
    RESOLVER,
    TELEGRAM,
    TELEGRAM6,
    answer,
    canary,
    changed,
    data_centre,
    drop,
    host,
    judge,
    plain_page,
    quic_fails,
    resolves_to,
    tcp_fails,
    tls_fails,
    with_more,
)
from tests.observatory.analysis.judging.certificates import (
    EXPIRED,
    FILTER,
    GENUINE,
    ROOT,
    SELF_SIGNED,
    STRANGER,
    pem,
)

VANTAGE, CHOSEN = Resolver.VANTAGE, Resolver.CHOSEN
Build = Callable[[], Measurement]
Change = Callable[[AnyObservation], AnyObservation | None]


def answers(query_type: str, *addresses: str) -> Change:
    """What the vantage's resolver says to one type of query."""

    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, DnsObservation) or o.resolver is not VANTAGE or o.query_type != query_type:
            return o
        failure = None if addresses else Failure.DNS_NO_ANSWER
        return replace(o, answers=(answer(*addresses),), failure=failure)

    return change


def dual(vantage: str = "isp") -> Measurement:
    return host(vantage, "t.me", TELEGRAM, TELEGRAM6)


def dual_canary() -> Measurement:
    return canary("isp", CANARY6)


def only_over(version: int, failure: Failure) -> Change:
    """No connect over the other IP version, and nothing above it."""

    def change(o: AnyObservation) -> AnyObservation | None:
        if isinstance(o, DnsObservation):
            server = Endpoint(address="2001:4860:4860::8888", port=o.server.port)
            return replace(o, server=server) if version == 6 else o
        if isinstance(o, HelperObservation):
            return o
        if (":" in o.endpoint.address) is (version == 6):
            return o
        return replace(o, failure=failure) if isinstance(o, TcpObservation) else None

    return change


# --- addresses that no public server can have


def test_null_beside_a_genuine_address_only_switches_ipv6_off() -> None:
    verdict = judge(changed(host(), answers("AAAA", "::")))
    assert (verdict.state, verdict.mechanism) == (State.OK, None), verdict


def test_null_for_both_types_is_a_block() -> None:
    verdict = judge(changed(host(), answers("A", "0.0.0.0"), answers("AAAA", "::")))
    assert (verdict.state, verdict.mechanism) == (State.BLOCKED, "dns.injection.bogon"), verdict


def test_a_private_ipv4_address_beside_a_genuine_ipv6_one_counts_where_ipv6_is_not_used() -> None:
    here = changed(host(), answers("A", BOGON), answers("AAAA", TELEGRAM6))
    assert judge(here).mechanism == "dns.injection.bogon"
    used = judge(changed(dual(), answers("A", BOGON)), control=dual("control"), canary_here=dual_canary())
    assert (used.state, used.rule_id) == (State.IMPAIRED, "dns.reserved_beside_genuine"), used


def test_made_up_addresses_for_every_name_are_the_lines_own_way() -> None:
    here = changed(host(), answers("A", "198.18.0.5"))
    line = changed(canary(), answers("A", "198.18.0.6"))
    assert judge(here, canary_here=line).state not in BLOCKED_STATES
    # The client of made-up addresses opens them all.
    opened = changed(host(address="198.18.0.5"), answers("A", "198.18.0.5"))
    line = changed(
        replace(host(name="example.com", address="198.18.0.6"), target_kind=canary().target_kind),
        lambda o: (
            replace(o, answers=(answer(CANARY),))
            if isinstance(o, DnsObservation) and o.transport in ("dot", "doh")
            else o
        ),
    )
    assert judge(opened, canary_here=line).state is State.OK


def test_a_made_up_address_shows_no_filter_though_the_client_spares_the_canary() -> None:
    here = changed(host(), answers("A", "198.18.0.5"))
    assert judge(here).state not in BLOCKED_STATES


def test_no_ipv6_for_anybody_does_not_excuse_no_ipv4_for_the_target() -> None:
    here = changed(host(), answers("A", "0.0.0.0"), answers("AAAA", "::"))
    line = changed(canary(), answers("AAAA", "::"))
    assert judge(here, canary_here=line).mechanism == "dns.injection.bogon"


@pytest.mark.parametrize("prefix", ["64:ff9b::", "64:ff9b:1:2::", "fd00:64::", "2001:db8:122:344::"], ids=str)
def test_a_translated_address_is_the_one_inside(prefix: str) -> None:
    """DNS64 with the well-known prefix, one for local use, one of the network's own."""
    translated = f"{prefix}{TELEGRAM}"
    here = changed(host("isp", "t.me", translated), answers("A"), answers("AAAA", translated))
    line = changed(canary(), answers("A"), answers("AAAA", f"{prefix}{CANARY}"))
    verdict = judge(here, canary_here=line)
    assert verdict.state is State.OK, verdict
    unopened = changed(host(), answers("AAAA", translated))
    assert judge(unopened, canary_here=line).state is State.OK


def test_a_translated_address_is_genuine_though_the_prefix_is_not_known() -> None:
    """What is filtered above it is then named by its own layer."""
    translated = f"fd00:64::{TELEGRAM}"
    reset = changed(host("isp", "t.me", translated), tls_fails(Failure.CONNECTION_RESET), quic_fails)
    verdict = judge(reset, canary_here=dual_canary())
    assert verdict.mechanism == "tls.reset", verdict


@pytest.mark.parametrize("prefix", ["64:ff9b::", "2001:db8:122:344::"], ids=str)
def test_a_translated_block_page_is_one(prefix: str) -> None:
    here = changed(host(), answers("A"), answers("AAAA", f"{prefix}{BLOCK_PAGE}"))
    line = changed(canary(), answers("AAAA", f"{prefix}{CANARY}"))
    assert judge(here, canary_here=line).mechanism == "dns.injection.blockpage"


def cached_page(measured: Measurement, address: str, **fields: Any) -> Measurement:
    """An import of plain HTTP: one address, one page, no handshake."""
    page = {
        "status": 200,
        "headers": (),
        "body": b"<title>Telegram</title>" + b"x" * 3000,
        "received_bytes": 3023,
    }
    return changed(
        measured,
        drop(TlsObservation, QuicObservation),
        lambda o: None if isinstance(o, HttpObservation) and o.over_tls else o,
        lambda o: None if isinstance(o, TcpObservation) and o.endpoint.port == 443 else o,
        answers("A", address),
        plain_page(**(page | fields)),
    )


def test_a_private_cache_that_shows_the_controls_page_is_genuine() -> None:
    cached = changed(host(address="100.64.5.5"), resolves_to(answer(TELEGRAM), everywhere=True))
    here = cached_page(cached, "100.64.5.5")
    control = cached_page(host("control"), TELEGRAM, received_bytes=3400, body=b"")
    assert judge(here, control=control).state is State.BLOCKED
    control = cached_page(host("control"), TELEGRAM, received_bytes=3050, body=b"")
    assert judge(here, control=control).state is State.OK


def chosen(o: AnyObservation) -> AnyObservation:
    return replace(o, resolver=CHOSEN) if isinstance(o, DnsObservation) and o.resolver is VANTAGE else o


@pytest.mark.parametrize("lie", [answer("0.0.0.0"), answer(BLOCK_PAGE), answer(rcode="NXDOMAIN")], ids=str)
def test_a_resolver_outside_the_network_accuses_nobody(lie: Any) -> None:
    failure = Failure.DNS_NXDOMAIN if lie.rcode == "NXDOMAIN" else None
    here = changed(host(), resolves_to(lie, resolver=VANTAGE, failure=failure), chosen)
    verdict = judge(here)
    assert (verdict.state, verdict.rule_id) == (State.IMPAIRED, "dns.chosen_resolver"), verdict
    assert judge(changed(host(), chosen)).state is State.OK


# --- notices

NOTICE = b"<html><title>Internet Positif</title>Mohon maaf, akses ke situs ini diblokir</html>"
LAW = b"<html><title>Daftar peraturan</title>Peraturan Menteri Komunikasi dan Informatika Nomor 19 Tahun 2014"


def test_a_page_that_the_control_got_too_is_no_notice() -> None:
    page = plain_page(status=200, headers=(), body=NOTICE, received_bytes=len(NOTICE))
    control = changed(host("control"), page)
    assert judge(changed(host(), page), control=control).state is State.OK
    longer = plain_page(status=200, headers=(), body=NOTICE + b"x" * 10, received_bytes=len(NOTICE) + 10)
    assert judge(changed(host(), longer), control=control).state is State.OK
    assert judge(changed(host(), page)).mechanism == "http.blockpage"


def test_a_page_is_known_by_the_title_that_the_control_kept() -> None:
    page = plain_page(status=200, headers=(), body=NOTICE, received_bytes=len(NOTICE))
    kept = {"status": 200, "headers": (), "body": b"", "received_bytes": len(NOTICE) + 30}
    control = changed(host("control"), plain_page(**kept, title="Internet Positif"))
    assert judge(changed(host(), page), control=control).state is State.OK
    control = changed(host("control"), plain_page(**kept, title="Telegram"))
    assert judge(changed(host(), page), control=control).mechanism == "http.blockpage"


def test_a_redirect_that_the_control_got_too_leads_to_no_notice() -> None:
    page = plain_page(status=302, headers=(("Location", "http://internet-positif.org/"),))
    assert judge(changed(host(), page), control=changed(host("control"), page)).state is State.OK
    assert judge(changed(host(), page)).mechanism == "http.redirect"


def test_a_page_that_quotes_the_law_is_no_notice() -> None:
    page = plain_page(status=200, headers=(), body=LAW, received_bytes=len(LAW))
    assert judge(changed(host(), page)).state not in BLOCKED_STATES


def test_the_blockers_own_site_is_not_blocked_by_itself() -> None:
    name, address = "internet-positif.org", "118.97.116.27"
    here = changed(
        host("isp", name, address), plain_page(status=200, headers=(), body=NOTICE), drop(QuicObservation)
    )
    assert judge(here).state is State.OK
    assert judge(here, without_control=True).state is State.OK


def test_a_providers_site_may_lead_to_its_own_page_on_blocking() -> None:
    page = plain_page(status=302, headers=(("Location", "http://internetbaik.telkomsel.com/"),))
    here = changed(host("isp", "www.telkomsel.com", "203.0.114.9"), page)
    assert judge(here, without_control=True).state is State.OK
    elsewhere = changed(host("isp", "www.xl.co.id", "203.0.114.9"), page)
    assert judge(elsewhere, without_control=True).mechanism == "http.redirect"


def test_a_sinkhole_that_is_the_sites_real_address() -> None:
    here = changed(host("isp", "bystander.example", BLOCK_PAGE), drop(QuicObservation))
    unproved = changed(here, drop(TlsObservation), tcp_fails(Failure.TIMEOUT))
    control = host("control", "bystander.example", BLOCK_PAGE)
    resolved_only = changed(control, drop(TlsObservation, QuicObservation))
    assert judge(here, control=control).state is State.OK
    assert judge(unproved, control=resolved_only).mechanism != "dns.injection.blockpage"


# --- certificates: the chain decides, not the client

ROOTS = replace(load_reference(), authorities=RootStore(pem(ROOT)))


def shown(chain: tuple[Certificate, ...], failure: Failure) -> Change:
    def change(o: AnyObservation) -> AnyObservation | None:
        if isinstance(o, TlsObservation) and o.purpose is Purpose.TARGET:
            return replace(o, chain=chain, certificate_failure=failure)
        secure = isinstance(o, QuicObservation) or (isinstance(o, HttpObservation) and o.over_tls)
        return None if secure else o

    return change


def judge_chain(
    chain: tuple[Certificate, ...],
    failure: Failure,
    *,
    trust: str = "system",
    canary_here: Measurement | None = None,
) -> Verdict:
    here = replace(changed(host(), shown(chain, failure)), trust=trust)
    controls = [Control(host("control"), canary("control"))]
    return judge_measurement(here, canary_here or canary(), controls, reference=ROOTS)


AUTHORITY, NAME, INVALID = (
    Failure.SSL_UNKNOWN_AUTHORITY,
    Failure.SSL_INVALID_HOSTNAME,
    Failure.SSL_INVALID_CERTIFICATE,
)


@pytest.mark.parametrize(
    ("situation", "chain", "said", "state", "mechanism"),
    [
        ("client without the root", GENUINE, AUTHORITY, State.INSUFFICIENT, None),
        ("client with a wrong clock", GENUINE, INVALID, State.INSUFFICIENT, None),
        ("made by a filter", FILTER, AUTHORITY, State.BLOCKED, "tls.mitm.unknown_ca"),
        ("another fault named first", FILTER, NAME, State.BLOCKED, "tls.mitm.unknown_ca"),
        ("self-signed", SELF_SIGNED, NAME, State.BLOCKED, "tls.mitm.self_signed"),
        ("another's, of a public authority", STRANGER, NAME, State.LIKELY_BLOCKED, "tls.mitm.ca_signed"),
        (
            "another's, and no root",
            STRANGER,
            AUTHORITY,
            State.LIKELY_BLOCKED,
            "tls.mitm.ca_signed",
        ),
        ("run out, client without the root", EXPIRED, AUTHORITY, State.IMPAIRED, None),
    ],
)
def test_a_chain_speaks_for_itself(
    situation: str, chain: tuple[Certificate, ...], said: Failure, state: State, mechanism: str | None
) -> None:
    verdict = judge_chain(chain, said)
    assert (verdict.state, verdict.mechanism) in (
        (state, mechanism),
        (State.INSUFFICIENT if state is State.IMPAIRED else state, mechanism),
    ), verdict


def test_a_private_network_has_authorities_of_its_own() -> None:
    verdict = judge_chain(GENUINE, AUTHORITY, trust="ca_file sha256:0")
    assert verdict.mechanism == "tls.mitm.unknown_ca"


def test_what_an_antivirus_program_also_shows_for_the_canary_is_no_filter() -> None:
    bumped = TlsObservation(
        id="o80",
        started_s=0.1,
        duration_s=0.02,
        endpoint=Endpoint(address=CANARY, port=443),
        server_name="example.com",
        chain=(replace(FILTER[0], sha256="e" * 64),),
        certificate_failure=AUTHORITY,
    )
    assert judge_chain(FILTER, AUTHORITY, canary_here=with_more(canary(), bumped)).state not in BLOCKED_STATES


@pytest.mark.parametrize(
    ("issuer", "rule_id"),
    [
        ("CN=Kaspersky Anti-Virus Personal Root Certificate,O=AO Kaspersky Lab", "tls.own_interceptor"),
        ("O=Fortinet,CN=FG100", "tls.own_interceptor"),
        ("CN=Not Kaspersky", "tls.mitm.unknown_ca"),
    ],
)
def test_a_customers_own_program_is_no_filter_of_the_network(issuer: str, rule_id: str) -> None:
    """Though it spares the canary, or the helper of an import."""
    made = (replace(FILTER[0], issuer=issuer, sha256="f" * 64),)
    assert judge_chain(made, AUTHORITY).rule_id == rule_id


# --- the machine's own limits


def test_a_host_without_ipv4() -> None:
    here = changed(dual(), only_over(6, Failure.NETWORK_UNREACHABLE))
    line = changed(dual_canary(), only_over(6, Failure.NETWORK_UNREACHABLE))
    verdict = judge(here, canary_here=line, control=dual("control"))
    assert (verdict.state, verdict.n_ok, verdict.n_tried) == (State.OK, 1, 1), verdict


def test_a_data_centre_over_ipv4_says_nothing_to_a_host_without_it() -> None:
    here = changed(data_centre(), tcp_fails(Failure.NETWORK_UNREACHABLE))
    line = changed(dual_canary(), only_over(6, Failure.NETWORK_UNREACHABLE))
    assert judge(here, canary_here=line).state is State.INSUFFICIENT
    assert judge(here).mechanism == "ip.unreachable"


def test_a_host_without_ipv6() -> None:
    here = changed(dual(), only_over(4, Failure.NETWORK_UNREACHABLE))
    assert judge(here, control=dual("control")).state is State.OK


def test_a_router_that_rejects_ipv4_is_no_limit_of_the_machine() -> None:
    here = changed(dual(), only_over(6, Failure.NETWORK_UNREACHABLE))
    verdict = judge(here, canary_here=dual_canary(), control=dual("control"))
    assert verdict.mechanism == "ip.unreachable"
    # So does an answer of a public resolver over IPv4, where the canary's connects are not known.
    line = changed(dual_canary(), only_over(6, Failure.NETWORK_UNREACHABLE))
    heard = with_more(here, asked_at("8.8.8.8"))
    assert judge(heard, canary_here=line, control=dual("control")).mechanism == "ip.unreachable"


def asked_at(server: str) -> DnsObservation:
    return replace(asked("A", TELEGRAM), id="o69", server=Endpoint(address=server, port=53))


def test_a_refusal_by_this_machine_is_its_own() -> None:
    assert judge(changed(host(), tcp_fails(Failure.VANTAGE))).rule_id == "guard.local_firewall"


SECURE = Endpoint(address=TELEGRAM, port=443)


def syns(purpose: Purpose, *heard: Heard, address: str = TELEGRAM) -> HopsObservation:
    return HopsObservation(
        id=f"o95{purpose.value}",
        started_s=0.2,
        duration_s=0.5,
        endpoint=Endpoint(address=address, port=443),
        payload=Payload.SYN,
        purpose=purpose,
        hops=tuple(Hop(ttl=ttl, heard=what) for ttl, what in enumerate(heard, start=1)),
    )


@pytest.mark.parametrize(
    ("failure", "heard"),
    [
        (Failure.CONNECTION_REFUSED, Heard.REFUSED),
        (Failure.CONNECTION_RESET, Heard.RESET),
        (Failure.HOST_UNREACHABLE, Heard.UNREACHABLE),
    ],
)
def test_a_local_firewall_that_rejects(failure: Failure, heard: Heard) -> None:
    gone = Heard.TIME_EXCEEDED
    elsewhere = syns(Purpose.CANARY_ADDRESS, gone, gone, Heard.ANSWER, address=CANARY)
    here = changed(host(), tcp_fails(failure), quic_fails)
    at_home = with_more(here, syns(Purpose.TARGET, heard), elsewhere)
    assert judge(at_home).rule_id == "guard.local_firewall"
    beyond = with_more(here, syns(Purpose.TARGET, gone, heard), elsewhere)
    assert judge(beyond).state is State.LIKELY_BLOCKED


def test_a_refusal_sooner_than_any_router_could() -> None:
    refused = changed(host(), tcp_fails(Failure.CONNECTION_REFUSED), quic_fails)

    def taking(seconds: float) -> Measurement:
        return changed(
            refused, lambda o: replace(o, duration_s=seconds) if isinstance(o, TcpObservation) else o
        )

    assert judge(taking(0.0002)).rule_id == "guard.local_firewall"
    assert judge(taking(0.004)).mechanism == "tcp.refused"
    # A source that keeps no times.
    assert judge(taking(0.0)).mechanism == "tcp.refused"


# --- the server's own word


@pytest.mark.parametrize("status", [403, 429, 451])
def test_a_genuine_server_that_refuses_is_no_filter(status: int) -> None:
    def refuses(o: AnyObservation) -> AnyObservation:
        return replace(o, status=status, body=b"no") if isinstance(o, HttpObservation) and o.over_tls else o

    assert judge(changed(host(), refuses)).state is State.IMPAIRED


def transport_error(code: int) -> Change:
    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, MtprotoObservation):
            return o
        detail = f"ProtocolError: transport error {code}"
        return replace(
            o, nonce_echoed=False, fingerprints=(), failure=Failure.MTPROTO_BAD_REPLY, detail=detail
        )

    return change


@pytest.mark.parametrize("code", [-404, -429, -444])
def test_a_documented_transport_error_is_telegram_speaking(code: int) -> None:
    verdict = judge(changed(data_centre(), transport_error(code)))
    assert (verdict.state, verdict.rule_id) == (State.IMPAIRED, "mtproto.transport_error")


def test_an_error_for_the_apps_own_transport_is_not_well_though_another_got_through() -> None:
    error = transport_error(-429)
    here = changed(data_centre(), lambda o: error(o) if getattr(o, "transport", "") == "obfuscated" else o)
    assert judge(here).rule_id == "mtproto.transport_error"
    at_one_port = changed(
        data_centre(),
        lambda o: error(o) if isinstance(o, MtprotoObservation) and o.endpoint.port == 443 else o,
    )
    assert judge(at_one_port).state is State.OK


def test_any_other_number_is_garbage() -> None:
    assert judge(changed(data_centre(), transport_error(-4290))).mechanism == "mtproto.garbage"


# --- no set of such things makes a healthy measurement blocked


def asked(query_type: str, *addresses: str, resolver: Resolver = VANTAGE) -> DnsObservation:
    return DnsObservation(
        id="o70",
        started_s=0.1,
        duration_s=0.02,
        resolver=resolver,
        server=RESOLVER,
        transport="udp",
        name="t.me",
        query_type=query_type,
        answers=(answer(*addresses),),
    )


def handshake(chain: tuple[Certificate, ...], failure: Failure) -> TlsObservation:
    return TlsObservation(
        id="o71",
        started_s=0.1,
        duration_s=0.02,
        endpoint=SECURE,
        server_name="t.me",
        chain=chain,
        certificate_failure=failure,
    )


def connect(address: str, failure: Failure) -> TcpObservation:
    endpoint = Endpoint(address=address, port=443)
    return TcpObservation(id="o72", started_s=0.1, duration_s=0.0001, endpoint=endpoint, failure=failure)


def page(body: bytes, status: int = 200) -> HttpObservation:
    return HttpObservation(
        id="o73",
        started_s=0.1,
        duration_s=0.02,
        endpoint=Endpoint(address=TELEGRAM, port=80),
        over_tls=False,
        host="t.me",
        path="/",
        status=status,
        body=body,
        received_bytes=len(body),
    )


def truncated(transport: str) -> DnsObservation:
    """A reply that a resolver which limits rates cut short."""
    return DnsObservation(
        id="o74",
        started_s=0.1,
        duration_s=0.02,
        failure=Failure.DNS_TRUNCATED,
        resolver=Resolver.VANTAGE,
        server=RESOLVER,
        transport=transport,
        name="t.me",
        query_type="A",
        answers=(replace(answer(), truncated=True),),
    )


def mtproto(
    failure: Failure, *, address: str = TELEGRAM, port: int = 443, name: str = "", code: int | None = None
) -> MtprotoObservation:
    """A word of Telegram's own: an error of MTProto's, or a status for whoever asks a front for WebSocket."""
    return MtprotoObservation(
        id="o75",
        started_s=0.1,
        duration_s=0.02,
        failure=failure,
        endpoint=Endpoint(address=address, port=port),
        transport="websocket" if name else "intermediate",
        server_name=name,
        transport_error=code if failure is Failure.MTPROTO_TRANSPORT_ERROR else None,
        status=403 if name else None,
    )


CODES = st.sampled_from([-404, -429, -444])
NULLS = st.sampled_from(["::", "::1", "fd00::1", "fe80::1", "2001:db8::1", f"64:ff9b:1::{TELEGRAM}"])
LIES = st.sampled_from(["0.0.0.0", "127.0.0.1", BOGON, BLOCK_PAGE, "198.18.0.7", "100.64.1.1"])
STRANGE: st.SearchStrategy[AnyObservation] = st.one_of(
    st.builds(asked, st.just("AAAA"), NULLS),
    st.builds(asked, st.just("A"), LIES, resolver=st.just(CHOSEN)),
    st.builds(
        handshake,
        st.sampled_from([GENUINE, EXPIRED, FILTER, STRANGER, SELF_SIGNED]),
        st.sampled_from([AUTHORITY, NAME, INVALID]),
    ),
    st.builds(
        connect,
        st.sampled_from([TELEGRAM, TELEGRAM6, "0.0.0.0", "::"]),
        st.sampled_from(
            [
                Failure.NETWORK_UNREACHABLE,
                Failure.VANTAGE,
                Failure.CONNECTION_REFUSED,
                *sorted(PROXY_FAILURES),
            ]
        ),
    ),
    st.builds(truncated, st.sampled_from(["udp", "tcp"])),
    st.builds(mtproto, st.just(Failure.MTPROTO_TRANSPORT_ERROR), name=st.just("t.me"), code=CODES),
    st.builds(mtproto, st.just(Failure.MTPROTO_BAD_REPLY), name=st.just("t.me")),
    st.builds(page, st.just(LAW), st.sampled_from([200, 403, 429, 451])),
    st.builds(page, st.just(NOTICE)),
    st.builds(
        syns, st.sampled_from(list(Purpose)), st.sampled_from(list(Heard)), st.sampled_from(list(Heard))
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STRANGE, max_size=6), st.booleans())
def test_no_set_of_oddities_makes_a_healthy_host_blocked(more: list[AnyObservation], is_dual: bool) -> None:
    """The control was shown the same notice, as a site that quotes one shows it to everybody."""
    healthy = dual() if is_dual else host()
    strange = [replace(o, id=f"o{70 + i}") for i, o in enumerate(more)]
    control = with_more(dual("control"), replace(page(NOTICE), id="o79"))
    verdict = judge_measurement(
        with_more(healthy, *strange), canary(), [Control(control, canary("control"))], reference=ROOTS
    )
    assert verdict.state not in BLOCKED_STATES, verdict


DC, GONE = "149.154.167.51", "149.154.167.77"
ODD_AT_A_DATA_CENTRE: st.SearchStrategy[AnyObservation] = st.one_of(
    st.builds(
        mtproto,
        st.just(Failure.MTPROTO_TRANSPORT_ERROR),
        address=st.just(DC),
        port=st.sampled_from([443, 80, SPARE_PORT]),
        code=CODES,
    ),
    st.builds(
        mtproto,
        st.sampled_from([Failure.TIMEOUT, Failure.CONNECTION_RESET, Failure.MTPROTO_BAD_REPLY]),
        address=st.sampled_from([DC, GONE]),
        port=st.just(SPARE_PORT),
    ),
    # No control reaches the first two either; the third is in an IP version that is not there.
    st.builds(
        connect,
        st.sampled_from([GONE, "0.0.0.0", TELEGRAM6]),
        st.sampled_from([Failure.TIMEOUT, Failure.CONNECTION_REFUSED, *sorted(PROXY_FAILURES)]),
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(ODD_AT_A_DATA_CENTRE, max_size=6))
def test_no_set_of_oddities_makes_a_healthy_data_centre_blocked(more: list[AnyObservation]) -> None:
    strange = [replace(o, id=f"o{70 + i}") for i, o in enumerate(more)]
    control = with_more(data_centre("control"), replace(connect(GONE, Failure.TIMEOUT), id="o79"))
    verdict = judge(with_more(data_centre(), *strange), control=control)
    assert verdict.state not in BLOCKED_STATES, verdict
