"""How one OONI document becomes records, and what is never looked at."""

import base64
import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory.importers.fields import Rejected, endpoint, host_name
from observatory.importers.imported import Imported
from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.importers.ooni_failures import FAILURES, parse_failure
from probes.records import (
    DnsObservation,
    Failure,
    HelperObservation,
    HttpObservation,
    Measurement,
    Purpose,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    TlsObservation,
    encode_measurement,
)
from probes.wire.dns import encode_query
from tests.observatory.importers.ooni_documents import (
    BINARY,
    BLOCK_PAGE,
    CENTRES,
    CLASSIC,
    LEGACY,
    LTE,
    TELEGRAM,
    TELEGRAM_V6,
    certificate,
    changed,
    connect,
    handshake,
    query,
    request,
    telegram,
    web,
)
from tests.observatory.importers.test_ooni_situations import SITUATIONS

# Every name of df-007, current and legacy.
DF_007 = """
android_dns_cache_no_data connection_aborted connection_already_closed connection_refused
connection_reset dns_bogon_error dns_no_answer dns_non_recoverable_failure dns_nxdomain_error
dns_reply_with_wrong_query_id dns_refused_error dns_server_misbehaving dns_servfail_error
dns_temporary_failure eof_error http_invalid_redirect_location_host http_request_failed host_unreachable
generic_timeout_error http_unexpected_redirect_url http_unexpected_status_code interrupted
json_parse_error network_down network_reset network_unreachable quic_incompatible_version
ssl_failed_handshake ssl_invalid_hostname ssl_unknown_authority ssl_invalid_certificate socks_error
address_family_not_supported_error connect_error connection_done connection_lost_error
connection_refused_error deferred_timeout_error dns_lookup_error dns_name_error dns_name_failure
response_never_received socks_address_not_supported socks_command_not_supported
socks_connection_not_allowed socks_connection_refused socks_host_unreachable socks_network_unreachable
socks_server_failure socks_ttl_expired task_timed_out tcp_timed_out_error
""".split()
# What OONI concluded, wherever it stands.
CONCLUSIONS = {
    "accessible": [True, False, None, "yes"],
    "blocking": ["dns", "tcp_ip", "http-diff", "http-failure", False, None],
    "dns_consistency": ["consistent", "inconsistent", "reverse_match", None],
    "body_length_match": [True, False, None],
    "body_proportion": [0, 1, 0.3],
    "headers_match": [True, False],
    "status_code_match": [True, False],
    "title_match": [True, False],
    "dns_experiment_failure": [None, "dns_nxdomain_error"],
    "http_experiment_failure": [None, "connection_reset"],
    "failed_operation": [None, "connect"],
    "telegram_http_blocking": [True, False],
    "telegram_tcp_blocking": [True, False],
    "telegram_web_failure": [None, "connection_reset"],
    "telegram_web_status": ["ok", "blocked"],
    "x_blocking_flags": [0, 1, 255],
    "x_dns_flags": [0, 8],
    "x_conclusion": [{"state": "blocked"}, []],
}


def main(document: dict[str, Any]) -> Measurement:
    return read_document(document).parts[0].measurement


def only(measurement: Measurement, kind: type) -> list[Any]:
    return [o for o in measurement.observations if isinstance(o, kind)]


def pages(measurement: Measurement) -> list[tuple[Purpose, str, int | None]]:
    return [(o.purpose, o.host, o.status) for o in only(measurement, HttpObservation)]


