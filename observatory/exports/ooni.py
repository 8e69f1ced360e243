"""One measurement of ours in OONI's format: a host as web_connectivity, a data centre as telegram.

The standard keys hold what OONI's format has a place for, and no conclusion: ours follow our rules, theirs
their own. `x_observatory` holds the records whole, with the canary and the controls, so that the
line can be judged again anywhere with the same result.

Source: ooni/spec df-000 to df-008, ts-017, ts-020.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any, Final

from observatory.analysis.judging.case import Control
from observatory.model import VantagePoint
from observatory.vantage.rounds import software_version
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
    encode_measurement,
)

KEY: Final = "x_observatory"
FORMAT: Final = 1
SOFTWARE: Final = "telegram-block-observatory"
# Failures that df-007 calls something else, or has no name for.
NAMES: Final = {
    Failure.DNS_SERVFAIL: "dns_servfail_error",
    Failure.PROXY: "socks_error",
    Failure.DNS_BAD_REPLY: "unknown_failure: dns_bad_reply",
    Failure.HTTP_BAD_REPLY: "unknown_failure: http_invalid_response",
    Failure.MTPROTO_BAD_REPLY: "unknown_failure: mtproto_invalid_response",
    Failure.QUIC_BAD_REPLY: "unknown_failure: quic_invalid_response",
    Failure.QUIC_CLOSED: "unknown_failure: quic_connection_closed",
    Failure.VANTAGE: "unknown_failure: vantage_unavailable",
}
RCODES: Final = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
NO_CONTROL: Final = "unknown_failure: no control was measured in the same window"


def export_document(
    measurement: Measurement,
    canary: Measurement | None,
    controls: Sequence[Control],
    vantage_points: Iterable[VantagePoint],
) -> dict[str, Any]:
    """Return one line of an OONI file.

    Shape:  `vantage_points` hold at least those the measurements name, where they are known; the first
            control is laid out as OONI's test helper would answer, all of them are in `x_observatory`.
    """
    points = {v.id: v for v in vantage_points}
    here = points.get(measurement.vantage)
    is_centre = measurement.target_kind is TargetKind.DATA_CENTRE
    return {
        "annotations": {
            "engine_name": SOFTWARE,
            "engine_version": _version(),
            "vantage": measurement.vantage,
            "target": measurement.target,
            "emulated": "true" if measurement.emulated else "false",
        },
        "data_format_version": "0.2.0",
        "extensions": {"dnst": 0, "httpt": 0, "tcpconnect": 0, "tlshandshake": 0},
        "id": measurement.id,
        "input": None if is_centre else f"https://{_in_url(measurement.target)}/",
        "measurement_start_time": f"{measurement.started_at:%Y-%m-%d %H:%M:%S}",
        "probe_asn": f"AS{measurement.asn}",
        "probe_cc": here.country if here is not None else "ZZ",
        "probe_ip": "127.0.0.1",
        "probe_network_name": here.isp if here is not None else "",
        "report_id": measurement.round_id,
        "resolver_ip": measurement.resolver,
        "software_name": SOFTWARE,
        "software_version": _version(),
        "test_helpers": {},
        "test_keys": _test_keys(measurement, controls),
        "test_name": "telegram" if is_centre else "web_connectivity",
        "test_runtime": measurement.duration_s,
        "test_start_time": f"{measurement.started_at:%Y-%m-%d %H:%M:%S}",
        "test_version": "0.3.0" if is_centre else "0.5.0",
        KEY: {
            "format": FORMAT,
            "measurement": encode_measurement(measurement),
            "canary": encode_measurement(canary) if canary is not None else None,
            "controls": [
                {
                    "measurement": encode_measurement(c.measurement),
                    "canary": encode_measurement(c.canary) if c.canary is not None else None,
                    "peer": c.peer,
                }
                for c in controls
            ],
            "vantage_points": [
                {
                    "id": v.id,
                    "name": v.name,
                    "isp": v.isp,
                    "asn": v.asn,
                    "country": v.country,
                    "role": v.role.value,
                }
                for v in points.values()
            ],
        },
    }


def _version() -> str:
    return software_version().removeprefix(SOFTWARE).strip()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _test_keys(measurement: Measurement, controls: Sequence[Control]) -> dict[str, Any]:
    """What has a place in OONI's format: the target's own name at its own addresses."""
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
            "url": f"{scheme}://{_in_url(o.host)}{place}{o.path}",
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
    """A control measurement of ours in the form of the test helper's answer."""
    dns = [o for o in seen.observations if isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE]
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
            "title": "",
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
