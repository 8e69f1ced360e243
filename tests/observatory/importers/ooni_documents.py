"""OONI measurements as its probes write them, healthy until a situation changes something.

`LTE` lays them out as web_connectivity 0.5, `CLASSIC` as 0.4 (no address in requests, handshakes for https
only), `LEGACY` as 0.1 of 2016 (no engine, no times, no handshakes).
"""

import base64
import copy
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

LTE, CLASSIC, LEGACY = "0.5.28", "0.4.2", "0.1.0"
TELEGRAM = "149.154.167.99"
TELEGRAM_V6 = "2001:67c:4e8:f004::9"
BLOCK_PAGE = "36.86.63.185"
HELPER = "https://2.th.ooni.org"
# A field of the building that carries the Indonesian notice; the phrase is one of the reference data.
NOTICE = (
    "<html><head><title>Internet Positif</title></head><body><h1>Mohon maaf</h1>"
    "<p>Situs ini diblokir sesuai peraturan perundang-undangan</p></body></html>"
)
BINARY = {"format": "base64", "data": "/9j/4AAQ"}
CENTRES = (
    "149.154.175.50",
    "149.154.167.51",
    "149.154.175.100",
    "149.154.167.91",
    "149.154.171.5",
    "95.161.76.100",
)


@cache
def certificate(name: str, issuer: str = "Real CA", *, expired: bool = False) -> dict[str, str]:
    """A leaf for `name` as `peer_certificates` has it; `issuer` equal to `name` makes it self-signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    at = datetime(2024, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=400))
        .not_valid_after(at - timedelta(days=1) if expired else at + timedelta(days=400))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return {"format": "base64", "data": base64.b64encode(made.public_bytes(Encoding.DER)).decode()}


def joined(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def envelope(test: str, version: str, test_keys: dict[str, Any], input_: str | None) -> dict[str, Any]:
    legacy = version == LEGACY
    return {
        "annotations": {"engine_name": "ooniprobe-engine", "platform": "android"},
        "data_format_version": "0.2.0",
        "extensions": {"dnst": 0, "httpt": 0, "netevents": 0, "tcpconnect": 0, "tlshandshake": 0},
        "input": input_,
        "measurement_start_time": "2024-02-14 09:06:17",
        "probe_asn": "AS23693",
        "probe_cc": "ID",
        "probe_ip": "127.0.0.1",
        "probe_network_name": "PT. Telekomunikasi Selular",
        "report_id": "20240214T090617Z_webconnectivity_ID_23693_n1_1IvUiXNWHooB5rmD",
        "resolver_asn": "AS23693",
        "resolver_ip": "202.3.208.11",
        "software_name": "ooniprobe" if legacy else "ooniprobe-android",
        "software_version": "1.4.2" if legacy else "3.21.0",
        "test_helpers": {"backend": {"address": HELPER, "type": "https"}} if test != "telegram" else {},
        "test_keys": test_keys,
        "test_name": test,
        "test_runtime": 2.5,
        "test_start_time": "2024-02-14 09:06:00",
        "test_version": version,
    }


def entry(version: str, transaction: int, t: float, depth: int = 0) -> dict[str, Any]:
    """What every record of a version carries."""
    if version == LEGACY:
        return {}
    if version == CLASSIC:
        return {"t": t, "tags": ["tcptls_experiment"]}
    return {
        "t0": t - 0.05,
        "t": t,
        "transaction_id": transaction,
        "tags": ["classic", "tcptls_experiment", f"depth={depth}", "fetch_body=true"],
    }


def query(
    version: str,
    name: str,
    *ips: str,
    failure: str | None = None,
    engine: str = "getaddrinfo",
    server: str = "",
    kind: str | None = None,
) -> dict[str, Any]:
    answers: list[dict[str, Any]] = [
        {
            "asn": 62041,
            "as_org_name": "Telegram Messenger Inc",
            "answer_type": "AAAA" if ":" in ip else "A",
            "ipv6" if ":" in ip else "ipv4": ip,
            "ttl": None,
        }
        for ip in ips
    ]
    if engine == "getaddrinfo" and ips:
        answers.append({"answer_type": "CNAME", "hostname": f"{name}.", "ttl": None})
    made = {
        "answers": answers or None,
        "failure": failure,
        "hostname": name,
        "query_type": kind or ("ANY" if engine == "getaddrinfo" else "A"),
        "resolver_hostname": None,
        "resolver_port": None,
    }
    if version == LEGACY:
        return made | {
            "query_type": "A",
            "answers": [
                {k: a[k] for k in a if k in ("answer_type", "ipv4")}
                for a in answers
                if a["answer_type"] == "A"
            ],
        }
    return made | {"engine": engine, "resolver_address": server} | entry(version, 10001, 0.06)


def connect(version: str, ip: str, port: int, failure: str | None = None, n: int = 0) -> dict[str, Any]:
    status = {"blocked": False, "failure": failure, "success": failure is None}
    return {"ip": ip, "port": port, "status": status} | entry(version, 50001 + n, 0.2)


def handshake(
    version: str,
    ip: str,
    name: str,
    failure: str | None = None,
    shown: dict[str, str] | None = None,
    n: int = 0,
    **more: Any,
) -> dict[str, Any]:
    done = failure is None or shown is not None
    return (
        {
            "network": "tcp",
            "address": joined(ip, 443),
            "cipher_suite": "TLS_AES_256_GCM_SHA384" if done else "",
            "failure": failure,
            "negotiated_protocol": "h2" if done else "",
            "no_tls_verify": False,
            "peer_certificates": [shown or certificate(name)] if done else None,
            "server_name": name,
            "tls_version": "TLSv1.3" if done else "",
        }
        | entry(version, 50001 + n, 0.4)
        | more
    )


def request(
    version: str,
    url: str,
    ip: str,
    code: int = 200,
    body: Any = "<html><title>Telegram</title>hello</html>",
    failure: str | None = None,
    headers: dict[str, str] | None = None,
    n: int = 0,
    depth: int = 0,
) -> dict[str, Any]:
    headers = {"Content-Type": "text/html", **(headers or {})} if failure is None else {}
    port = 443 if url.startswith("https") else 80
    made: dict[str, Any] = {
        "failure": failure,
        "request": {
            "body": "",
            "headers": {"Accept": "*/*"},
            "headers_list": [["Accept", "*/*"]],
            "method": "GET",
            "tor": {"exit_ip": None, "exit_name": None, "is_tor": False},
            "url": url,
            "x_transport": "tcp",
        },
        "response": {
            "body": body if failure is None else "",
            "body_is_truncated": False,
            "code": code if failure is None else 0,
            "headers": headers,
            "headers_list": [[k, v] for k, v in headers.items()],
        },
    } | entry(version, 50001 + n, 0.6, depth)
    if version == LEGACY:
        del made["request"]["headers_list"], made["response"]["headers_list"], made["request"]["x_transport"]
    if version == LTE:
        made |= {"network": "tcp", "address": joined(ip, port), "alpn": "h2"}
    return made


def control(
    version: str,
    name: str,
    ips: tuple[str, ...] = (TELEGRAM,),
    *,
    dns_failure: str | None = None,
    endpoints: dict[str, str | None] | None = None,
    tls: dict[str, str | None] | None = None,
    status: int = 200,
    http_failure: str | None = None,
    ports: tuple[int, ...] = (443,),
) -> dict[str, Any]:
    if endpoints is None:
        endpoints = {joined(ip, port): None for ip in ips for port in ports}
    if tls is None:
        tls = {e: None for e, failure in endpoints.items() if failure is None and e.endswith(":443")}
    made: dict[str, Any] = {
        "dns": {"failure": dns_failure, "ips" if version == LEGACY else "addrs": list(ips)},
        "http_request": {
            "body_length": 1256 if http_failure is None else -1,
            "failure": http_failure,
            "title": "Telegram",
            "headers": {"Server": "nginx"},
            "status_code": status if http_failure is None else -1,
        },
        "tcp_connect": {e: {"status": f is None, "failure": f} for e, f in endpoints.items()},
    }
    if version == LTE:
        made |= {
            "tls_handshake": {
                e: {"server_name": name, "status": f is None, "failure": f} for e, f in tls.items()
            },
            "quic_handshake": {},
            "http3_request": None,
            "ip_info": {ip: {"asn": 62041, "flags": 11} for ip in ips},
        }
    return made


def web(url: str = "https://t.me/", version: str = LTE, ip: str = TELEGRAM) -> dict[str, Any]:
    """A healthy measurement of an https URL, or of an http one that leads to https at the same host."""
    scheme, _, rest = url.partition("://")
    name = rest.partition("/")[0]
    secure = scheme == "https"
    ports = (443,) if secure else ((80, 443) if version == LTE else (80,))
    queries = [query(version, name, ip)]
    if version == LTE:
        queries += [
            query(version, name, ip, engine="udp", server="8.8.8.8:53"),
            query(version, name, ip, engine="doh", server="https://dns.google/dns-query"),
        ]
    connects = [connect(version, ip, port, n=n) for n, port in enumerate(ports)]
    shaken = version == LTE or (secure and version == CLASSIC)
    page = request(version, f"https://{name}/", ip, n=len(ports) - 1, depth=0 if secure else 1)
    moved = request(version, url, ip, 301, "", headers={"Location": f"https://{name}/"})
    test_keys: dict[str, Any] = {
        "agent": "redirect",
        "client_resolver": "202.3.208.11",
        "retries": None,
        "socksproxy": None,
        "network_events": [],
        "queries": queries,
        "dns_experiment_failure": None,
        "dns_consistency": "consistent",
        "control_failure": None,
        "control": control(version, name, (ip,), ports=ports),
        "tcp_connect": connects,
        "requests": [page] if secure else [page, moved],
        "tls_handshakes": [handshake(version, ip, name, n=len(ports) - 1)] if shaken else [],
        "http_experiment_failure": None,
        "body_length_match": True,
        "body_proportion": 1,
        "status_code_match": True,
        "headers_match": True,
        "title_match": True,
        "accessible": True,
        "blocking": False,
        "x_blocking_flags": 32,
        "x_dns_flags": 0,
        "x_null_null_flags": 0,
    }
    if version == LEGACY:
        for key in ("tls_handshakes", "network_events"):
            del test_keys[key]
    return envelope("web_connectivity", version, test_keys, url)


def telegram(version: str = "0.3.0") -> dict[str, Any]:
    """A healthy `telegram` measurement."""
    name = "web.telegram.org"
    connects = [connect(CLASSIC, ip, port) for ip in CENTRES for port in (80, 443)]
    posts = []
    for ip in CENTRES:
        for url in (f"http://{ip}/", f"http://{ip}:443/"):
            post = request(CLASSIC, url, ip, 501, "<html>501 Not Implemented</html>")
            post["request"]["method"] = "POST"
            posts.append(post)
    page = request(CLASSIC, f"https://{name}/", TELEGRAM)
    test_keys = {
        "agent": "redirect",
        "failed_operation": None,
        "failure": None,
        "network_events": [],
        "queries": [query(CLASSIC, name, TELEGRAM)],
        "requests": [page, *posts],
        "tcp_connect": [*connects, connect(CLASSIC, TELEGRAM, 443)],
        "tls_handshakes": [handshake(CLASSIC, TELEGRAM, name)],
        "telegram_http_blocking": False,
        "telegram_tcp_blocking": False,
        "telegram_web_failure": None,
        "telegram_web_status": "ok",
    }
    made = envelope("telegram", version, test_keys, None)
    made["report_id"] = "20240214T090617Z_telegram_ID_23693_n1_epDRF015yWFhSlX4"
    return made


def changed(document: dict[str, Any], **test_keys: Any) -> dict[str, Any]:
    made = copy.deepcopy(document)
    made["test_keys"] |= test_keys
    return made
