"""One measurement's observations, sorted by technique and by what they speak of. Concludes nothing."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar, cast
from urllib.parse import urlsplit

from observatory.analysis.judging.front import is_front_answer
from observatory.analysis.judging.lazy import lazy
from probes.records import (
    SPARE_PORT,
    AnyObservation,
    DnsAnswer,
    DnsObservation,
    Endpoint,
    Failure,
    HelperObservation,
    HopsObservation,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    Observation,
    Purpose,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)

Evidence = tuple[str, ...]

SILENCE = frozenset({Failure.TIMEOUT})
RESET = frozenset({Failure.CONNECTION_RESET, Failure.EOF, Failure.CONNECTION_ABORTED})
# What a router on the path, or nobody's route, can say of an address.
UNREACHABLE = frozenset(
    {
        Failure.HOST_UNREACHABLE,
        Failure.NETWORK_UNREACHABLE,
        Failure.NETWORK_UNKNOWN,
        Failure.HOST_UNKNOWN,
        Failure.HOST_ISOLATED,
        Failure.PROTOCOL_UNREACHABLE,
        Failure.ADMIN_PROHIBITED,
        Failure.PRECEDENCE_REFUSED,
        Failure.SERVICE_UNREACHABLE,
        Failure.SOURCE_ROUTE_FAILED,
        Failure.HOPS_EXCEEDED,
    }
)

# Over these an answer came only with a certificate that held for the server: no one else wrote it.
AUTHENTICATED = frozenset({"dot", "doh"})
ADDRESS_TYPES = frozenset({"A", "AAAA"})
# A body smaller than this says nothing about a rate; one that was timed above TLS must be larger.
MIN_RATED_BYTES = 4000
MIN_BYTES_ABOVE_TLS = 8000

Asked = tuple[DnsObservation, DnsAnswer]
ObservationKind = TypeVar("ObservationKind", bound=Observation)
Named = TypeVar("Named", TlsObservation, HttpObservation)


class Facts:
    """The observations of one measurement. Names are the target's own unless a property says otherwise."""

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement
        by_type: defaultdict[type[Observation], list[AnyObservation]] = defaultdict(list)
        for observation in measurement.observations:
            by_type[type(observation)].append(observation)
        self._by_type = by_type

    def _all(self, kind: type[ObservationKind]) -> list[ObservationKind]:
        return cast(list[ObservationKind], self._by_type.get(kind, []))

    # --- names

    @lazy
    def dns(self) -> tuple[DnsObservation, ...]:
        """Queries for the target's addresses; the sink and questions about something else are apart."""
        name = self.measurement.target.lower()
        return tuple(
            o
            for o in self._all(DnsObservation)
            if o.query_type in ADDRESS_TYPES and o.resolver is not Resolver.SINK and o.name.lower() == name
        )

    @lazy
    def sink(self) -> tuple[DnsObservation, ...]:
        """Queries for the target to an address that serves no DNS."""
        name = self.measurement.target.lower()
        return tuple(
            o for o in self._all(DnsObservation) if o.resolver is Resolver.SINK and o.name.lower() == name
        )

    @lazy
    def of_vantage(self) -> tuple[DnsObservation, ...]:
        """Those to the vantage's own resolver."""
        return tuple(o for o in self.dns if o.resolver is Resolver.VANTAGE)

    def about_other_name(self, name: str) -> tuple[DnsObservation, ...]:
        """Queries to the vantage's resolver for the addresses of a name that is not the target."""
        return tuple(
            o
            for o in self._all(DnsObservation)
            if o.resolver is Resolver.VANTAGE
            and o.query_type in ADDRESS_TYPES
            and o.name.lower() == name.lower()
        )

    def queries(self, resolver: Resolver, query_type: str = "A") -> tuple[DnsObservation, ...]:
        return tuple(o for o in self.dns if o.resolver is resolver and o.query_type == query_type)

    @lazy
    def clean(self) -> tuple[DnsObservation, ...]:
        """Queries whose answers were authenticated."""
        return tuple(o for o in self.dns if o.transport in AUTHENTICATED and o.resolver is Resolver.PUBLIC)

    @lazy
    def clean_addresses(self) -> frozenset[str]:
        return frozenset(a for o in self.clean for answer in o.answers for a in answer.addresses)

    @lazy
    def resolved_addresses(self) -> frozenset[str]:
        return frozenset(a for o in self.dns for answer in o.answers for a in answer.addresses)

    def answers(self, resolver: Resolver) -> tuple[Asked, ...]:
        """What came back in the open; authenticated answers are `clean`."""
        return tuple(
            (o, answer)
            for o in self.dns
            if o.resolver is resolver and o.transport not in AUTHENTICATED
            for answer in o.answers
        )

    def addresses(self, resolver: Resolver) -> frozenset[str]:
        return frozenset(a for _, answer in self.answers(resolver) for a in answer.addresses)

    # --- connections

    @lazy
    def tcp(self) -> tuple[TcpObservation, ...]:
        return tuple(self._all(TcpObservation))

    @lazy
    def _tls(self) -> dict[Purpose, tuple[TlsObservation, ...]]:
        return _by_purpose(self._all(TlsObservation))

    @lazy
    def tls(self) -> tuple[TlsObservation, ...]:
        return self._tls.get(Purpose.TARGET, ())

    def tls_for(self, purpose: Purpose) -> tuple[TlsObservation, ...]:
        return self._tls.get(purpose, ())

    @lazy
    def _http(self) -> dict[Purpose, tuple[HttpObservation, ...]]:
        return _by_purpose(self._all(HttpObservation))

    @lazy
    def http(self) -> tuple[HttpObservation, ...]:
        return self._http.get(Purpose.TARGET, ())

    def http_for(self, purpose: Purpose) -> tuple[HttpObservation, ...]:
        return self._http.get(purpose, ())

    @lazy
    def _quic(self) -> tuple[QuicObservation, ...]:
        return tuple(self._all(QuicObservation))

    @lazy
    def quic(self) -> tuple[QuicObservation, ...]:
        """Version negotiations."""
        return tuple(o for o in self._quic if o.server_name is None)

    def quic_handshakes(self, purpose: Purpose = Purpose.TARGET) -> tuple[QuicObservation, ...]:
        return tuple(o for o in self._quic if o.server_name is not None and o.purpose is purpose)

    @lazy
    def mtproto(self) -> tuple[MtprotoObservation, ...]:
        return tuple(self._all(MtprotoObservation))

    @lazy
    def throughput(self) -> tuple[ThroughputObservation, ...]:
        return tuple(self._all(ThroughputObservation))

    @lazy
    def hops(self) -> tuple[HopsObservation, ...]:
        return tuple(self._all(HopsObservation))

    # --- proofs

    @lazy
    def proved_addresses(self) -> frozenset[str]:
        """Addresses that showed a certificate valid for the name: each is its own control."""
        over_tcp = (o.endpoint.address for o in self.tls if shows_valid_certificate(o))
        over_quic = (
            o.endpoint.address
            for o in self.quic_handshakes()
            if o.failure is None and o.version is not None and o.chain and o.certificate_failure is None
        )
        return frozenset((*over_tcp, *over_quic)) - {""}

    @lazy
    def proved_over_tcp(self) -> bool:
        return any(shows_valid_certificate(o) for o in self.tls)

    @lazy
    def proved_pages(self) -> tuple[HttpObservation, ...]:
        """Answers over TLS in a measurement that recorded no handshake: its client verified and went on."""
        if self.tls:
            return ()
        return tuple(o for o in self.http if o.over_tls and o.status is not None)

    @lazy
    def helped(self) -> bool:
        """A whole exchange with a test helper succeeded: the vantage point was online."""
        return any(o.failure is None for o in self._all(HelperObservation))

    @lazy
    def is_lost(self) -> bool:
        """Of a canary: it proved itself, and answered no more when asked again at the end of the round."""
        own = f"https://{self.measurement.target}/"
        again = [o for o in self._all(HelperObservation) if o.url == own]
        return self.proved_over_tcp and bool(again) and all(o.failure is not None for o in again)

    @lazy
    def proved(self) -> bool:
        """The target itself answered, beyond doubt: by certificate or by nonce."""
        return (
            bool(self.proved_addresses)
            or self.proved_over_tcp
            or any(o.nonce_echoed for o in self.mtproto if o.endpoint.port != SPARE_PORT)
            or bool(self.proved_pages)
        )

    @lazy
    def data_centre_answers(self) -> tuple[HttpObservation, ...]:
        """Plain HTTP answers at a data centre, where no nonce was asked for (imports): anybody's."""
        if self.measurement.target_kind is not TargetKind.DATA_CENTRE or self.mtproto:
            return ()
        return tuple(o for o in self.http if o.status is not None)

    @lazy
    def front_answers(self) -> tuple[HttpObservation, ...]:
        """Those of them that Telegram's front gives."""
        return tuple(o for o in self.data_centre_answers if is_front_answer(o))

    @lazy
    def front_answers_app(self) -> bool:
        """The front spoke on a port that no ordinary proxy for web pages takes over."""
        return any(o.endpoint.port != 80 for o in self.front_answers)

    @lazy
    def tried_tls(self) -> bool:
        """Anything over TLS was tried, under whatever name: imports of plain HTTP have nothing of it."""
        kinds = (TlsObservation, QuicObservation, ThroughputObservation)
        pages = (o for o in self._all(HttpObservation) if o.purpose is not Purpose.REDIRECT)
        return any(self._by_type.get(kind) for kind in kinds) or any(o.over_tls for o in pages)

    @lazy
    def answered_plain(self) -> bool:
        """Port 80 answered, and nothing over TLS was tried: as far as an import of plain HTTP can tell."""
        return not self.tried_tls and any(o.status is not None for o in self.http)

    @lazy
    def reached(self) -> bool:
        """Proved, or answered as well as its client could tell."""
        return self.proved or self.front_answers_app

    @lazy
    def any_reply(self) -> bool:
        """Something out there answered something."""
        return bool(self.resolved_addresses) or any(
            o.failure is None
            for kind, observations in self._by_type.items()
            if kind not in (DnsObservation, HopsObservation)
            for o in observations
        )

    @lazy
    def heard_endpoints(self) -> frozenset[Endpoint]:
        """Where anything of the far end's own was received, for whatever name: an answer or an alert."""
        heard = Failure.SSL_HANDSHAKE, Failure.HTTP_BAD_REPLY, Failure.MTPROTO_BAD_REPLY
        served = {o.server for o in self._all(DnsObservation) if o.answers}
        talked: tuple[TlsObservation | HttpObservation | MtprotoObservation | ThroughputObservation, ...] = (
            *self._all(TlsObservation),
            *self._all(HttpObservation),
            *self._all(MtprotoObservation),
            *self._all(ThroughputObservation),
        )
        answered = {o.endpoint for o in talked if o.failure is None or o.failure in heard}
        return frozenset(served | answered)

    # --- speed

    @lazy
    def page_bps(self) -> float | None:
        """The best body rate over TLS with the target's own name, None when no body was big enough."""
        pages = (page_bps(o) for o in self.http if o.over_tls)
        rates = [bps for bps in pages if bps is not None]
        rates += [transfer_bps(o) for o in self.throughput if o.purpose is Purpose.TARGET]
        return max(rates, default=None)

    @lazy
    def handshake_s(self) -> float | None:
        """The quickest finished handshake with the target's own name."""
        return min((o.duration_s for o in self.tls if o.failure is None), default=None)


