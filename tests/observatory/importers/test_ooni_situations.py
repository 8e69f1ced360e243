"""What OONI measurements mean by our rules, situation by situation and version by version."""

from typing import Any

import pytest

from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.model import State
from tests.observatory.importers.ooni_documents import (
    BLOCK_PAGE,
    CENTRES,
    CLASSIC,
    LEGACY,
    LTE,
    NOTICE,
    TELEGRAM,
    TELEGRAM_V6,
    certificate,
    changed,
    connect,
    control,
    handshake,
    query,
    request,
    telegram,
    web,
)

Document = dict[str, Any]
TIMEOUT, RESET = "generic_timeout_error", "connection_reset"
NEW = (LTE, CLASSIC)
ALL = (LTE, CLASSIC, LEGACY)
SECURE, PLAIN = "https://t.me/", "http://t.me/"


def names(version: str, *ips: str, failure: str | None = None, name: str = "t.me") -> list[Document]:
    """The system resolver says this; what 0.5 asks beside it is true."""
    asked = [query(version, name, *ips, failure=failure)]
    if version == LTE:
        asked.append(query(version, name, TELEGRAM, engine="doh", server="https://dns.google/dns-query"))
    return asked


def injected(version: str, url: str) -> Document:
    """The resolver leads to a block page, where the client then goes."""
    secure = url.startswith("https")
    port = 443 if secure else 80
    ends = [f"{BLOCK_PAGE}:{port}", f"{TELEGRAM}:{port}"]
    handshakes = []
    if secure and version != LEGACY:
        handshakes = [
            handshake(version, BLOCK_PAGE, "t.me", "ssl_invalid_hostname", certificate("block.example"))
        ]
    page = (
        request(version, url, BLOCK_PAGE, failure="ssl_invalid_hostname")
        if secure
        else request(version, url, BLOCK_PAGE, 200, NOTICE)
    )
    return changed(
        web(url, version),
        queries=names(version, BLOCK_PAGE),
        tcp_connect=[connect(version, BLOCK_PAGE, port)],
        tls_handshakes=handshakes,
        requests=[] if secure and version == LTE else [page],
        control=control(
            version,
            "t.me",
            endpoints=dict.fromkeys(ends),
            tls={ends[0]: "ssl_invalid_hostname", ends[1]: None} if secure else {},
        ),
    )


def denied(version: str, url: str, failure: str = "dns_nxdomain_error") -> Document:
    error = "dns_lookup_error" if version == LEGACY else failure
    pages = [] if version == LTE else [request(version, url, "", failure=error)]
    return changed(
        web(url, version),
        queries=names(version, failure=error if version != LEGACY else "dns_name_error"),
        tcp_connect=[],
        tls_handshakes=[],
        requests=pages,
        dns_experiment_failure=error,
        blocking="dns",
    )


def unreachable(version: str, url: str, failure: str) -> Document:
    port = 443 if url.startswith("https") else 80
    pages = [] if version == LTE else [request(version, url, "", failure=failure)]
    return changed(
        web(url, version),
        tcp_connect=[connect(version, TELEGRAM, port, failure)],
        tls_handshakes=[],
        requests=pages,
    )


def no_handshake(version: str, failure: str) -> Document:
    pages = [] if version == LTE else [request(version, SECURE, "", failure=failure)]
    handshakes = [] if version == LEGACY else [handshake(version, TELEGRAM, "t.me", failure)]
    return changed(web(SECURE, version), tls_handshakes=handshakes, requests=pages)


def bad_certificate(version: str, failure: str, shown: dict[str, str], **helper: Any) -> Document:
    pages = [] if version == LTE else [request(version, SECURE, "", failure=failure)]
    return changed(
        web(SECURE, version),
        tls_handshakes=[handshake(version, TELEGRAM, "t.me", failure, shown)],
        requests=pages,
        control=control(version, "t.me", **helper),
    )


def expired_everywhere(version: str) -> Document:
    failure = "ssl_invalid_certificate"
    helper = {
        "tls": {f"{TELEGRAM}:443": failure},
        "http_failure": failure if version == LTE else "unknown_error",
    }
    return bad_certificate(version, failure, certificate("t.me", expired=True), **helper)


