"""Measurements and verdicts to store: small, complete, different where it matters."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from observatory.model import Alert, AlertKind, Event, Finding, Layer, State, Verdict
from observatory.model.detection import DetectionResult
from observatory.store import Store
from probes.records import (
    AnyObservation,
    Certificate,
    DnsAnswer,
    DnsObservation,
    Endpoint,
    HttpObservation,
    Measurement,
    Resolver,
    TargetKind,
    TcpObservation,
    TlsObservation,
)

AT = datetime(2017, 7, 14, 4, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CHAIN = (b"leaf" * 300, b"intermediate" * 100)
PAGE = b"<html>internet positif</html>" * 20


def make_certificate(der: bytes) -> Certificate:
    return Certificate(
        der=der, sha256="ab", subject="t.me", issuer="CA", not_before=AT - DAY, not_after=AT + DAY
    )


def make_observations(*, chain: tuple[bytes, ...] = CHAIN, body: bytes = PAGE) -> tuple[AnyObservation, ...]:
    endpoint = Endpoint(address="149.154.167.99", port=443)
    return (
        DnsObservation(
            id="dns1",
            started_s=0.0,
            duration_s=0.01,
            resolver=Resolver.VANTAGE,
            server=Endpoint(address="10.0.0.53", port=53),
            transport="udp",
            name="t.me",
            query_type="A",
            answers=(DnsAnswer(arrived_s=0.01, rcode="NOERROR", addresses=("10.0.0.1",), wire=b"\0\1"),),
        ),
        TcpObservation(id="tcp1", started_s=0.02, duration_s=0.02, endpoint=endpoint),
        TlsObservation(
            id="tls1",
            started_s=0.04,
            duration_s=0.03,
            endpoint=endpoint,
            server_name="t.me",
            chain=tuple(make_certificate(der) for der in chain),
        ),
        HttpObservation(
            id="http1",
            started_s=0.07,
            duration_s=0.03,
            endpoint=endpoint,
            over_tls=True,
            host="t.me",
            path="/",
            status=200,
            body=body,
        ),
    )


def make_measurement(
    id_: str,
    *,
    vantage: str = "jkt-one",
    target: str = "t.me",
    at: datetime = AT,
    round_id: str = "round",
    kind: TargetKind = TargetKind.HOST,
    asn: int = 64500,
    emulated: bool = False,
    observations: tuple[AnyObservation, ...] = (),
) -> Measurement:
    return Measurement(
        id=id_,
        round_id=round_id,
        vantage=vantage,
        asn=asn,
        target=target,
        target_kind=kind,
        started_at=at,
        duration_s=1.0,
        resolver="10.0.0.53",
        public_resolver="8.8.8.8",
        emulated=emulated,
        observations=observations,
    )


def make_verdict(
    state: State = State.OK, *, mechanism: str | None = None, provisional: bool = False
) -> Verdict:
    """DNS was judged ok and TLS as the whole was."""
    tls = Finding(
        layer=Layer.TLS, state=state, mechanism=mechanism, rule_id=f"tls.{state}", evidence=("tls1",)
    )
    dns = Finding(layer=Layer.DNS, state=State.OK, mechanism=None, rule_id="dns.ok")
    return Verdict(
        state=state,
        layer=Layer.TLS,
        mechanism=mechanism,
        rule_id=tls.rule_id,
        rules_version="1",
        reference_version="2026-11",
        evidence=tls.evidence,
        findings=(dns, tls),
        controls=("c1",),
        partial=state is State.IMPAIRED,
        n_ok=1,
        n_tried=2,
        provisional=provisional,
    )


def save_revision(
    store: Store, event: Event, *causes: AlertKind, at: datetime, alerts: Sequence[Alert] = ()
) -> None:
    """Keep what an event says from a moment on, as the detector would."""
    result = DetectionResult(
        searched=(),
        checkpoints=(),
        spells={},
        revised={event.id: (event, causes)},
        updated=(),
        known={revision.event.id: revision.number for revision in store.load_events()},
        alerts=alerts,
    )
    store.save_result(result, at=at)
