"""The `test_keys` of one stored measurement: what was seen, in OONI's words.

Source: ooni/spec df-000 to df-008, ts-017, ts-020.
"""

import base64
from collections.abc import Sequence
from typing import Any, Final

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.fingerprints import title_of
from probes.records import (
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Measurement,
    Observation,
    Purpose,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    TlsObservation,
)

# Failures that df-007 calls something else, or has no name for.
NAMES: Final = {
    Failure.DNS_SERVFAIL: "dns_servfail_error",
    Failure.PROXY_AUTHENTICATION: "socks_error",
    Failure.PROXY_CLOSED: "socks_error",
    Failure.DNS_BAD_REPLY: "unknown_failure: dns_bad_reply",
    Failure.DNS_TRUNCATED: "unknown_failure: dns_truncated",
    Failure.HTTP_BAD_REPLY: "unknown_failure: http_invalid_response",
    Failure.MTPROTO_BAD_REPLY: "unknown_failure: mtproto_invalid_response",
    Failure.MTPROTO_TRANSPORT_ERROR: "unknown_failure: mtproto_transport_error",
    Failure.QUIC_BAD_REPLY: "unknown_failure: quic_invalid_response",
    Failure.QUIC_CLOSED: "unknown_failure: quic_connection_closed",
    Failure.VANTAGE: "unknown_failure: vantage_unavailable",
    # Linux gives one error number to many ICMP codes, and OONI names the number.
    **dict.fromkeys((Failure.NETWORK_UNKNOWN, Failure.OUT_OF_SCOPE), "network_unreachable"),
    **dict.fromkeys(
        (
            Failure.HOST_UNKNOWN,
            Failure.HOST_ISOLATED,
            Failure.PROTOCOL_UNREACHABLE,
            Failure.ADMIN_PROHIBITED,
            Failure.PRECEDENCE_REFUSED,
            Failure.SERVICE_UNREACHABLE,
            Failure.SOURCE_ROUTE_FAILED,
            Failure.HOPS_EXCEEDED,
        ),
        "host_unreachable",
    ),
    Failure.PACKET_TOO_BIG: "unknown_failure: packet_too_big",
    Failure.PARAMETER_PROBLEM: "unknown_failure: parameter_problem",
}
RCODES: Final = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
NO_CONTROL: Final = "unknown_failure: no control was measured in the same window"


def write_test_keys(measurement: Measurement, controls: Sequence[Control]) -> dict[str, Any]:
    """Return what has a place in OONI's format: the target's own name at its own addresses."""
    keys: dict[str, list[dict[str, Any]]] = {
        "queries": [],
        "tcp_connect": [],
        "tls_handshakes": [],
        "quic_handshakes": [],
        "requests": [],
    }
    for o in measurement.observations:
        match o:
            case DnsObservation() if o.resolver is not Resolver.SINK:
                keys["queries"].append(_query(o))
            case TcpObservation():
                keys["tcp_connect"].append(_connect(o))
            case TlsObservation() if o.purpose is Purpose.TARGET:
                keys["tls_handshakes"].append(_handshake(o, "tcp", o.version, o.cipher))
            case QuicObservation() if o.server_name is not None and o.purpose is Purpose.TARGET:
                keys["quic_handshakes"].append(_handshake(o, "udp", None, None))
            case HttpObservation() if o.purpose is Purpose.TARGET:
                # Newest first, as OONI has it.
                keys["requests"].insert(0, _request(o))
    control = _control(controls[0].measurement) if controls else None
    failure = None if controls else NO_CONTROL
    return {
        "agent": "redirect",
        "client_resolver": measurement.resolver,
        "network_events": [],
        "retries": None,
        "socksproxy": None,
        **keys,
        **(
            {}
            if measurement.target_kind is TargetKind.DATA_CENTRE
            else {"control": control, "control_failure": failure}
        ),
    }


def _failure(o: Observation, certificate: Failure | None = None) -> str | None:
    failure = o.failure or certificate
    if failure is None:
        return None
    if failure is Failure.UNKNOWN:
        return f"unknown_failure: {o.detail or 'no detail'}"
    return NAMES.get(failure, failure.value)


def _times(o: Observation) -> dict[str, Any]:
    return {"t0": o.started_s, "t": round(o.started_s + o.duration_s, 6), "tags": [], "transaction_id": 0}