@pytest.mark.parametrize("name", DF_007)
def test_every_failure_of_df_007_is_in_the_table(name: str) -> None:
    assert name in FAILURES


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (None, None)),
        (False, (None, None)),
        ("", (None, None)),
        ("generic_timeout_error", (Failure.TIMEOUT, "generic_timeout_error")),
        ("never heard of", (Failure.UNKNOWN, "never heard of")),
        (
            "unknown_failure: read tcp [scrubbed]->[scrubbed]: read: connection reset by peer",
            (
                Failure.CONNECTION_RESET,
                "unknown_failure: read tcp [scrubbed]->[scrubbed]: read: connection reset by peer",
            ),
        ),
        ("unknown_failure", (Failure.UNKNOWN, "unknown_failure")),
        (True, (Failure.UNKNOWN, "true")),
    ],
)
def test_failure_strings(value: Any, expected: tuple[Failure | None, str | None]) -> None:
    assert parse_failure(value, "failure") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.2.3.4:443", ("1.2.3.4", 443)),
        ("[2001:DB8::1]:80", ("2001:db8::1", 80)),
        ("[scrubbed]:443", None),
        ("1.2.3.4", None),
        ("1.2.3.4:0", None),
        ("1.2.3.4:99999", None),
        ("example.com:443", None),
        (7, None),
    ],
)
def test_endpoints(value: Any, expected: tuple[str, int] | None) -> None:
    assert endpoint(value) == expected


def test_host_names_are_those_of_the_wire() -> None:
    assert host_name("T.ME.") == "t.me"
    assert host_name("bücher.example") == "xn--bcher-kva.example"
    with pytest.raises(Rejected):
        host_name("a b")


@pytest.mark.parametrize("document", [s[1] for s in SITUATIONS], ids=[s[0] for s in SITUATIONS])
def test_conclusions_of_others_are_never_read(document: dict[str, Any]) -> None:
    expected = read_document(document)
    verdict = judge_imported(expected).verdict
    for round_ in range(6):
        flipped = copy.deepcopy(document)
        for key, values in CONCLUSIONS.items():
            flipped["test_keys"][key] = values[round_ % len(values)]
        flipped["x_verdict"] = {"state": "blocked"}
        for tcp in flipped["test_keys"].get("tcp_connect") or ():
            tcp["status"]["blocked"] = bool(round_ % 2)
        for ip in (flipped["test_keys"].get("control") or {}).get("ip_info") or ():
            flipped["test_keys"]["control"]["ip_info"][ip] = {"asn": 1, "flags": round_}
        assert read_document(flipped) == expected
        assert judge_imported(read_document(flipped)).verdict == verdict


@pytest.mark.parametrize("document", [s[1] for s in SITUATIONS], ids=[s[0] for s in SITUATIONS])
def test_missing_conclusions_change_nothing(document: dict[str, Any]) -> None:
    bare = copy.deepcopy(document)
    for key in CONCLUSIONS:
        bare["test_keys"].pop(key, None)
    assert read_document(bare) == read_document(document)


def test_who_when_where() -> None:
    part = read_document(web() | {"measurement_uid": "20240214090619.1_ID_webconnectivity_1"}).parts[0]
    measurement = part.measurement
    assert measurement.vantage == "ooni-id-as23693"
    assert measurement.asn == 23693
    assert measurement.target == "t.me"
    assert measurement.started_at == datetime(2024, 2, 14, 9, 6, 17, tzinfo=UTC)
    assert measurement.duration_s == 2.5
    assert measurement.resolver == "202.3.208.11"
    assert measurement.software == "ooniprobe-android 3.21.0 web_connectivity 0.5.28"
    assert measurement.origin == "ooni:20240214T090617Z_webconnectivity_ID_23693_n1_1IvUiXNWHooB5rmD"
    assert not measurement.emulated
    assert part.canary is not None
    assert (part.canary.target, part.canary.target_kind) == ("2.th.ooni.org", TargetKind.CANARY)
    assert [type(o) for o in part.canary.observations] == [HelperObservation]
    assert part.controls[0].measurement.vantage == "ooni-test-helper"
    assert len({m.id for m in part.all()}) == 4