def block_page_on_port_80(version: str, body: Any = NOTICE) -> Document:
    """True names and addresses; something on the path answers plain HTTP."""
    made = web(PLAIN, version)
    return changed(made, requests=[request(version, PLAIN, TELEGRAM, 200, body)])


def block_redirect(version: str) -> Document:
    """A redirect to a block page's host, which the client follows."""
    host = "http://internetpositif.uzone.id/"
    return changed(
        web(PLAIN, version),
        requests=[
            request(version, host, BLOCK_PAGE, 200, NOTICE, n=5, depth=1),
            request(version, PLAIN, TELEGRAM, 302, "", headers={"Location": host}),
        ],
    )


def helper_failed(document: Document) -> Document:
    empty = {
        "tcp_connect": None,
        "http_request": {"body_length": 0, "failure": None, "title": "", "headers": None, "status_code": 0},
        "dns": {"failure": None, "addrs": None},
    }
    return changed(document, control_failure=TIMEOUT, control=empty)


def offline(version: str) -> Document:
    return helper_failed(denied(version, SECURE, "dns_temporary_failure"))


def down(version: str, url: str = SECURE) -> Document:
    """The helper reaches the target as little as the probe."""
    port = 443 if url.startswith("https") else 80
    ends = {f"{TELEGRAM}:{port}": TIMEOUT}
    return changed(
        unreachable(version, url, TIMEOUT),
        control=control(version, "t.me", endpoints=ends, tls={}, http_failure=TIMEOUT),
    )


def retired(version: str) -> Document:
    return changed(
        denied(version, SECURE),
        queries=[query(version, "t.me", failure="dns_nxdomain_error")],
        control=control(
            version, "t.me", (), dns_failure="dns_name_error", endpoints={}, http_failure="dns_lookup_error"
        ),
    )


def other_address(version: str) -> Document:
    """Rotation: an address the helper was not given, with a certificate that holds."""
    made = web("https://desktop.telegram.org/", version, "104.18.32.7")
    return changed(made, control=control(version, "desktop.telegram.org", ("104.18.33.8",)))


def captcha(version: str) -> Document:
    made = web(SECURE, version)
    return changed(
        made, requests=[request(version, SECURE, TELEGRAM, 403, "<title>Just a moment...</title>")]
    )


def geoblock(version: str) -> Document:
    made = captcha(version)
    return changed(made, control=control(version, "t.me", status=200))


def with_broken_ipv6(version: str) -> Document:
    made = web(SECURE, version)
    v6 = f"[{TELEGRAM_V6}]:443"
    return changed(
        made,
        queries=names(version, TELEGRAM, TELEGRAM_V6),
        tcp_connect=[
            connect(version, TELEGRAM, 443),
            connect(version, TELEGRAM_V6, 443, "network_unreachable", 1),
        ],
        control=control(version, "t.me", endpoints={f"{TELEGRAM}:443": None, v6: None}),
    )


def over_ipv6(version: str) -> Document:
    made = web(SECURE, version, TELEGRAM_V6)
    return made


def led_home() -> Document:
    """The zone itself holds a loopback address: helper and DoH say so too."""
    home = "127.0.0.1"
    made = web("https://www.example.com/")
    asked = [
        query(LTE, "www.example.com", home),
        query(LTE, "www.example.com", home, engine="udp", server="8.8.8.8:53"),
        query(LTE, "www.example.com", home, engine="doh", server="https://dns.google/dns-query"),
    ]
    helper = control(LTE, "www.example.com", (home,), endpoints={}, http_failure="unknown_error")
    return changed(made, queries=asked, tcp_connect=[], tls_handshakes=[], requests=[], control=helper)


def plain_only() -> Document:
    """Port 80 shows the page itself, the same to the helper; 0.5 proves the address over TLS beside it."""
    name, ip, body = "www.example.com", "93.184.216.34", "x" * 1256
    made = web(f"http://{name}/", LTE, ip)
    return changed(made, requests=[request(LTE, f"http://{name}/", ip, 200, body)])


