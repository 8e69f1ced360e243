"""Measurements put together by hand: a healthy one, and what a situation changes in it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import Verdict
from observatory.reference import load_reference
from probes.records import (
    AnyObservation,
    Certificate,
    DnsAnswer,
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    Purpose,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    TlsObservation,
)

SINK = Endpoint(address="149.154.167.99", port=53)
TELEGRAM6 = "2001:67c:4e8:f004::9"
CANARY6 = "2606:2800:21f:cb07::1"
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
TELEGRAM = "149.154.167.99"
CANARY = "93.184.215.14"
BLOCK_PAGE = "36.86.63.185"
BOGON = "10.10.34.35"
RESOLVER = Endpoint(address="10.1.53.53", port=53)
PUBLIC = Endpoint(address="8.8.8.8", port=53)

ASKED = (
    (Resolver.VANTAGE, RESOLVER, "udp"),
    (Resolver.VANTAGE, RESOLVER, "tcp"),
    (Resolver.PUBLIC, PUBLIC, "udp"),
    (Resolver.PUBLIC, PUBLIC, "dot"),
    (Resolver.PUBLIC, PUBLIC, "doh"),
)

Change = Callable[[AnyObservation], AnyObservation | None]


def leaf(
    name: str, *, sha256: str = "a" * 64, issuer: str = "CN=Real CA", self_signed: bool = False
) -> Certificate:
    return Certificate(
        der=b"",
        sha256=sha256,
        subject=f"CN={name}",
        issuer=f"CN={name}" if self_signed else issuer,
        not_before=AT,
        not_after=AT,
        names=(name,),
        self_signed=self_signed,
    )


def answer(*addresses: str, rcode: str = "NOERROR", arrived_s: float = 0.01) -> DnsAnswer:
    return DnsAnswer(arrived_s=arrived_s, rcode=rcode, addresses=addresses, ttl_s=60)


def host_observations(name: str, address: str, *more_addresses: str) -> tuple[AnyObservation, ...]:
    """What a round leaves where nothing is wrong; IPv6 addresses make it one with IPv6."""
    observations: list[AnyObservation] = []
    everywhere = (address, *more_addresses)

    def step(kind: type[Any], **fields: Any) -> None:
        observations.append(kind(id=f"o{len(observations) + 1}", started_s=0.0, duration_s=0.02, **fields))

    for resolver, server, transport in ASKED:
        for query_type, wanted in (("A", False), ("AAAA", True)):
            addresses = tuple(a for a in everywhere if (":" in a) is wanted)
            step(
                DnsObservation,
                resolver=resolver,
                server=server,
                transport=transport,
                name=name,
                query_type=query_type,
                answers=(answer(*addresses),),
                failure=None if addresses else Failure.DNS_NO_ANSWER,
            )
    step(
        DnsObservation,
        resolver=Resolver.SINK,
        server=SINK,
        transport="udp",
        name=name,
        query_type="A",
        failure=Failure.TIMEOUT,
    )
    for each in everywhere:
        _address_observations(step, name, each)
    return tuple(observations)


def _address_observations(step: Callable[..., None], name: str, address: str) -> None:
    plain, secure = Endpoint(address=address, port=80), Endpoint(address=address, port=443)
    step(TcpObservation, endpoint=plain)
    step(
        HttpObservation,
        endpoint=plain,
        over_tls=False,
        host=name,
        path="/",
        status=301,
        headers=(("location", f"https://{name}/"),),
        body=f"moved to {name}".encode(),
    )
    step(TcpObservation, endpoint=secure)
    step(TlsObservation, endpoint=secure, server_name=name, version="TLSv1.3", chain=(leaf(name),))
    step(
        HttpObservation,
        endpoint=secure,
        over_tls=True,
        host=name,
        path="/",
        status=200,
        body=name.encode(),
        received_bytes=30_000,
        first_byte_s=0.01,
    )
    step(QuicObservation, endpoint=secure, n_sent=1, versions=(1,))
    step(QuicObservation, endpoint=secure, n_sent=4, server_name=name, version=1, chain=(leaf(name),))


def data_centre_observations(address: str) -> tuple[AnyObservation, ...]:
    observations: list[AnyObservation] = []
    for port in (443, 80):
        endpoint = Endpoint(address=address, port=port)
        n = len(observations)
        observations.append(TcpObservation(id=f"o{n + 1}", started_s=0.0, duration_s=0.01, endpoint=endpoint))
        observations += [
            MtprotoObservation(
                id=f"o{n + 2 + i}",
                started_s=0.0,
                duration_s=0.01,
                endpoint=endpoint,
                transport=transport,
                nonce_echoed=True,
                fingerprints=("d09d1d85de64fd85",),
            )
            for i, transport in enumerate(("obfuscated", "abridged"))
        ]
    return tuple(observations)


def measurement(
    observations: Iterable[AnyObservation],
    *,
    target: str = "t.me",
    kind: TargetKind = TargetKind.HOST,
    vantage: str = "isp",
    lag_s: float = 0.0,
) -> Measurement:
    return Measurement(
        id=f"{vantage}-{target}",
        round_id=f"round-{vantage}",
        vantage=vantage,
        asn=64500,
        target=target,
        target_kind=kind,
        started_at=AT,
        duration_s=1.6,
        resolver=RESOLVER.address,
        public_resolver=PUBLIC.address,
        lag_s=lag_s,
        observations=tuple(observations),
    )


def host(
    vantage: str = "isp",
    name: str = "t.me",
    address: str = TELEGRAM,
    *more_addresses: str,
    lag_s: float = 0.0,
) -> Measurement:
    observations = host_observations(name, address, *more_addresses)
    return measurement(observations, target=name, vantage=vantage, lag_s=lag_s)


def data_centre(vantage: str = "isp", name: str = "dc2", address: str = "149.154.167.51") -> Measurement:
    return measurement(
        data_centre_observations(address), target=name, kind=TargetKind.DATA_CENTRE, vantage=vantage
    )


def front(status: int = 501, **fields: Any) -> dict[str, Any]:
    """What a data centre's front says to a plain HTTP request."""
    words = b"<html><head><title>501 Not Implemented</title></head><hr><center>nginx/0.3.33</center></html>"
    return {"status": status, "headers": (("Server", "nginx/0.3.33"),), "body": words, **fields}


