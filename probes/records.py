"""What was measured: immutable facts, in and out of JSON.

    Measurement          one target from one vantage point at one time; concludes nothing
    └── Observation      one atomic fact; `failure` is None when the step succeeded
        ├── DnsObservation         one query and every answer that came back, in order of arrival
        ├── TcpObservation         one connect
        ├── TlsObservation         one handshake, the chain presented and what verification found
        ├── HttpObservation        one request and response
        ├── QuicObservation        one version negotiation, or one handshake
        ├── MtprotoObservation     one req_pq_multi -> resPQ exchange
        ├── ThroughputObservation  one bounded transfer
        ├── HopsObservation        one payload sent with rising TTL: what answered from where
        └── HelperObservation      one whole exchange with a test helper, of which only the outcome is known

Times inside a measurement are seconds since `Measurement.started_at`, taken from the monotonic clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union


class Failure(StrEnum):
    """How a step failed. The names are OONI's (df-007) where it has one."""

    CONNECTION_RESET = "connection_reset"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_ABORTED = "connection_aborted"
    TIMEOUT = "generic_timeout_error"
    EOF = "eof_error"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    NETWORK_UNKNOWN = "network_unknown"
    HOST_UNKNOWN = "host_unknown"
    HOST_ISOLATED = "host_isolated"
    PROTOCOL_UNREACHABLE = "protocol_unreachable"
    ADMIN_PROHIBITED = "administratively_prohibited"
    PRECEDENCE_REFUSED = "precedence_refused"
    SERVICE_UNREACHABLE = "type_of_service_unreachable"
    SOURCE_ROUTE_FAILED = "source_route_failed"
    OUT_OF_SCOPE = "beyond_scope_of_source"
    PACKET_TOO_BIG = "packet_too_big"
    PARAMETER_PROBLEM = "parameter_problem"
    HOPS_EXCEEDED = "hop_limit_exceeded"
    DNS_NXDOMAIN = "dns_nxdomain_error"
    DNS_SERVFAIL = "dns_server_misbehaving"
    DNS_REFUSED = "dns_refused_error"
    DNS_NO_ANSWER = "dns_no_answer"
    DNS_BAD_REPLY = "dns_bad_reply"
    DNS_TRUNCATED = "dns_truncated"
    SSL_HANDSHAKE = "ssl_failed_handshake"
    SSL_UNKNOWN_AUTHORITY = "ssl_unknown_authority"
    SSL_INVALID_HOSTNAME = "ssl_invalid_hostname"
    SSL_INVALID_CERTIFICATE = "ssl_invalid_certificate"
    HTTP_BAD_REPLY = "http_invalid_response"
    MTPROTO_BAD_REPLY = "mtproto_invalid_response"
    MTPROTO_TRANSPORT_ERROR = "mtproto_transport_error"
    QUIC_BAD_REPLY = "quic_invalid_response"
    QUIC_CLOSED = "quic_connection_closed"
    PROXY = "socks_error"
    PROXY_FAILED = "socks_server_failure"
    PROXY_FORBIDS = "socks_connection_not_allowed"
    PROXY_TTL_EXPIRED = "socks_ttl_expired"
    PROXY_COMMAND = "socks_command_not_supported"
    PROXY_ADDRESS = "socks_address_not_supported"
    PROXY_AUTHENTICATION = "socks_authentication_failed"
    PROXY_CLOSED = "socks_closed"
    VANTAGE = "vantage_unavailable"
    UNKNOWN = "unknown_failure"


# How a connect ends in a machine that has no way out over this IP version.
NO_ROUTE: Final = frozenset({Failure.NETWORK_UNREACHABLE, Failure.VANTAGE})
# What a SOCKS proxy says, or does not, that tells nothing of the far end: its own rule, fault or limit.
PROXY_FAILURES: Final = frozenset(
    {
        Failure.PROXY,
        Failure.PROXY_FAILED,
        Failure.PROXY_FORBIDS,
        Failure.PROXY_TTL_EXPIRED,
        Failure.PROXY_COMMAND,
        Failure.PROXY_ADDRESS,
        Failure.PROXY_AUTHENTICATION,
        Failure.PROXY_CLOSED,
    }
)


class Purpose(StrEnum):
    """Why a step was made. Comparing the others with `target` separates name from address.

    target           the target's name at the target's address
    harmless_name    a name nobody blocks at the target's address
    no_name          no name at all at the target's address
    control_address  the target's name at an address nobody blocks
    redirect         another host, where the target's answer led
    """

    TARGET = "target"
    HARMLESS_NAME = "harmless_name"
    NO_NAME = "no_name"
    CANARY_ADDRESS = "control_address"
    REDIRECT = "redirect"


# Data centres listen here too. It is tried where the usual ports of an address fail, so a control, where they
# work, never tries it.
SPARE_PORT: Final = 5222