@pytest.mark.parametrize(
    "report", ["", None, "20240214T090617Z_webconnectivity_ID_23693_n1_1IvUiXNWHooB5rmD"]
)
def test_two_measurements_of_one_second_have_two_ids(report: str | None) -> None:
    works = web() | {"report_id": report}
    reset = changed(works, tls_handshakes=[handshake(LTE, TELEGRAM, "t.me", "connection_reset")])
    ids = [m.id for document in (works, reset) for m in read_document(document).parts[0].all()]
    assert len(set(ids)) == 8
    in_other_order = {key: works[key] for key in reversed(works)}
    assert main(in_other_order).id == main(works).id


def test_ids_are_the_same_on_every_import_and_differ_by_input() -> None:
    assert read_document(web()) == read_document(web())
    assert main(web()).id != main(web("https://telegram.org/")).id
    assert read_document(web() | {"measurement_uid": "u"}).id == "u"


@pytest.mark.parametrize("asn", [None, "AS0", "", 0, "none", "AS99999999999"])
def test_an_unknown_network_is_as_0(asn: Any) -> None:
    assert main(web() | {"probe_asn": asn}).asn == 0


@pytest.mark.parametrize(
    "key",
    ["probe_asn", "probe_cc", "report_id", "measurement_uid", "probe_network_name", "resolver_ip", "input"],
)
def test_half_a_surrogate_pair_in_the_envelope_costs_nothing_but_itself(key: str) -> None:
    made = web() | {key: "https://t.me/\ud800" if key == "input" else "\ud800"}
    (part,) = read_document(made).parts
    assert json.dumps(encode_measurement(part.measurement)).encode("utf-8")


def test_one_lookup_of_the_system_is_a_query_for_each_family() -> None:
    measurement = main(changed(web(), queries=[query(LTE, "t.me", TELEGRAM, TELEGRAM_V6)]))
    asked = {o.query_type: o for o in only(measurement, DnsObservation)}
    assert asked["A"].answers[0].addresses == (TELEGRAM,)
    assert asked["AAAA"].answers[0].addresses == (TELEGRAM_V6,)
    assert asked["A"].answers[0].cnames == ()
    assert asked["A"].resolver is Resolver.VANTAGE
    assert asked["A"].server.address == ""


@pytest.mark.parametrize(
    ("engine", "server", "resolver", "transport", "address"),
    [
        ("getaddrinfo", "", Resolver.VANTAGE, "udp", ""),
        ("system", "", Resolver.VANTAGE, "udp", ""),
        ("golang_net_resolver", "", Resolver.VANTAGE, "udp", ""),
        ("udp", "8.8.8.8:53", Resolver.PUBLIC, "udp", "8.8.8.8"),
        ("tcp", "8.8.8.8:53", Resolver.PUBLIC, "tcp", "8.8.8.8"),
        ("dot", "8.8.8.8:853", Resolver.PUBLIC, "dot", "8.8.8.8"),
        ("doh", "https://dns.google/dns-query", Resolver.PUBLIC, "doh", ""),
    ],
)
def test_engines(engine: str, server: str, resolver: Resolver, transport: str, address: str) -> None:
    asked = query(LTE, "t.me", TELEGRAM, engine=engine, server=server, kind="A")
    (o,) = only(main(changed(web(), queries=[asked])), DnsObservation)
    assert (o.resolver, o.transport, o.server.address) == (resolver, transport, address)


def test_a_resolver_that_legacy_clients_named() -> None:
    asked = query(LEGACY, "t.me", TELEGRAM) | {"resolver_hostname": "8.8.8.8", "resolver_port": 53}
    (o,) = only(main(changed(web(version=LEGACY), queries=[asked])), DnsObservation)
    assert (o.resolver, o.server.address, o.server.port) == (Resolver.PUBLIC, "8.8.8.8", 53)


def test_a_raw_response_tells_the_code_and_extended_errors() -> None:
    wire = bytearray(encode_query("t.me", "A", 7))
    wire[2] |= 0x80
    wire[3] = 0x82
    asked = query(LTE, "t.me", failure="dns_server_misbehaving", engine="udp", server="8.8.8.8:53")
    asked["raw_response"] = base64.b64encode(bytes(wire)).decode()
    (o,) = only(main(changed(web(), queries=[asked])), DnsObservation)
    assert o.failure is Failure.DNS_SERVFAIL
    assert o.answers[0].rcode == "SERVFAIL"