def _query(o: DnsObservation) -> dict[str, Any]:
    first = o.answers[0] if o.answers else None
    answers: list[dict[str, Any]] = []
    for name in first.cnames if first else ():
        answers.append({"answer_type": "CNAME", "hostname": name, "ttl": first.ttl_s if first else None})
    for address in first.addresses if first else ():
        v6 = ":" in address
        answers.append(
            {
                "answer_type": "AAAA" if v6 else "A",
                "ipv6" if v6 else "ipv4": address,
                "ttl": first.ttl_s if first else None,
            }
        )
    made: dict[str, Any] = {
        "answers": answers or None,
        "engine": o.transport,
        "failure": _failure(o),
        "hostname": o.name,
        "query_type": o.query_type,
        "resolver_address": str(o.server) if o.server.address else "",
        "resolver_hostname": None,
        "resolver_port": None,
    }
    if first is not None:
        made["rcode"] = RCODES.get(first.rcode, 0)
        made["raw_response"] = base64.b64encode(first.wire).decode()
    return made | _times(o)


def _connect(o: TcpObservation) -> dict[str, Any]:
    failure = _failure(o)
    status = {"failure": failure, "success": failure is None}
    return {"ip": o.endpoint.address, "port": o.endpoint.port, "status": status} | _times(o)


def _handshake(
    o: TlsObservation | QuicObservation, network: str, version: str | None, cipher: str | None
) -> dict[str, Any]:
    return {
        "network": network,
        "address": _address(o.endpoint),
        "cipher_suite": cipher or "",
        "failure": _failure(o, o.certificate_failure),
        "negotiated_protocol": o.alpn or "",
        "no_tls_verify": False,
        "peer_certificates": [_binary(certificate.der) for certificate in o.chain],
        "server_name": o.server_name or "",
        "tls_version": version or "",
    } | _times(o)


def _request(o: HttpObservation) -> dict[str, Any]:
    scheme, port = ("https", 443) if o.over_tls else ("http", 80)
    place = "" if o.endpoint.port == port else f":{o.endpoint.port}"
    return {
        "network": "tcp",
        "address": _address(o.endpoint),
        "failure": _failure(o),
        "request": {
            "body": "",
            "body_is_truncated": False,
            "headers": {"Host": o.host},
            "headers_list": [["Host", o.host]],
            "method": "GET",
            "tor": {"exit_ip": None, "exit_name": None, "is_tor": False},
            "url": f"{scheme}://{host_in_url(o.host)}{place}{o.path}",
            "x_transport": "tcp",
        },
        "response": {
            "body": _text_or_binary(o.body),
            "body_is_truncated": o.body_truncated,
            "code": o.status or 0,
            "headers": dict(reversed(o.headers)),
            "headers_list": [list(header) for header in o.headers],
        },
    } | _times(o)


def _control(seen: Measurement) -> dict[str, Any]:
    """A control measurement in the form of the test helper's answer."""
    # Other names, such as those that pages lead to, are none of the helper's answer.
    dns = [
        o
        for o in seen.observations
        if isinstance(o, DnsObservation)
        and o.resolver is Resolver.VANTAGE
        and o.name.lower() == seen.target.lower()
    ]
    found = dict.fromkeys(a for o in dns for answer in o.answers for a in answer.addresses)
    failed = next((o for o in dns if o.failure is not None), None) if not found else None
    tcp = [o for o in seen.observations if isinstance(o, TcpObservation)]
    tls = [o for o in seen.observations if isinstance(o, TlsObservation) and o.purpose is Purpose.TARGET]
    pages = [o for o in seen.observations if isinstance(o, HttpObservation) and o.purpose is Purpose.TARGET]
    page = next((o for o in pages if o.over_tls), pages[0] if pages else None)
    return {
        "dns": {"failure": _failure(failed) if failed is not None else None, "addrs": list(found)},
        "tcp_connect": {
            _address(o.endpoint): {"status": o.failure is None, "failure": _failure(o)} for o in tcp
        },
        "tls_handshake": {
            _address(o.endpoint): {
                "server_name": o.server_name,
                "status": o.failure is None and o.certificate_failure is None,
                "failure": _failure(o, o.certificate_failure),
            }
            for o in tls
        },
        "http_request": {
            "body_length": page.received_bytes if page is not None and page.status is not None else -1,
            "failure": _failure(page) if page is not None else "unknown_failure: not tried",
            "headers": dict(reversed(page.headers)) if page is not None else {},
            "status_code": (page.status if page is not None else None) or -1,
            "title": (page.title or title_of(page.body)) if page is not None else "",
        },
    }


def _address(endpoint: Endpoint) -> str:
    return str(endpoint) if endpoint.address else ""


def _binary(data: bytes) -> dict[str, str]:
    return {"format": "base64", "data": base64.b64encode(data).decode()}


def _text_or_binary(data: bytes) -> str | dict[str, str]:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _binary(data)


def host_in_url(host: str) -> str:
    """Return a host as a URL spells it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
