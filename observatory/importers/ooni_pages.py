"""OONI's `requests` (df-001) as HTTP observations of one host.

OONI follows redirects and lists the newest request first; what other hosts answered is left out. A request
that old clients say failed may have failed before it was sent: then the record of the earlier step tells, and
where there is none, the request itself is the record that something was tried.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urljoin

from observatory.importers.fields import (
    Rejected,
    binary,
    endpoint,
    integer,
    items,
    mapping,
    objects,
    port_of,
    split_url,
)
from observatory.importers.fields import text as read_text
from observatory.importers.notes import Notes
from observatory.importers.ooni_dns import read_queries
from observatory.importers.ooni_failures import CERTIFICATE, OPINIONS, parse_failure
from observatory.importers.ooni_scope import Scope
from probes.records import PROXY_FAILURES, Endpoint, Failure, HttpObservation, TlsObservation

MAX_BODY_BYTES: Final = 65536
MAX_TITLE_CHARS: Final = 1000
MAX_HEADERS: Final = 64
MAX_HEADER_CHARS: Final = 2000
# Before a request can be sent at all. `queries` and `tcp_connect` show what ends in these ways.
BEFORE_REQUEST: Final = frozenset(
    {
        Failure.DNS_NXDOMAIN,
        Failure.DNS_SERVFAIL,
        Failure.DNS_REFUSED,
        Failure.DNS_NO_ANSWER,
        Failure.DNS_BAD_REPLY,
        Failure.CONNECTION_REFUSED,
        Failure.HOST_UNREACHABLE,
        Failure.NETWORK_UNREACHABLE,
        Failure.VANTAGE,
    }
    | PROXY_FAILURES
)
DNS_PREFIX: Final = "dns_"
Request = tuple[dict[str, Any], SplitResult, str]


def read_pages(
    test_keys: Mapping[str, Any], scope: Scope, handshakes: tuple[TlsObservation, ...], notes: Notes
) -> Iterator[HttpObservation | TlsObservation]:
    """Yield the requests to the target's host, oldest first; a handshake too, where a client that wrote none
    down says that its request failed at one.

    Errors: Rejected.
    """
    was_asked = any(True for _ in read_queries(test_keys, scope.name, Notes()))
    for entry, parts, where in requests_in_order(test_keys):
        if _host(parts) != scope.name or _is_quic(entry):
            continue
        failure, raw = parse_failure(entry.get("failure"), f"{where}.failure")
        response = mapping(entry.get("response"), f"{where}.response")
        status = integer(response.get("code")) or None
        if status is not None and raw in OPINIONS:
            failure = None
        over_tls, port = parts.scheme == "https", port_of(parts)
        if failure is None and status is None:
            continue
        if status is None and endpoint(entry.get("address")) is None:
            if over_tls and not handshakes and failure in (*CERTIFICATE, Failure.SSL_HANDSHAKE):
                yield _handshake(entry, failure, raw, scope, port, notes)
                continue
            if _never_sent(failure, raw, over_tls, port, scope, handshakes) and _is_on_record(
                raw, port, scope, handshakes if over_tls else (), was_asked=was_asked
            ):
                continue
        started_s, duration_s = notes.times(entry)
        body = binary(response.get("body"), f"{where}.response.body", limit=MAX_BODY_BYTES + 1)
        cut = len(body) > MAX_BODY_BYTES or response.get("body_is_truncated") is True
        yield HttpObservation(
            id=notes.new_id(),
            started_s=started_s,
            duration_s=duration_s,
            failure=failure,
            detail=raw,
            endpoint=_endpoint(entry, scope, port),
            over_tls=over_tls,
            host=scope.name,
            path=path_of(parts),
            status=status,
            headers=read_headers(response, f"{where}.response"),
            body=body[:MAX_BODY_BYTES],
            body_truncated=cut,
            received_bytes=body_length(response),
        )


def requests_in_order(test_keys: Mapping[str, Any]) -> Iterator[Request]:
    """Yield requests oldest first with the URL they really went to, and where they stand.

    Errors: Rejected.
    """
    expected: SplitResult | None = None
    previous: str | None = None
    entries = list(enumerate(objects(test_keys.get("requests"), "test_keys.requests")))
    for place, entry in reversed(entries):
        where = f"test_keys.requests[{place}]"
        request = mapping(entry.get("request"), f"{where}.request")
        tor = request.get("tor")
        if isinstance(tor, dict) and tor.get("is_tor") is True:
            continue
        url = request.get("url")
        parts = split_url(url)
        if parts is None:
            continue
        # Clients of 2016 repeat the first URL in every request of a chain of redirects.
        if url == previous and expected is not None:
            parts = expected
        previous = url
        expected = redirected_to(entry, parts, where)
        yield entry, parts, where


def redirected_to(entry: Mapping[str, Any], parts: SplitResult, where: str) -> SplitResult | None:
    """Return where the answer to a request led, None where it led nowhere. Errors: Rejected."""
    response = mapping(entry.get("response"), f"{where}.response")
    if not 300 <= (integer(response.get("code")) or 0) < 400:
        return None
    headers = read_headers(response, f"{where}.response")
    location = next((value for name, value in headers if name.lower() == "location"), "")
    try:
        return split_url(urljoin(parts.geturl(), location)) if location else None
    except ValueError:
        return None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _is_quic(entry: Mapping[str, Any]) -> bool:
    request = entry.get("request")
    transport = request.get("x_transport") if isinstance(request, dict) else None
    return entry.get("network") in ("udp", "quic") or transport in ("udp", "quic")


def _never_sent(
    failure: Failure | None,
    raw: str | None,
    over_tls: bool,
    port: int,
    scope: Scope,
    handshakes: tuple[TlsObservation, ...],
) -> bool:
    if failure in BEFORE_REQUEST or (raw or "").startswith(DNS_PREFIX) or not scope.addresses:
        return True
    if scope.nothing_connected(port):
        return True
    done = any(o.failure is None and o.certificate_failure is None for o in handshakes)
    return over_tls and bool(handshakes) and not done


def _is_on_record(
    raw: str | None, port: int, scope: Scope, handshakes: tuple[TlsObservation, ...], *, was_asked: bool
) -> bool:
    """The step that failed before the request could be sent was written down for itself."""
    if (raw or "").startswith(DNS_PREFIX):
        return was_asked
    return bool(handshakes) or port in scope.connected or port in scope.dead


def _handshake(
    entry: Mapping[str, Any],
    failure: Failure | None,
    raw: str | None,
    scope: Scope,
    port: int,
    notes: Notes,
) -> TlsObservation:
    turned_down = failure in CERTIFICATE
    started_s, duration_s = notes.times(entry)
    return TlsObservation(
        id=notes.new_id(),
        started_s=started_s,
        duration_s=duration_s,
        failure=None if turned_down else failure,
        detail=raw,
        endpoint=_endpoint(entry, scope, port),
        server_name=scope.name,
        certificate_failure=failure if turned_down else None,
        certificate_errors=(str(failure),) if turned_down else (),
    )


def _endpoint(entry: Mapping[str, Any], scope: Scope, port: int) -> Endpoint:
    ip, found_port = scope.find_endpoint(entry, port) or ("", port)
    return Endpoint(address=ip, port=found_port)


def path_of(parts: SplitResult) -> str:
    """Return path and query of a URL."""
    path = parts.path or "/"
    return read_text(f"{path}?{parts.query}" if parts.query else path, "path", limit=2000)


def body_length(response: Mapping[str, Any]) -> int:
    """Bytes of the body as the client kept it; for base64 it is computed without decoding it all."""
    body = response.get("body")
    if isinstance(body, str):
        return len(body.encode("utf-8", "replace"))
    data = body.get("data") if isinstance(body, dict) else None
    return len(data.rstrip("=")) * 3 // 4 if isinstance(data, str) else 0


def read_headers(response: Mapping[str, Any], where: str) -> tuple[tuple[str, str], ...]:
    """Return the headers of `headers_list`, else those of the older `headers`.

    Errors: Rejected.
    Source: OONI df-001; the values of old clients may be lists.
    """
    found: list[tuple[str, str]] = []
    listed = items(response.get("headers_list"), f"{where}.headers_list")
    pairs = [tuple(pair) for pair in listed if isinstance(pair, list) and len(pair) == 2]
    pairs = pairs or list(mapping(response.get("headers"), f"{where}.headers").items())
    for name, value in pairs[:MAX_HEADERS]:
        for one in value if isinstance(value, list) else (value,):
            found.append((_header(name, where, 100), _header(one, where, MAX_HEADER_CHARS)))
    return tuple(found[:MAX_HEADERS])


def _header(value: Any, where: str, limit: int) -> str:
    if isinstance(value, dict):
        raw = binary(value, f"{where}.headers", limit=limit).decode("utf-8", "replace")
        return read_text(raw, where, limit=limit)
    if isinstance(value, bool | int | float):
        return str(value)[:limit]
    if value is not None and not isinstance(value, str):
        raise Rejected(f"{where}.headers: expected text or base64 data, got {type(value).__name__}")
    return read_text(value, f"{where}.headers", limit=limit)


def read_helper_page(
    control: Mapping[str, Any], scope: Scope, over_tls: bool, path: str, notes: Notes
) -> Iterator[HttpObservation]:
    """Yield the page the test helper got in the end, after redirects, from an address it does not name.

    Errors: Rejected.
    """
    where = "test_keys.control.http_request"
    request = mapping(control.get("http_request"), where)
    failure, raw = parse_failure(request.get("failure"), f"{where}.failure")
    # -1 means none.
    status = integer(request.get("status_code")) or None
    if failure is None and status is None:
        return
    yield HttpObservation(
        id=notes.new_id(),
        started_s=0.0,
        duration_s=0.0,
        failure=failure,
        detail=raw,
        endpoint=Endpoint(address="", port=443 if over_tls else 80),
        over_tls=over_tls,
        host=scope.name,
        path=path,
        status=status,
        headers=read_headers(request, where),
        received_bytes=integer(request.get("body_length")) or 0,
        title=read_text(request.get("title"), f"{where}.title", limit=MAX_TITLE_CHARS).strip(),
    )