def test_a_bogon_is_a_reply() -> None:
    asked = query(LTE, "t.me", "10.10.34.35", failure="dns_bogon_error")
    (o,) = only(main(changed(web(), queries=[asked])), DnsObservation)
    assert o.failure is None
    assert o.answers[0].addresses == ("10.10.34.35",)


def test_a_certificate_that_was_turned_down_belongs_to_a_finished_handshake() -> None:
    shown = handshake(LTE, TELEGRAM, "t.me", "ssl_unknown_authority", certificate("t.me", "t.me"))
    (o,) = only(main(changed(web(), tls_handshakes=[shown])), TlsObservation)
    assert (o.failure, o.certificate_failure) == (None, Failure.SSL_UNKNOWN_AUTHORITY)
    assert o.chain[0].self_signed


def test_a_handshake_nobody_verified_is_no_proof() -> None:
    shown = handshake(LTE, TELEGRAM, "t.me", no_tls_verify=True)
    (o,) = only(main(changed(web(), tls_handshakes=[shown])), TlsObservation)
    assert (o.certificate_failure, o.certificate_errors) == (Failure.UNKNOWN, ("not_verified",))


@pytest.mark.parametrize("shown", [{"format": "base64", "data": "AAAA"}, {"data": 7}, "AAAA", 7, "%"])
def test_a_certificate_that_cannot_be_read_is_left_out(shown: Any) -> None:
    made = handshake(LTE, TELEGRAM, "t.me") | {"peer_certificates": [shown]}
    (o,) = only(main(changed(web(), tls_handshakes=[made])), TlsObservation)
    assert o.chain == ()


def test_old_handshakes_find_their_address() -> None:
    shown = handshake(CLASSIC, TELEGRAM, "t.me")
    del shown["address"]
    (o,) = only(main(changed(web(version=CLASSIC), tls_handshakes=[shown])), TlsObservation)
    assert str(o.endpoint) == f"{TELEGRAM}:443"
    two = [connect(CLASSIC, TELEGRAM, 443), connect(CLASSIC, "149.154.167.98", 443)]
    (o,) = only(main(changed(web(version=CLASSIC), tls_handshakes=[shown], tcp_connect=two)), TlsObservation)
    assert o.endpoint.address == ""


def test_names_hidden_from_the_path_are_left_out() -> None:
    shown = handshake(LTE, TELEGRAM, "t.me", outer_server_name="public.example")
    assert only(main(changed(web(), tls_handshakes=[shown])), TlsObservation) == []


def test_other_hosts_of_a_redirect_are_not_the_target() -> None:
    away = "https://elsewhere.example/"
    document = changed(
        web(),
        queries=[query(LTE, "t.me", TELEGRAM), query(LTE, "elsewhere.example", "192.0.2.7")],
        tcp_connect=[
            connect(LTE, TELEGRAM, 443),
            connect(LTE, "192.0.2.7", 443, n=9) | {"tags": ["depth=1"]},
        ],
        tls_handshakes=[
            handshake(LTE, TELEGRAM, "t.me"),
            handshake(LTE, "192.0.2.7", "elsewhere.example", n=9),
        ],
        requests=[
            request(LTE, away, "192.0.2.7", n=9, depth=1),
            request(LTE, "https://t.me/", TELEGRAM, 302, "", headers={"Location": away}),
        ],
    )
    measurement = main(document)
    assert {o.endpoint.address for o in only(measurement, TcpObservation)} == {TELEGRAM}
    assert {o.server_name for o in only(measurement, TlsObservation)} == {"t.me"}
    assert pages(measurement) == [(Purpose.TARGET, "t.me", 302), (Purpose.REDIRECT, "elsewhere.example", 200)]