class Resolver(StrEnum):
    """Who was asked: the resolver that customers of this network get, a public one, or no resolver at all.

    `sink` is an address that serves no DNS: any answer from it was made on the path. `chosen` is one outside
    the network that whoever uses the line has set up instead of the network's own, as imports tell.
    """

    VANTAGE = "vantage"
    CHOSEN = "chosen"
    PUBLIC = "public"
    SINK = "sink"


class TargetKind(StrEnum):
    HOST = "host"
    DATA_CENTRE = "data_centre"
    CANARY = "control_host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address and a port.

    `address` is an IPv4 or IPv6 literal without brackets; empty only in imported observations whose source
    did not record the address.
    """

    address: str
    port: int

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise ValueError(f"port: expected 1..65535, got {self.port}")

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is assessed: a host name, a Telegram data centre, or the canary that nobody blocks.

    `addresses` are those known beforehand, `ports` those to try. `front_of`: the data centre whose front a
    host is for the web app, if it is one.
    """

    name: str
    kind: TargetKind
    addresses: tuple[str, ...] = ()
    ports: tuple[int, ...] = (80, 443)
    front_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Mandatory: id (unique in its measurement), started_s, duration_s. `detail` is the raw error text.

    `lag_s` is the worst delay of the prober's event loop during this step; 0 where it was too short to count.
    """

    id: str
    started_s: float
    duration_s: float
    attempt: int = 1
    failure: Failure | None = None
    detail: str | None = None
    lag_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedError:
    """An extended DNS error: `code` is its info code (15 blocked, 16 censored, 17 filtered), `text` its extra
    text as sent, bounded.

    Source: RFC 8914.
    """

    code: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """One reply to a query; `arrived_s` counts from the sending of the query, `wire` is the whole reply.

    `addresses` are those of A and AAAA records, `cnames` the chain in order, `texts` those of TXT records.
    `server_id` is the server's own identifier (NSID, RFC 5001). `hop_limit` is the IP TTL the reply arrived
    with (UDP only). `alpn` and `ech` come from HTTPS records (RFC 9460): protocols, and whether Encrypted
    ClientHello is offered. `truncated` is the TC bit: the rest is to be had over TCP, if anything is.
    """

    arrived_s: float
    rcode: str
    addresses: tuple[str, ...] = ()
    cnames: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    ttl_s: int | None = None
    extended_errors: tuple[ExtendedError, ...] = ()
    server_id: str | None = None
    hop_limit: int | None = None
    alpn: tuple[str, ...] = ()
    ech: bool = False
    truncated: bool = False
    wire: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsObservation(Observation):
    """`failure` is about the first answer; a second one is also in `answers`.

    `transport` is udp, tcp, dot or doh. Over dot and doh an answer is kept only when the server's certificate
    is valid for its address, so it is the server's own; otherwise `failure` says what was wrong with it.
    """

    resolver: Resolver
    server: Endpoint
    transport: str
    name: str
    query_type: str
    answers: tuple[DnsAnswer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpObservation(Observation):
    endpoint: Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One X.509 certificate as presented; `names` are its DNS and IP subject alternative names."""

    der: bytes
    sha256: str
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...] = ()
    self_signed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsObservation(Observation):
    """`failure` is about the handshake, `certificate_failure` about the chain, verified in the same one.

    `certificate_errors` holds every X509_V_ERR code that OpenSSL reported, by name, with
    `ssl_invalid_hostname` for a name that is not in the leaf certificate. `server_name` is empty where none
    was sent. An empty `chain` after a finished handshake: the source of an import did not keep it.
    """

    endpoint: Endpoint
    server_name: str
    purpose: Purpose = Purpose.TARGET
    version: str | None = None
    cipher: str | None = None
    alpn: str | None = None
    chain: tuple[Certificate, ...] = ()
    certificate_failure: Failure | None = None
    certificate_errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpObservation(Observation):
    """`body` holds the first bytes (bounded); `received_bytes` counts all that came within the bound.

    `first_byte_s` is taken where the socket delivers bytes, below TLS. So are `rated_bytes` and `rated_s`,
    from which the rate follows (probes/transport/arrivals.py): headers and TLS are in them, a burst at the
    beginning and the longest pause are not. `title` is the page's where its source
    kept that and no body. The body is hostile content: store it, never render it.
    """

    endpoint: Endpoint
    over_tls: bool
    host: str
    path: str
    purpose: Purpose = Purpose.TARGET
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    body_truncated: bool = False
    received_bytes: int = 0
    title: str = ""
    first_byte_s: float | None = None
    rated_bytes: int = 0
    rated_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QuicObservation(Observation):
    """Version negotiation (`server_name` is None): a packet of a version that no server speaks; `versions`
    are those the server offered instead. Or a handshake for `server_name`, with the fields of
    `TlsObservation`; `version` is the QUIC version agreed on, `status` that of a GET over HTTP/3 if one was
    made.
    """

    endpoint: Endpoint
    n_sent: int = 0
    versions: tuple[int, ...] = ()
    server_name: str | None = None
    purpose: Purpose = Purpose.TARGET
    version: int | None = None
    alpn: str | None = None
    chain: tuple[Certificate, ...] = ()
    certificate_failure: Failure | None = None
    certificate_errors: tuple[str, ...] = ()
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MtprotoObservation(Observation):
    """`nonce_echoed` proves that the answer came from a server that read our request and speaks MTProto.

    `transport_error` is the code of a documented transport error, such as -429 (flood): no proof, but a
    server's own word in its own protocol. `server_name` is the front that was asked over WebSocket inside
    TLS, empty at a data centre's own address; `status` is what HTTP said to the upgrade (101: agreed).
    """

    endpoint: Endpoint
    transport: str
    nonce_echoed: bool = False
    fingerprints: tuple[str, ...] = ()
    transport_error: int | None = None
    server_name: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputObservation(Observation):
    """Body bytes received over `transfer_s` seconds on a fresh TLS connection, bounded in both.

    `rated_bytes` and `rated_s` as in `HttpObservation`.
    """

    endpoint: Endpoint
    server_name: str
    purpose: Purpose = Purpose.TARGET
    received_bytes: int = 0
    transfer_s: float = 0.0
    rated_bytes: int = 0
    rated_s: float = 0.0


