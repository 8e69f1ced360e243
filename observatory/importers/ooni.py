"""One OONI measurement as ours: who, when, where, and then what was seen. Its conclusions are ignored.

    web_connectivity   the host of the input, as the probe saw it and as the test helper saw it
    telegram           web.telegram.org and each data centre; this test has no helper to compare with

Source: ooni/spec df-000 to df-008, ts-017 (web_connectivity), ts-020 (telegram).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.facts import shows_valid_certificate
from observatory.importers import ooni_own
from observatory.importers.fields import (
    Rejected,
    address,
    endpoint,
    host_name,
    mapping,
    number,
    objects,
    port_of,
    split_url,
)
from observatory.importers.fields import text as read_text
from observatory.importers.imported import HELPER_VANTAGE, Imported, Part, imported_vantage
from observatory.importers.notes import Notes
from observatory.importers.ooni_connections import (
    read_connects,
    read_handshakes,
    read_helper_connections,
    read_quic,
)
from observatory.importers.ooni_dns import read_helper_names, read_queries
from observatory.importers.ooni_failures import parse_failure
from observatory.importers.ooni_pages import read_helper_page, read_pages, requests_in_order
from observatory.importers.ooni_scope import Scope, find_scope, url_of_input
from observatory.model import Role
from observatory.reference import load_targets
from probes.records import (
    AnyObservation,
    Endpoint,
    HelperObservation,
    HttpObservation,
    Measurement,
    TargetKind,
    TlsObservation,
)

WEB_HOST: Final = "web.telegram.org"
# A report opened longer before says nothing about the line at this moment.
REPORT_AGE: Final = timedelta(minutes=10)
_ASN: Final = re.compile(r"^(?:AS)?(\d{1,10})$", re.IGNORECASE)
_COUNTRY: Final = re.compile(r"^[A-Z]{2}$")
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Envelope:
    """The keys around `test_keys` (df-000)."""

    document: Mapping[str, Any]
    test_keys: Mapping[str, Any]
    id: str
    uid: str
    input: str | None
    asn: int
    country: str
    network: str
    started_at: datetime
    duration_s: float
    resolver: str
    software: str
    origin: str

    @property
    def vantage(self) -> str:
        return f"ooni-{self.country.lower()}-as{self.asn}"

    def measurement(
        self,
        suffix: str,
        target: str,
        kind: TargetKind,
        observations: tuple[AnyObservation, ...],
        *,
        of_helper: bool = False,
    ) -> Measurement:
        return Measurement(
            id=str(uuid5(NAMESPACE_URL, f"{self.id}#{suffix}")) if suffix else self.id,
            round_id=self.id,
            vantage=HELPER_VANTAGE if of_helper else self.vantage,
            asn=0 if of_helper else self.asn,
            target=target,
            target_kind=kind,
            started_at=self.started_at,
            duration_s=self.duration_s,
            resolver="" if of_helper else self.resolver,
            public_resolver="",
            trust="ooniprobe",
            via="ooni",
            software=self.software,
            origin=self.origin,
            observations=observations,
        )


def read_document(document: Any) -> Imported:
    """Return what one OONI measurement holds.

    Shape:  ids are made of the measurement's own, so every import of it gives the same. An unknown network
            is AS 0.
    Errors: Rejected, with the key, what was expected and what was found.
    """
    if not isinstance(document, dict):
        raise Rejected(f"expected an object, got {type(document).__name__}")
    if ooni_own.KEY in document:
        return ooni_own.read_own(document)
    test = read_text(document.get("test_name"), "test_name")
    reader = READERS.get(test)
    if reader is None:
        raise Rejected(f"test_name: expected {' or '.join(READERS)}, got {test!r}")
    envelope = _read_envelope(document)
    vantage = imported_vantage(
        envelope.vantage,
        f"OONI {envelope.country} AS{envelope.asn}",
        envelope.network or f"AS{envelope.asn}",
        envelope.asn,
        envelope.country,
    )
    helper = imported_vantage(HELPER_VANTAGE, "OONI test helpers", "OONI", 0, "ZZ", Role.CONTROL)
    return Imported(
        id=envelope.uid or envelope.id,
        input=envelope.input,
        parts=reader(envelope),
        vantage_points=(vantage, helper),
    )


def _read_envelope(document: Mapping[str, Any]) -> _Envelope:
    test_keys = mapping(document.get("test_keys"), "test_keys")
    if not test_keys:
        raise Rejected("test_keys: expected what was measured, got nothing")
    # An input was a list for a while; what is measured is its only entry.
    given = document.get("input")
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    input_ = read_text(given, "input", limit=4096) or None
    uid = read_text(document.get("measurement_uid"), "measurement_uid")
    report = read_text(document.get("report_id"), "report_id")
    started = document.get("measurement_start_time") or document.get("test_start_time")
    started_at = _parse_time(started)
    country = read_text(document.get("probe_cc"), "probe_cc").upper()
    software = " ".join(
        read_text(document.get(key), key, limit=80)
        for key in ("software_name", "software_version", "test_name", "test_version")
    )
    resolver = address(document.get("resolver_ip")) or address(test_keys.get("client_resolver"))
    asn = _parse_asn(document.get("probe_asn"))
    own_name = uid or f"{report}|{input_ or ''}|{started_at.isoformat()}|{asn}"
    return _Envelope(
        document=document,
        test_keys=test_keys,
        id=str(uuid5(NAMESPACE_URL, f"ooni:{own_name}")),
        uid=uid,
        input=input_,
        asn=asn,
        country=country if _COUNTRY.match(country) else "ZZ",
        network=read_text(document.get("probe_network_name"), "probe_network_name", limit=100),
        started_at=started_at,
        duration_s=min(number(document.get("test_runtime")) or 0.0, 86_400.0),
        resolver=resolver,
        software=software,
        origin=f"ooni:{report or uid}",
    )


def _parse_time(value: Any) -> datetime:
    if isinstance(value, str):
        for form in _TIMES:
            try:
                return datetime.strptime(value.strip(), form).replace(tzinfo=UTC)
            except ValueError:
                continue
    raise Rejected(f"measurement_start_time: expected YYYY-MM-DD HH:MM:SS in UTC, got {str(value)[:40]!r}")


def _parse_asn(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = _ASN.match(value.strip()) if isinstance(value, str) else None
    asn = int(found[1]) if found else 0
    return asn if asn < 2**32 else 0


# --- web_connectivity


def _read_web_connectivity(envelope: _Envelope) -> tuple[Part, ...]:
    parts = url_of_input(envelope.input or "")
    if parts is None or parts.hostname is None:
        raise Rejected(f"input: expected an http or https URL, got {(envelope.input or '')[:100]!r}")
    try:
        name = host_name(parts.hostname)
    except Rejected as error:
        raise Rejected(f"input: {error}") from error
    helper_url, failure_given = _helper_url(envelope.document), envelope.test_keys.get("control_failure")
    failure, raw = parse_failure(failure_given, "test_keys.control_failure")
    control = {} if failure else mapping(envelope.test_keys.get("control"), "test_keys.control")
    answered = any(control.get(key) is not None for key in ("dns", "tcp_connect", "http_request"))
    observed = _observe(envelope.test_keys, find_scope(envelope.test_keys, name, port_of(parts)))
    measurement = envelope.measurement("", name, TargetKind.HOST, observed)
    if not answered and failure is None:
        return (Part(measurement=measurement),)
    exchange = HelperObservation(
        id="o1", started_s=0.0, duration_s=0.0, failure=failure, detail=raw, url=helper_url
    )

    def canary(suffix: str, *, of_helper: bool) -> Measurement:
        target = _host_of(helper_url)
        return envelope.measurement(suffix, target, TargetKind.CANARY, (exchange,), of_helper=of_helper)

    controls: tuple[Control, ...] = ()
    if answered:
        seen = envelope.measurement(
            "control",
            name,
            TargetKind.HOST,
            _observe_helper(envelope, control, name, parts.scheme),
            of_helper=True,
        )
        controls = (Control(seen, canary("control-canary", of_helper=True)),)
    return (Part(measurement=measurement, canary=canary("canary", of_helper=False), controls=controls),)


def _observe(test_keys: Mapping[str, Any], scope: Scope) -> tuple[AnyObservation, ...]:
    notes = Notes()
    names = tuple(read_queries(test_keys, scope.name, notes))
    connects = tuple(read_connects(test_keys, scope, notes))
    handshakes = tuple(read_handshakes(test_keys, scope, notes))
    quic = tuple(read_quic(test_keys, scope, notes))
    pages = tuple(read_pages(test_keys, scope, handshakes, notes))
    return (*names, *connects, *handshakes, *quic, *pages)


def _observe_helper(
    envelope: _Envelope, control: Mapping[str, Any], name: str, scheme: str
) -> tuple[AnyObservation, ...]:
    notes = Notes()
    scope = Scope(name, 443, frozenset())
    names = tuple(read_helper_names(control, name, notes))
    connections = tuple(read_helper_connections(control, scope, notes))
    # The helper shows the page after redirects. It is set beside the probe's only where that one, too, ended
    # at this host, with the scheme it ended with.
    pages: tuple[HttpObservation, ...] = ()
    last = None
    for entry, parts, _ in requests_in_order(envelope.test_keys):
        if entry.get("failure") in (None, False) or last is None:
            last = parts
    if last is None or (last.hostname or "").rstrip(".") == name:
        over_tls = (last.scheme if last is not None else scheme) == "https"
        pages = tuple(read_helper_page(control, scope, over_tls, "/", notes))
    return (*names, *connections, *pages)


def _helper_url(document: Mapping[str, Any]) -> str:
    """The address of the helper as `test_helpers` has it: text, or an object, under one of several names."""
    helpers = document.get("test_helpers")
    candidates = list(helpers.values()) if isinstance(helpers, dict) else []
    for candidate in candidates:
        found = candidate.get("address") if isinstance(candidate, dict) else candidate
        if isinstance(found, str) and found:
            return read_text(found, "test_helpers")
    return HELPER_VANTAGE


def _host_of(url: str) -> str:
    parts = split_url(url)
    return parts.hostname if parts is not None and parts.hostname else HELPER_VANTAGE


# --- telegram


@cache
def _data_centres() -> Mapping[str, str]:
    return {
        known: target.name
        for target in load_targets()
        if target.kind is TargetKind.DATA_CENTRE
        for known in target.addresses
    }


def _read_telegram(envelope: _Envelope) -> tuple[Part, ...]:
    keys = envelope.test_keys
    web = find_scope(keys, WEB_HOST, 443)
    web_addresses = web.addresses - set(_data_centres())
    shaken = {o.endpoint.address for o in read_handshakes(keys, web, Notes())}
    keys_of_web = _without(keys, lambda ip: ip not in web_addresses | shaken)
    at_web = _observe(keys_of_web, find_scope(keys_of_web, WEB_HOST, 443))
    parts = []
    if at_web:
        parts.append(
            Part(
                measurement=envelope.measurement("", WEB_HOST, TargetKind.HOST, at_web),
                canary=_online(envelope, "canary"),
            )
        )
    # What proved itself in the same run shows that the line was up.
    proofs = tuple(o for o in at_web if isinstance(o, TlsObservation) and shows_valid_certificate(o))
    for ip in _data_centre_addresses(keys, web_addresses | shaken):
        name = _data_centres().get(ip, ip)
        parts.append(
            Part(
                measurement=envelope.measurement(
                    name, name, TargetKind.DATA_CENTRE, _observe_data_centre(keys, ip)
                ),
                canary=_online(envelope, f"{name}-canary", *proofs),
            )
        )
    if not parts:
        raise Rejected("test_keys: expected tcp_connect, queries or requests, got none of them")
    return tuple(parts)


def _online(envelope: _Envelope, suffix: str, *proofs: AnyObservation) -> Measurement | None:
    """What shows that the vantage point was online, since this test asks no helper: its client opened a
    report at OONI's collector just before, and what else it reached."""
    report = read_text(envelope.document.get("report_id"), "report_id")
    shown: tuple[AnyObservation, ...] = proofs
    try:
        opened_at = datetime.strptime(report[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        opened_at = None
    if opened_at is not None and abs(opened_at - envelope.started_at) <= REPORT_AGE:
        collector = HelperObservation(id="report", started_s=0.0, duration_s=0.0, url="ooni:collector")
        shown = (collector, *proofs)
    if not shown:
        return None
    return envelope.measurement(suffix, WEB_HOST, TargetKind.CANARY, shown)


def _without(test_keys: Mapping[str, Any], unwanted: Callable[[str], bool]) -> dict[str, Any]:
    """The same without the connects to some addresses."""
    connects = objects(test_keys.get("tcp_connect"), "test_keys.tcp_connect")
    events = objects(test_keys.get("network_events"), "test_keys.network_events")
    places = [(event, endpoint(event.get("address"))) for event in events]
    return {
        **test_keys,
        "tcp_connect": [c for c in connects if not unwanted(address(c.get("ip")))],
        "network_events": [event for event, place in places if place is None or not unwanted(place[0])],
    }


def _data_centre_addresses(test_keys: Mapping[str, Any], web: frozenset[str] | set[str]) -> tuple[str, ...]:
    found: list[str] = []
    for connect in objects(test_keys.get("tcp_connect"), "test_keys.tcp_connect"):
        found.append(address(connect.get("ip")))
    for _, parts, _ in requests_in_order(test_keys):
        found.append(address(parts.hostname))
    return tuple(dict.fromkeys(ip for ip in found if ip and (ip not in web or ip in _data_centres())))


def _observe_data_centre(test_keys: Mapping[str, Any], ip: str) -> tuple[AnyObservation, ...]:
    keys = _without(test_keys, lambda other: other != ip)
    notes = Notes()
    scope = find_scope(keys, ip, 443)
    connects = tuple(read_connects(keys, scope, notes))
    dead = {c.endpoint for c in connects if c.failure is not None}
    pages = []
    for page in read_pages(keys, scope, (), notes):
        if isinstance(page, HttpObservation):
            # The URL names the endpoint. Where the connect failed there was no request.
            to = Endpoint(address=ip, port=page.endpoint.port)
            if page.status is not None or to not in dead:
                pages.append(page)
    return (*connects, *pages)


Reader = Callable[[_Envelope], tuple[Part, ...]]
READERS: Final[Mapping[str, Reader]] = {
    "web_connectivity": _read_web_connectivity,
    "telegram": _read_telegram,
}