def test_clients_of_2016_repeat_the_first_url_along_a_redirect() -> None:
    first, away = "http://t.me/", "http://block.example/"
    document = changed(
        web(first, LEGACY),
        requests=[
            request(LEGACY, first, TELEGRAM, 200, "the other page"),
            request(LEGACY, first, TELEGRAM, 302, "", headers={"Location": away}),
        ],
    )
    assert pages(main(document)) == [(Purpose.TARGET, "t.me", 302), (Purpose.REDIRECT, "block.example", 200)]


def test_a_page_that_no_answer_led_to_is_left_out() -> None:
    document = changed(
        web(),
        requests=[
            request(LTE, "https://elsewhere.example/", "192.0.2.7"),
            request(LTE, "https://t.me/", TELEGRAM),
        ],
    )
    assert pages(main(document)) == [(Purpose.TARGET, "t.me", 200)]


def test_a_page_led_to_is_taken_from_no_address_of_the_target() -> None:
    landing = request(CLASSIC, "http://block.example/", TELEGRAM)
    moved = request(CLASSIC, "http://t.me/", TELEGRAM, 302, "", headers={"Location": "http://block.example/"})
    seen = read_document(changed(web("http://t.me/", CLASSIC), requests=[landing, moved])).parts[0]
    target, led_to = only(seen.measurement, HttpObservation)
    assert (target.endpoint.address, led_to.endpoint.address) == (TELEGRAM, "")
    # The helper, too, shows the page at the end of the redirects.
    assert pages(seen.controls[0].measurement) == [(Purpose.REDIRECT, "block.example", 200)]


def test_pages_come_oldest_first_with_headers_and_body() -> None:
    moved, page = only(main(web("http://t.me/")), HttpObservation)
    assert [(p.over_tls, p.status) for p in (moved, page)] == [(False, 301), (True, 200)]
    assert ("Location", "https://t.me/") in moved.headers
    assert page.body.startswith(b"<html>")
    assert page.received_bytes == len(page.body)


def test_binary_bodies_and_header_values() -> None:
    page = request(LTE, "https://t.me/", TELEGRAM, body=BINARY)
    page["response"]["headers_list"] = [["X", BINARY], ["X", "two"]]
    (o,) = only(main(changed(web(), requests=[page])), HttpObservation)
    assert o.body == b"\xff\xd8\xff\xe0\x00\x10"
    assert [name for name, _ in o.headers] == ["X", "X"]


def test_a_long_body_is_cut_and_says_so() -> None:
    page = request(LTE, "https://t.me/", TELEGRAM, body="x" * 100_000)
    (o,) = only(main(changed(web(), requests=[page])), HttpObservation)
    assert (len(o.body), o.body_truncated, o.received_bytes) == (65536, True, 100_000)


def test_requests_through_tor_are_not_the_probes() -> None:
    page = request(LEGACY, "https://t.me/", TELEGRAM)
    page["request"]["tor"] = {"exit_ip": None, "exit_name": None, "is_tor": True}
    assert only(main(changed(web(version=LEGACY), requests=[page])), HttpObservation) == []


def test_quic_handshakes() -> None:
    shown = handshake(LTE, TELEGRAM, "t.me") | {"network": "udp"}
    failed = handshake(LTE, TELEGRAM, "t.me", "generic_timeout_error") | {"network": "udp"}
    quic = only(main(changed(web(), quic_handshakes=[shown, failed])), QuicObservation)
    assert [(o.server_name, o.failure) for o in quic] == [("t.me", None), ("t.me", Failure.TIMEOUT)]


def test_a_request_that_never_was_sent_is_not_an_http_failure() -> None:
    for failure in ("dns_nxdomain_error", "connection_refused", "dns_lookup_error"):
        page = request(CLASSIC, "https://t.me/", "", failure=failure)
        assert only(main(changed(web(version=CLASSIC), requests=[page])), HttpObservation) == []


