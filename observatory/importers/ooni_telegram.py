"""OONI's telegram: web.telegram.org and each data centre; this test has no helper to compare with.

Source: ooni/spec ts-020.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from observatory.analysis.judging.facts import shows_valid_certificate
from observatory.importers.fields import Rejected, address, endpoint, objects
from observatory.importers.fields import text as read_text
from observatory.importers.imported import Part
from observatory.importers.notes import Notes
from observatory.importers.ooni_connections import read_connects, read_handshakes
from observatory.importers.ooni_envelope import Envelope
from observatory.importers.ooni_observations import observe
from observatory.importers.ooni_pages import read_pages, requests_in_order
from observatory.importers.ooni_scope import find_scope
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


@cache
def _data_centres() -> Mapping[str, str]:
    return {
        known: target.name
        for target in load_targets()
        if target.kind is TargetKind.DATA_CENTRE
        for known in target.addresses
    }


def read_telegram(envelope: Envelope) -> tuple[Part, ...]:
    """Return a part for the web host and for each data centre that was tried. Errors: Rejected."""
    keys = envelope.test_keys
    web = find_scope(keys, WEB_HOST, 443)
    web_addresses = web.addresses - set(_data_centres())
    shaken = {o.endpoint.address for o in read_handshakes(keys, web, Notes())}
    keys_of_web = _without(keys, lambda ip: ip not in web_addresses | shaken)
    at_web = observe(keys_of_web, find_scope(keys_of_web, WEB_HOST, 443))
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


def _online(envelope: Envelope, suffix: str, *proofs: AnyObservation) -> Measurement | None:
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