def cut_off() -> Document:
    page = request(LTE, SECURE, TELEGRAM)
    page["failure"] = TIMEOUT
    return changed(web(SECURE), requests=[page])


def telegram_with_strangers(code: int, *headers: tuple[str, str]) -> Document:
    """Every data centre answers, and it is not the data centre."""
    made = telegram()
    pages = []
    for page in made["test_keys"]["requests"]:
        if "149.154.167.99" not in page["request"]["url"] and "web." not in page["request"]["url"]:
            response = page["response"] | {"code": code, "body": "", "headers": dict(headers)}
            page = page | {"response": response | {"headers_list": [list(h) for h in headers]}}
        pages.append(page)
    return changed(made, requests=pages)


def telegram_dead(dead: tuple[str, ...]) -> Document:
    """Connects to these data centres time out."""
    made = telegram()
    keys = made["test_keys"]
    connects = [
        connect(CLASSIC, c["ip"], c["port"], TIMEOUT if c["ip"] in dead else None)
        for c in keys["tcp_connect"]
    ]
    pages = [r for r in keys["requests"] if r["request"]["url"].split("/")[2].split(":")[0] not in dead]
    return changed(made, tcp_connect=connects, requests=pages)


def telegram_injected() -> Document:
    made = telegram()
    keys, name = made["test_keys"], "web.telegram.org"
    centres = [c for c in keys["tcp_connect"] if c["ip"] != TELEGRAM]
    shown = certificate("block.example")
    return changed(
        made,
        queries=[query(CLASSIC, name, BLOCK_PAGE)],
        tcp_connect=[*centres, connect(CLASSIC, BLOCK_PAGE, 443)],
        tls_handshakes=[handshake(CLASSIC, BLOCK_PAGE, name, "ssl_invalid_hostname", shown)],
        requests=keys["requests"][1:],
    )


OK, BLOCKED, LIKELY, DOWN, UNSURE = "ok", "blocked", "likely_blocked", "down", "insufficient"


def telegram_web_fails(failure: str) -> Document:
    """Requests to the web host fail, and nothing else of it was written down, as in 2017."""
    made = telegram("0.0.1")
    pages = [
        request(CLASSIC, f"{scheme}://web.telegram.org/", "", failure=failure) for scheme in ("https", "http")
    ]
    keys = made["test_keys"]
    centres = [c for c in keys["tcp_connect"] if c["ip"] in CENTRES]
    return changed(
        made,
        requests=[*pages, *keys["requests"][1:]],
        tcp_connect=centres,
        queries=[],
        tls_handshakes=[],
    )


