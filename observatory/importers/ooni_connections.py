"""OONI's `tcp_connect`, `tls_handshakes` and `quic_handshakes` (df-005, df-006) as observations."""

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final

from observatory.importers.fields import (
    Rejected,
    address,
    endpoint,
    from_base64,
    integer,
    items,
    mapping,
    number,
    objects,
)
from observatory.importers.fields import text as read_text
from observatory.importers.notes import Notes
from observatory.importers.ooni_failures import CERTIFICATE, parse_failure
from observatory.importers.ooni_matching import match_handshakes
from observatory.importers.ooni_scope import Scope, list_connects, list_events
from probes.records import (
    Certificate,
    Endpoint,
    Failure,
    QuicObservation,
    TcpObservation,
    TlsObservation,
)
from probes.transport.trust import MAX_CHAIN, describe_certificate

MAX_DER_BYTES: Final = 65536
# Over IPv4 the client's own firewall says so, and nobody else: no ICMP message leads to it.
PERMISSION_DENIED: Final = "permission_denied"
# A certificate that nobody checked proves nothing.
NOT_VERIFIED: Final = "not_verified"
# The version field of a handshake whose source does not say which version of QUIC it was.
UNSAID_VERSION: Final = 0


def read_connects(test_keys: Mapping[str, Any], scope: Scope, notes: Notes) -> Iterator[TcpObservation]:
    """Yield the connects made for the target. Errors: Rejected."""
    for place, entry in enumerate(objects(test_keys.get("tcp_connect"), "test_keys.tcp_connect")):
        where = f"test_keys.tcp_connect[{place}]"
        ip, port = address(entry.get("ip")), integer(entry.get("port"))
        if ip and port and port < 65536 and scope.has_connection(entry, ip):
            status = mapping(entry.get("status"), f"{where}.status")
            yield _connect(status, f"{where}.status", Endpoint(address=ip, port=port), entry, notes)


def _connect(
    status: Mapping[str, Any], where: str, to: Endpoint, entry: Mapping[str, Any], notes: Notes
) -> TcpObservation:
    failure, raw = parse_failure(status.get("failure"), f"{where}.failure")
    # The probe says `success`, the helper `status`.
    if failure is None and False in (status.get("success", True), status.get("status", True)):
        failure = Failure.UNKNOWN
    if raw == PERMISSION_DENIED and "." in to.address:
        failure = Failure.VANTAGE
    started_s, duration_s = notes.times(entry)
    return TcpObservation(
        id=notes.new_id(),
        started_s=started_s,
        duration_s=duration_s,
        failure=failure,
        detail=raw,
        endpoint=to,
    )


def read_handshakes(test_keys: Mapping[str, Any], scope: Scope, notes: Notes) -> Iterator[TlsObservation]:
    """Yield the handshakes in which the target's name was sent in the open.

    Errors: Rejected.
    """
    handshakes = _handshakes(test_keys, scope)
    matched = _match(handshakes, test_keys, scope)
    for place, entry in handshakes.items():
        where = f"test_keys.tls_handshakes[{place}]"
        failure, certificate_failure, errors, detail = _outcome(entry, where)
        started_s, duration_s = notes.times(entry)
        yield TlsObservation(
            id=notes.new_id(),
            started_s=started_s,
            duration_s=duration_s,
            failure=failure,
            detail=detail,
            endpoint=matched.get(place) or _endpoint(entry, scope),
            server_name=scope.name,
            version=read_text(entry.get("tls_version"), where, limit=20) or None,
            cipher=read_text(entry.get("cipher_suite"), where, limit=80) or None,
            alpn=read_text(entry.get("negotiated_protocol"), where, limit=30) or None,
            chain=_chain(entry, where) if failure is None else (),
            certificate_failure=certificate_failure,
            certificate_errors=errors,
        )


def _handshakes(test_keys: Mapping[str, Any], scope: Scope) -> dict[int, dict[str, Any]]:
    """The handshakes in which the target's name was sent, by their places."""
    found = {}
    for place, entry in enumerate(objects(test_keys.get("tls_handshakes"), "test_keys.tls_handshakes")):
        where = f"test_keys.tls_handshakes[{place}]"
        network = read_text(entry.get("network"), where)
        if _names_target(entry, where, scope) and network not in ("udp", "quic"):
            found[place] = entry
    return found


def _match(
    handshakes: Mapping[int, Mapping[str, Any]], test_keys: Mapping[str, Any], scope: Scope
) -> dict[int, Endpoint]:
    """Where those handshakes went whose own record leaves it open."""
    open_ = {n: entry for n, entry in handshakes.items() if scope.find_endpoint(entry, 443) is None}
    if not open_:
        return {}
    outcomes = {}
    for n, entry in open_.items():
        *outcome, _ = _outcome(entry, f"test_keys.tls_handshakes[{n}]")
        outcomes[n] = (*outcome, json.dumps(entry.get("peer_certificates")))
    told = {scope.find_endpoint(entry, 443) for n, entry in handshakes.items() if n not in open_}
    connects = [
        (to, number(entry.get("t")))
        for entry, to, failed in list_connects(test_keys)
        if not failed and to[1] == 443 and to not in told and scope.has_connection(entry, to[0])
    ]
    matched = match_handshakes(open_, outcomes, connects, list_events(test_keys))
    return {n: Endpoint(address=ip, port=port) for n, (ip, port) in matched.items()}