def test_the_helper_that_failed_is_the_canary_that_failed() -> None:
    part = read_document(changed(web(), control_failure="generic_timeout_error", control={})).parts[0]
    assert part.controls == ()
    assert part.canary is not None
    assert part.canary.observations[0].failure is Failure.TIMEOUT


def test_no_helper_at_all_is_no_canary() -> None:
    part = read_document(changed(web(), control_failure=None, control=None)).parts[0]
    assert (part.canary, part.controls) == (None, ())


def test_telegram_parts() -> None:
    parts = {p.measurement.target: p.measurement for p in read_document(telegram()).parts}
    assert set(parts) == {"web.telegram.org", "dc1", "dc2", "dc3", "dc4", "dc5", "dc2-alt"}
    for name in ("dc1", "dc2-alt"):
        assert parts[name].target_kind is TargetKind.DATA_CENTRE
        assert sorted(o.endpoint.port for o in only(parts[name], TcpObservation)) == [80, 443]
        assert sorted(o.endpoint.port for o in only(parts[name], HttpObservation)) == [80, 443]
    web_part = parts["web.telegram.org"]
    assert [str(o.endpoint) for o in only(web_part, TcpObservation)] == [f"{TELEGRAM}:443"]


def test_a_data_centre_nobody_knows_is_named_by_its_address() -> None:
    made = telegram()
    keys = made["test_keys"]
    more = [*keys["tcp_connect"], connect(CLASSIC, "149.154.175.117", 443)]
    targets = {p.measurement.target for p in read_document(changed(made, tcp_connect=more)).parts}
    assert "149.154.175.117" in targets


def test_telegram_of_2017_has_connects_only() -> None:
    made = telegram("0.0.1")
    connects = [connect(LEGACY, ip, 443) for ip in CENTRES]
    made["test_keys"] = {"tcp_connect": connects, "requests": []}
    assert len(read_document(made).parts) == 6


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"test_name": "ndt"}, "test_name: expected web_connectivity or telegram, got 'ndt'"),
        ({"test_keys": None}, "test_keys: expected what was measured"),
        ({"test_keys": []}, "test_keys: expected an object, got list"),
        ({"input": None}, "input: expected an http or https URL"),
        ({"input": "ftp://t.me/"}, "input: expected an http or https URL"),
        ({"input": "https://a b/"}, "input: expected a host name"),
        ({"measurement_start_time": None, "test_start_time": None}, "measurement_start_time: expected"),
        ({"measurement_start_time": "yesterday"}, "measurement_start_time: expected"),
    ],
)
def test_refused_documents_say_why(change: dict[str, Any], says: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_document(web() | change)
    assert str(caught.value).startswith(says)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["[scrubbed]", "AS1", "::", "0.0.0.0:0", "http://[", "\ud800", "\0"]),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=3), max_size=3),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) below a value."""
    keys: Any = (
        value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from places(value[key])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    make=st.sampled_from(
        [lambda: web(), lambda: web("http://t.me/", CLASSIC), lambda: web(version=LEGACY), lambda: telegram()]
    ),
    data=st.data(),
)
def test_wrong_types_anywhere_are_refused_or_left_out(make: Callable[[], Any], data: st.DataObject) -> None:
    document = copy.deepcopy(make())
    for _ in range(data.draw(st.integers(1, 4))):
        found = list(places(document))
        container, key = found[data.draw(st.integers(0, len(found) - 1))]
        if isinstance(container, dict) and data.draw(st.booleans()):
            container[data.draw(st.text(max_size=5))] = container.pop(key)
        else:
            container[key] = data.draw(JUNK)
    try:
        imported: Imported = read_document(document)
    except Rejected as error:
        assert str(error)
        return
    assert judge_imported(imported).verdict.rule_id != "guard.judge_failed"


def test_a_block_page_address_is_kept_as_the_answer() -> None:
    (o, *_) = only(main(changed(web(), queries=[query(LTE, "t.me", BLOCK_PAGE)])), DnsObservation)
    assert o.answers[0].addresses == (BLOCK_PAGE,)