def asked_over_http(vantage: str = "isp", **answers: dict[str, Any]) -> Measurement:
    """A data centre of which others asked plain HTTP alone: `p443`, `p80`, the front's words by default."""
    observations: list[AnyObservation] = []
    for key, fields in {**{"p443": front(), "p80": front()}, **answers}.items():
        endpoint = Endpoint(address="149.154.167.51", port=int(key[1:]))
        observations += [
            TcpObservation(id=f"{key}-tcp", started_s=0.0, duration_s=0.01, endpoint=endpoint),
            HttpObservation(
                id=f"{key}-http",
                started_s=0.0,
                duration_s=0.01,
                endpoint=endpoint,
                over_tls=False,
                host=endpoint.address,
                path="/",
                **fields,
            ),
        ]
    return measurement(observations, target="dc2", kind=TargetKind.DATA_CENTRE, vantage=vantage)


def canary(vantage: str = "isp", *more_addresses: str) -> Measurement:
    return measurement(
        host_observations("example.com", CANARY, *more_addresses),
        target="example.com",
        kind=TargetKind.CANARY,
        vantage=vantage,
    )


def changed(measured: Measurement, *changes: Change) -> Measurement:
    """Apply each change to every observation; None drops it."""
    observations = measured.observations
    for change in changes:
        observations = tuple(new for old in observations if (new := change(old)) is not None)
    return replace(measured, observations=observations)


def with_more(measured: Measurement, *observations: AnyObservation) -> Measurement:
    return replace(measured, observations=(*measured.observations, *observations))