def _by_purpose(observations: Iterable[Named]) -> dict[Purpose, tuple[Named, ...]]:
    found: defaultdict[Purpose, list[Named]] = defaultdict(list)
    for observation in observations:
        found[observation.purpose].append(observation)
    return {purpose: tuple(those) for purpose, those in found.items()}


def shows_valid_certificate(handshake: TlsObservation) -> bool:
    return handshake.failure is None and handshake.certificate_failure is None


def redirect_host(page: HttpObservation) -> str | None:
    """Return the host a redirect leads to, None when the page is no redirect to another place."""
    if page.status is None or not 300 <= page.status < 400:
        return None
    location = next((value for name, value in page.headers if name.lower() == "location"), "")
    try:
        return urlsplit(location).hostname
    except ValueError:
        return None


def page_bps(page: HttpObservation) -> float | None:
    """Bits per second of one page, None when its body was too small to tell."""
    if page.rated_bytes:
        return _bps(page.rated_bytes, page.rated_s) if page.received_bytes >= MIN_RATED_BYTES else None
    if page.first_byte_s is None or page.received_bytes < MIN_BYTES_ABOVE_TLS:
        return None
    return _bps(page.received_bytes, page.duration_s - page.first_byte_s)


def _bps(n_bytes: int, seconds: float) -> float:
    return 8 * n_bytes / max(seconds, 1e-3)


def transfer_bps(transfer: ThroughputObservation) -> float:
    """Bits per second of one bounded transfer; a transfer that brought nothing is 0.

    One that broke off before it brought enough to tell is as slow as all its time: its one packet took none.
    """
    if transfer.failure is not None and transfer.received_bytes < MIN_RATED_BYTES:
        return _bps(transfer.received_bytes, transfer.duration_s)
    if transfer.rated_bytes:
        return _bps(transfer.rated_bytes, transfer.rated_s)
    return _bps(transfer.received_bytes, transfer.transfer_s) if transfer.received_bytes else 0.0


def ids(observations: Iterable[AnyObservation]) -> Evidence:
    return tuple(o.id for o in observations)


def is_ipv6(endpoint: Endpoint) -> bool:
    return ":" in endpoint.address
