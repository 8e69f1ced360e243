"""The one table from OONI's failure strings to our failure names.

Source: OONI df-007 (current and legacy names), the names of probe-cli's `netxlite`, and those that its test
helper still uses for the sake of old clients (`oohelperd`). A name that stands for several causes is
`unknown`: its text stays in `detail`, and nothing is concluded from it.
"""

from typing import Any, Final

from observatory.importers.fields import Rejected, text
from probes.records import Failure

FAILURES: Final[dict[str, Failure]] = {
    # Connections.
    "connection_reset": Failure.CONNECTION_RESET,
    "connection_refused": Failure.CONNECTION_REFUSED,
    "connection_aborted": Failure.CONNECTION_ABORTED,
    "network_reset": Failure.CONNECTION_ABORTED,
    "host_unreachable": Failure.HOST_UNREACHABLE,
    "network_unreachable": Failure.NETWORK_UNREACHABLE,
    "network_down": Failure.NETWORK_UNREACHABLE,
    # The machine has no such IP version: as if there were no route.
    "address_family_not_supported": Failure.NETWORK_UNREACHABLE,
    "generic_timeout_error": Failure.TIMEOUT,
    "timed_out": Failure.TIMEOUT,
    "eof_error": Failure.EOF,
    "permission_denied": Failure.HOST_UNREACHABLE,
    "address_not_available": Failure.VANTAGE,
    "no_buffer_space": Failure.VANTAGE,
    # Names.
    "dns_nxdomain_error": Failure.DNS_NXDOMAIN,
    "dns_no_answer": Failure.DNS_NO_ANSWER,
    "dns_refused_error": Failure.DNS_REFUSED,
    "dns_servfail_error": Failure.DNS_SERVFAIL,
    "dns_reply_with_wrong_query_id": Failure.DNS_BAD_REPLY,
    "dns_bogon_error": Failure.DNS_BAD_REPLY,
    # "Without more specific reasons", says df-007: not SERVFAIL, although ours borrows the word.
    "dns_server_misbehaving": Failure.UNKNOWN,
    "dns_temporary_failure": Failure.UNKNOWN,
    "dns_non_recoverable_failure": Failure.UNKNOWN,
    "android_dns_cache_no_data": Failure.UNKNOWN,
    # TLS, QUIC, HTTP.
    "ssl_failed_handshake": Failure.SSL_HANDSHAKE,
    "ssl_unknown_authority": Failure.SSL_UNKNOWN_AUTHORITY,
    "ssl_invalid_hostname": Failure.SSL_INVALID_HOSTNAME,
    "ssl_invalid_certificate": Failure.SSL_INVALID_CERTIFICATE,
    "quic_incompatible_version": Failure.QUIC_BAD_REPLY,
    "http_request_failed": Failure.UNKNOWN,
    "http_unexpected_status_code": Failure.UNKNOWN,
    "http_unexpected_redirect_url": Failure.UNKNOWN,
    "http_invalid_redirect_location_host": Failure.UNKNOWN,
    # Within the client itself.
    "interrupted": Failure.UNKNOWN,
    "connection_already_closed": Failure.UNKNOWN,
    "json_parse_error": Failure.UNKNOWN,
    # Legacy: ooniprobe 1 and 2 on Twisted, Measurement Kit, and the test helper to this day.
    "tcp_timed_out_error": Failure.TIMEOUT,
    "deferred_timeout_error": Failure.TIMEOUT,
    "task_timed_out": Failure.TIMEOUT,
    "connection_refused_error": Failure.CONNECTION_REFUSED,
    # ConnectionLost is the end that was not clean, ConnectionDone the one that was.
    "connection_lost_error": Failure.CONNECTION_RESET,
    "connection_done": Failure.EOF,
    "response_never_received": Failure.EOF,
    "connect_error": Failure.UNKNOWN,
    "address_family_not_supported_error": Failure.NETWORK_UNREACHABLE,
    "dns_name_error": Failure.DNS_NXDOMAIN,
    "dns_name_failure": Failure.DNS_SERVFAIL,
    "dns_lookup_error": Failure.UNKNOWN,
    "dns_server_failure": Failure.UNKNOWN,
    "ssl_error": Failure.SSL_HANDSHAKE,
    "unknown_error": Failure.UNKNOWN,
    # What a SOCKS proxy says of its own connect counts, as in `probes.failures` (RFC 1928 section 6).
    "socks_error": Failure.PROXY,
    "socks_connection_refused": Failure.CONNECTION_REFUSED,
    "socks_host_unreachable": Failure.HOST_UNREACHABLE,
    "socks_network_unreachable": Failure.NETWORK_UNREACHABLE,
    "socks_ttl_expired": Failure.PROXY_TTL_EXPIRED,
    "socks_server_failure": Failure.PROXY_FAILED,
    "socks_address_not_supported": Failure.PROXY_ADDRESS,
    "socks_command_not_supported": Failure.PROXY_COMMAND,
    "socks_connection_not_allowed": Failure.PROXY_FORBIDS,
}
# `unknown_failure: …` carries the system's own words; these leave no doubt. Source: Go's `net`, `syscall` and
# `crypto/tls`, OpenSSL.
WORDS: Final[tuple[tuple[str, Failure], ...]] = (
    ("connection reset by peer", Failure.CONNECTION_RESET),
    ("forcibly closed by the remote host", Failure.CONNECTION_RESET),
    ("connection refused", Failure.CONNECTION_REFUSED),
    ("actively refused it", Failure.CONNECTION_REFUSED),
    ("no route to host", Failure.HOST_UNREACHABLE),
    ("network is unreachable", Failure.NETWORK_UNREACHABLE),
    ("address family not supported", Failure.NETWORK_UNREACHABLE),
    ("operation timed out", Failure.TIMEOUT),
    ("i/o timeout", Failure.TIMEOUT),
    ("timeout awaiting response headers", Failure.TIMEOUT),
    ("context deadline exceeded", Failure.TIMEOUT),
    ("unexpected eof", Failure.EOF),
    ("no such host", Failure.DNS_NXDOMAIN),
    ("certificate has expired or is not yet valid", Failure.SSL_INVALID_CERTIFICATE),
    ("certificate signed by unknown authority", Failure.SSL_UNKNOWN_AUTHORITY),
    ("first record does not look like a tls handshake", Failure.SSL_HANDSHAKE),
    ("remote error: tls:", Failure.SSL_HANDSHAKE),
    ("malformed http", Failure.HTTP_BAD_REPLY),
)
# What a client thought of a reply that did arrive.
OPINIONS: Final = frozenset(
    {
        "http_request_failed",
        "http_unexpected_status_code",
        "http_unexpected_redirect_url",
        "http_invalid_redirect_location_host",
    }
)
CERTIFICATE: Final = frozenset(
    {Failure.SSL_UNKNOWN_AUTHORITY, Failure.SSL_INVALID_HOSTNAME, Failure.SSL_INVALID_CERTIFICATE}
)
UNKNOWN_PREFIX: Final = "unknown_failure"


def parse_failure(value: Any, where: str) -> tuple[Failure | None, str | None]:
    """Return our failure and OONI's own string; (None, None) for null and for the `false` of old clients.

    Errors: Rejected when it is neither text nor null.
    """
    if value is None or value is False:
        return None, None
    if value is True:
        return Failure.UNKNOWN, "true"
    if not isinstance(value, str):
        raise Rejected(f"{where}: expected a failure string or null, got {type(value).__name__}")
    raw = text(value, where).strip()
    if not raw:
        return None, None
    if raw.startswith(UNKNOWN_PREFIX):
        said = raw.lower()
        return next((failure for words, failure in WORDS if words in said), Failure.UNKNOWN), raw
    return FAILURES.get(raw, Failure.UNKNOWN), raw