def read_quic(test_keys: Mapping[str, Any], scope: Scope, notes: Notes) -> Iterator[QuicObservation]:
    """Yield the QUIC handshakes for the target. Errors: Rejected."""
    for place, entry in enumerate(objects(test_keys.get("quic_handshakes"), "test_keys.quic_handshakes")):
        where = f"test_keys.quic_handshakes[{place}]"
        if _names_target(entry, where, scope):
            failure, certificate_failure, errors, detail = _outcome(entry, where)
            started_s, duration_s = notes.times(entry)
            yield QuicObservation(
                id=notes.new_id(),
                started_s=started_s,
                duration_s=duration_s,
                failure=failure,
                detail=detail,
                endpoint=_endpoint(entry, scope),
                server_name=scope.name,
                version=UNSAID_VERSION if failure is None else None,
                alpn=read_text(entry.get("negotiated_protocol"), where, limit=30) or None,
                chain=_chain(entry, where) if failure is None else (),
                certificate_failure=certificate_failure,
                certificate_errors=errors,
            )


def _names_target(entry: Mapping[str, Any], where: str, scope: Scope) -> bool:
    if read_text(entry.get("outer_server_name"), f"{where}.outer_server_name"):
        return False
    sent = read_text(entry.get("server_name"), f"{where}.server_name").lower().rstrip(".")
    return (address(sent) or sent) == scope.name


def _endpoint(entry: Mapping[str, Any], scope: Scope) -> Endpoint:
    ip, port = scope.find_endpoint(entry, 443) or ("", 443)
    return Endpoint(address=ip, port=port)


def _outcome(
    entry: Mapping[str, Any], where: str
) -> tuple[Failure | None, Failure | None, tuple[str, ...], str | None]:
    """Return failure, certificate failure, its name, detail. A client that rejects a certificate has
    already finished the handshake."""
    failure, raw = parse_failure(entry.get("failure"), f"{where}.failure")
    soft = read_text(entry.get("so_error"), f"{where}.so_error")
    detail = f"{raw}; so_error: {soft}" if raw and soft else raw
    if failure in CERTIFICATE:
        return None, failure, (str(failure),), detail
    if failure is None and entry.get("no_tls_verify") not in (None, False):
        return None, Failure.UNKNOWN, (NOT_VERIFIED,), detail
    return failure, None, (), detail


def _chain(entry: Mapping[str, Any], where: str) -> tuple[Certificate, ...]:
    """The chain as far as it can be read; without its leaf it shows nothing."""
    chain: list[Certificate] = []
    presented = items(entry.get("peer_certificates"), f"{where}.peer_certificates")
    for place, item in enumerate(presented[:MAX_CHAIN]):
        data = item.get("data") if isinstance(item, dict) else item
        try:
            der = from_base64(data, f"{where}.peer_certificates[{place}]", limit=MAX_DER_BYTES)
            with warnings.catch_warnings():
                # Authorities of the 1990s bear the serial number 0, which the library warns of.
                warnings.simplefilter("ignore")
                chain.append(describe_certificate(der))
        except (Rejected, ValueError):
            break
    return tuple(chain)


def read_helper_connections(
    control: Mapping[str, Any], scope: Scope, notes: Notes
) -> Iterator[TcpObservation | TlsObservation]:
    """Yield what the test helper reached. It passes on no certificates and no times.

    Errors: Rejected.
    """
    for to, status in mapping(control.get("tcp_connect"), "test_keys.control.tcp_connect").items():
        place = endpoint(to)
        if place is not None:
            where = f"test_keys.control.tcp_connect[{to[:60]}]"
            yield _connect(
                mapping(status, where), where, Endpoint(address=place[0], port=place[1]), {}, notes
            )
    for to, status in mapping(control.get("tls_handshake"), "test_keys.control.tls_handshake").items():
        place = endpoint(to)
        where = f"test_keys.control.tls_handshake[{to[:60]}]"
        entry = mapping(status, where)
        sent = read_text(entry.get("server_name"), f"{where}.server_name").lower().rstrip(".")
        if place is None or (sent and sent != scope.name):
            continue
        failure, certificate_failure, errors, raw = _outcome(entry, where)
        if failure is None and certificate_failure is None and entry.get("status") is False:
            failure = Failure.UNKNOWN
        yield TlsObservation(
            id=notes.new_id(),
            started_s=0.0,
            duration_s=0.0,
            failure=failure,
            detail=raw,
            endpoint=Endpoint(address=place[0], port=place[1]),
            server_name=scope.name,
            certificate_failure=certificate_failure,
            certificate_errors=errors,
        )