SITUATIONS = [
    *((f"healthy https {v}", web(SECURE, v), OK, None) for v in ALL),
    *((f"healthy http {v}", web(PLAIN, v), OK, None) for v in ALL),
    *((f"IPv6 broken here {v}", with_broken_ipv6(v), OK, None) for v in NEW),
    *((f"over IPv6 {v}", over_ipv6(v), OK, None) for v in NEW),
    *((f"rotation {v}", other_address(v), OK, None) for v in NEW),
    *((f"helper failed, target fine {v}", helper_failed(web(SECURE, v)), OK, None) for v in NEW),
    *(
        (f"injected {url} {v}", injected(v, url), BLOCKED, "dns.injection.blockpage")
        for v in ALL
        for url in (SECURE, PLAIN)
    ),
    *(
        (f"nxdomain {url} {v}", denied(v, url), LIKELY, "dns.nxdomain")
        for v in ALL
        for url in (SECURE, PLAIN)
    ),
    *(
        (f"{failure} {url} {v}", unreachable(v, url, failure), LIKELY, mechanism)
        for failure, mechanism in (
            (TIMEOUT, "tcp.timeout"),
            ("connection_refused", "tcp.refused"),
            (RESET, "tcp.reset"),
            ("host_unreachable", "ip.unreachable"),
        )
        for v in ALL
        for url in (SECURE, PLAIN)
    ),
    *((f"SNI reset {v}", no_handshake(v, RESET), LIKELY, "tls.reset") for v in NEW),
    *((f"TLS eof {v}", no_handshake(v, "eof_error"), LIKELY, "tls.reset") for v in NEW),
    *((f"TLS timeout {v}", no_handshake(v, TIMEOUT), LIKELY, "tls.timeout") for v in NEW),
    ("https fails, no handshake on record", no_handshake(LEGACY, "response_never_received"), LIKELY, None),
    *(
        (
            f"self-signed {v}",
            bad_certificate(v, "ssl_unknown_authority", certificate("t.me", "t.me")),
            BLOCKED,
            "tls.mitm.self_signed",
        )
        for v in NEW
    ),
    *(
        (
            f"unknown CA {v}",
            bad_certificate(v, "ssl_unknown_authority", certificate("t.me", "Filter CA")),
            BLOCKED,
            "tls.mitm.unknown_ca",
        )
        for v in NEW
    ),
    *((f"expired at the origin {v}", expired_everywhere(v), DOWN, None) for v in (LTE,)),
    *((f"block page on port 80 {v}", block_page_on_port_80(v), BLOCKED, "http.blockpage") for v in ALL),
    *((f"redirect to a block page {v}", block_redirect(v), BLOCKED, "http.redirect") for v in ALL),
    *((f"offline {v}", offline(v), UNSURE, None) for v in NEW),
    *(
        (f"helper failed, target fails {v}", helper_failed(unreachable(v, SECURE, TIMEOUT)), UNSURE, None)
        for v in NEW
    ),
    *((f"down {url} {v}", down(v, url), DOWN, None) for v in ALL for url in (SECURE, PLAIN)),
    *((f"retired {v}", retired(v), DOWN, None) for v in NEW),
    ("everybody is led to 127.0.0.1", led_home(), UNSURE, None),
    ("plain page that leads nowhere else", plain_only(), OK, None),
    ("page cut off by a timeout", cut_off(), "impaired", None),
    ("telegram healthy", telegram(), OK, None),
    *(
        (
            f"telegram, its web host fails, only the request was recorded: {f}",
            telegram_web_fails(f),
            "impaired",
            None,
        )
        for f in ("connection_refused", "dns_lookup_error", "connection_reset", TIMEOUT)
    ),
    ("telegram, web injected", telegram_injected(), BLOCKED, "dns.injection.blockpage"),
    (
        "telegram, strangers lead away at every data centre",
        telegram_with_strangers(302, ("Location", "http://notice.isp.example/")),
        "impaired",
        None,
    ),
    ("telegram, a login page at every data centre", telegram_with_strangers(200), "impaired", None),
    ("telegram, one centre dead", telegram_dead(CENTRES[:1]), "impaired", None),
    ("telegram, all centres dead", telegram_dead(CENTRES), "impaired", None),
    (
        "telegram, all centres dead, its report opened long before",
        changed(telegram_dead(CENTRES), requests=[], tls_handshakes=[])
        | {"report_id": "20240213T090617Z_telegram_ID_23693_n1_epDRF015yWFhSlX4"},
        UNSURE,
        None,
    ),
]


@pytest.mark.parametrize(
    ("document", "state", "mechanism"),
    [pytest.param(*situation[1:], id=situation[0]) for situation in SITUATIONS],
)
def test_situation(document: Document, state: str, mechanism: str | None) -> None:
    verdict = judge_imported(read_document(document)).verdict
    assert (verdict.state.value, verdict.mechanism) == (state, mechanism), verdict


@pytest.mark.parametrize("version", [CLASSIC, LEGACY])
@pytest.mark.parametrize("body", ["...", "<html><title>Another page</title></html>"])
def test_a_page_that_differs_at_the_true_addresses_accuses_no_resolver(version: str, body: str) -> None:
    """These clients write down no address beside a request; of two, it is not known which was asked."""
    both = (TELEGRAM, "149.154.167.100")
    page = changed(
        web(PLAIN, version),
        queries=[query(version, "t.me", *both)],
        requests=[request(version, PLAIN, "", 200, body)],
        tls_handshakes=[],
        tcp_connect=[connect(version, ip, 80) for ip in both],
        control=control(version, "t.me", both, ports=(80,)),
    )
    verdict = judge_imported(read_document(page)).verdict
    assert (verdict.state, verdict.rule_id) == (State.IMPAIRED, "http.differs")