class Payload(StrEnum):
    """What was sent with a rising TTL."""

    CLIENT_HELLO = "client_hello"
    HTTP_REQUEST = "http_request"
    DNS_QUERY = "dns_query"
    SYN = "syn"
    UDP = "udp"


class Heard(StrEnum):
    """The answer to one payload with one TTL; `answer` is a reply in the far end's own protocol."""

    TIME_EXCEEDED = "time_exceeded"
    UNREACHABLE = "unreachable"
    ANSWER = "answer"
    RESET = "reset"
    REFUSED = "refused"
    CLOSED = "closed"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """`router` sent the ICMP error, where the system reports it; `rtt_s` is None for silence.

    An answer or reset beside a `router`: the payload ran out of hops there, and was answered nevertheless.
    """

    ttl: int
    heard: Heard
    router: str | None = None
    rtt_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HopsObservation(Observation):
    """One payload sent with rising TTL to one endpoint; `name` is the one inside it, if any.

    The same with a harmless name (`purpose`) is what it is compared with: the first TTL at which both differ
    is where something on the path acts, between hop ttl - 1 and hop ttl.
    """

    endpoint: Endpoint
    payload: Payload
    name: str = ""
    purpose: Purpose = Purpose.TARGET
    hops: tuple[Hop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HelperObservation(Observation):
    """An exchange with a test helper over verified TLS; without `failure` the vantage point was online.

    The helper is another's, or the canary itself, asked once more at the end of a round.
    """

    url: str


# One of each technique in probes/registry.py, which this module cannot import: the registry loads sockets.
# tests/probes/test_registry.py compares the two.
AnyObservation = (
    DnsObservation
    | TcpObservation
    | TlsObservation
    | HttpObservation
    | QuicObservation
    | MtprotoObservation
    | ThroughputObservation
    | HopsObservation
    | HelperObservation
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One target from one vantage point at one time.

    Mandatory: id (UUID), round_id (the round it was part of: same for its canary), vantage, asn,
    target, target_kind, started_at (aware, UTC), duration_s. `trust` names the CA store used:
    `system`, or `ca_file sha256:…`. `lag_s` is the worst delay of the prober's event loop during it. `origin`
    is empty for our own; otherwise where it was imported from, such as `ooni:` and its report id.
    """

    id: str
    round_id: str
    vantage: str
    asn: int
    target: str
    target_kind: TargetKind
    started_at: datetime
    duration_s: float
    resolver: str
    public_resolver: str
    trust: str = "system"
    via: str = "direct"
    software: str = ""
    origin: str = ""
    emulated: bool = False
    lag_s: float = 0.0
    observations: tuple[AnyObservation, ...] = ()

    def __post_init__(self) -> None:
        if self.started_at.tzinfo is None:
            raise ValueError("started_at: expected an aware UTC datetime, got a naive one")


def technique_name(record: type[Observation]) -> str:
    """Return the name of the technique that leaves this record, as JSON, database and registry have it."""
    return record.__name__.removesuffix("Observation").lower()


_converter = make_converter(omit_if_default=True)
configure_tagged_union(AnyObservation, _converter, tag_name="technique", tag_generator=technique_name)


def encode_measurement(measurement: Measurement) -> dict[str, Any]:
    """Return the JSON object of a measurement; fields at their default are left out.

    Shape:  bytes become base85 text, datetimes ISO 8601, each observation carries `technique`.
    """
    encoded: dict[str, Any] = _converter.unstructure(measurement)
    return encoded


def parse_measurement(data: dict[str, Any]) -> Measurement:
    """Return the measurement of a JSON object made by `encode_measurement`.

    Errors: cattrs.errors.ClassValidationError (an ExceptionGroup) that names each wrong field.
    """
    return _converter.structure(data, Measurement)