def resolves_to(
    *answers: DnsAnswer,
    resolver: Resolver | None = None,
    failure: Failure | None = None,
    everywhere: bool = False,
) -> Change:
    """What comes back in the open; `everywhere` also over DoT and DoH. The sink must be named."""

    def change(o: AnyObservation) -> AnyObservation:
        if not isinstance(o, DnsObservation) or o.resolver not in (resolver or o.resolver,):
            return o
        in_the_open = (everywhere or o.transport in ("udp", "tcp")) and (resolver is Resolver.SINK) is (
            o.resolver is Resolver.SINK
        )
        return replace(o, answers=answers, failure=failure) if in_the_open else o

    return change


def tcp_fails(failure: Failure, *ports: int) -> Change:
    """No connect to these ports, so nothing above it either."""

    def change(o: AnyObservation) -> AnyObservation | None:
        if isinstance(o, DnsObservation | QuicObservation) or (ports and o.endpoint.port not in ports):
            return o
        return replace(o, failure=failure) if isinstance(o, TcpObservation) else None

    return change


def over_ipv6(measured: Measurement, failure: Failure) -> Measurement:
    def change(o: AnyObservation) -> AnyObservation | None:
        if isinstance(o, DnsObservation) or ":" not in o.endpoint.address:
            return o
        if isinstance(o, TcpObservation | QuicObservation):
            if isinstance(o, QuicObservation) and o.server_name:
                return None
            return replace(o, failure=failure)
        return None

    return changed(measured, change)


def tls_fails(failure: Failure) -> Change:
    def change(o: AnyObservation) -> AnyObservation | None:
        if isinstance(o, TlsObservation) and o.purpose is Purpose.TARGET:
            return replace(o, failure=failure, chain=())
        return None if isinstance(o, HttpObservation) and o.over_tls else o

    return change


def certificate(bad: Certificate, failure: Failure, *, over_quic: bool = False) -> Change:
    def change(o: AnyObservation) -> AnyObservation:
        shown = isinstance(o, TlsObservation) or (over_quic and isinstance(o, QuicObservation))
        if shown and o.purpose is Purpose.TARGET:
            return replace(o, chain=(bad,), certificate_failure=failure)
        return o

    return change


def plain_page(**fields: Any) -> Change:
    def change(o: AnyObservation) -> AnyObservation:
        return replace(o, **fields) if isinstance(o, HttpObservation) and not o.over_tls else o

    return change


def drop(*kinds: type[AnyObservation]) -> Change:
    return lambda o: None if isinstance(o, kinds) else o


def quic_fails(o: AnyObservation) -> AnyObservation | None:
    if not isinstance(o, QuicObservation):
        return o
    return replace(o, failure=Failure.TIMEOUT, versions=()) if o.server_name is None else None


def harmless(failure: Failure | None = None, address: str = TELEGRAM) -> TlsObservation:
    return TlsObservation(
        id="o90",
        started_s=0.1,
        duration_s=0.02,
        failure=failure,
        endpoint=Endpoint(address=address, port=443),
        server_name="example.com",
        purpose=Purpose.HARMLESS_NAME,
        chain=() if failure else (leaf("telegram.org"),),
        certificate_failure=None if failure else Failure.SSL_INVALID_HOSTNAME,
    )


def judge(
    measured: Measurement,
    *,
    control: Measurement | None = None,
    without_control: bool = False,
    canary_here: Measurement | None = None,
    without_canary: bool = False,
) -> Verdict:
    """Judge with a healthy canary and a healthy control unless told otherwise."""
    if control is None:
        healthy = data_centre if measured.target_kind is TargetKind.DATA_CENTRE else host
        control = healthy("control", measured.target)
    return judge_measurement(
        measured,
        None if without_canary else canary_here or canary(),
        [] if without_control else [Control(control, canary("control"))],
        reference=load_reference(),
    )
