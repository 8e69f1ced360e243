"""OONI's telegram: web.telegram.org and each data centre; this test has no helper to compare with.

Source: ooni/spec ts-020.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from observatory.analysis.judging.facts import shows_valid_certificate
from observatory.importers.fields import Rejected, address, endpoint, integer, objects
from observatory.importers.fields import text as read_text
from observatory.importers.imported import Part
from observatory.importers.notes import Notes
from observatory.importers.ooni_connections import read_connects, read_handshakes
from observatory.importers.ooni_envelope import Envelope
from observatory.importers.ooni_observations import observe
from observatory.importers.ooni_pages import read_pages, requests_in_order
from observatory.importers.ooni_scope import connect_events, find_scope
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
# Telegram has a dozen.
MAX_DATA_CENTRES: Final = 100
# One would do to show that the line was up.
MAX_PROOFS: Final = 4


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
    shaken = {o.endpoint.address for o in read_handshakes(keys, web, Notes())}
    of_web = (web.addresses - set(_data_centres())) | shaken
    keys_of_web = {
        **keys,
        "tcp_connect": [c for c in _connects(keys) if address(c.get("ip")) in of_web],
        "network_events": [e for e in connect_events(keys) if _address_of(e) in of_web],
    }
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
    proofs = [o for o in at_web if isinstance(o, TlsObservation) and shows_valid_certificate(o)][:MAX_PROOFS]
    for name, observations in _observe_data_centres(keys, web.target_transactions, of_web).items():
        parts.append(
            Part(
                measurement=envelope.measurement(name, name, TargetKind.DATA_CENTRE, observations),
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


def _connects(test_keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    return objects(test_keys.get("tcp_connect"), "test_keys.tcp_connect")


def _address_of(event: Mapping[str, Any]) -> str:
    found = endpoint(event.get("address"))
    return found[0] if found is not None else ""


def _observe_data_centres(
    test_keys: Mapping[str, Any], transactions_of_web: frozenset[int], addresses_of_web: frozenset[str]
) -> dict[str, tuple[AnyObservation, ...]]:
    """Return what was seen of each data centre, by its name; one that we do not know is named by its address.

    Errors: Rejected.
    """
    notes: defaultdict[str, Notes] = defaultdict(Notes)
    found: defaultdict[str, list[AnyObservation]] = defaultdict(list)
    for ip, keys in _by_address(test_keys, transactions_of_web).items():
        if ip not in addresses_of_web or ip in _data_centres():
            name = _data_centres().get(ip, ip)
            found[name].extend(_observe_address(keys, ip, notes[name]))
    if len(found) > MAX_DATA_CENTRES:
        raise Rejected(f"test_keys: expected at most {MAX_DATA_CENTRES} data centres, got {len(found)}")
    return {name: tuple(observations) for name, observations in found.items()}


def _by_address(
    test_keys: Mapping[str, Any], transactions_of_web: frozenset[int]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Sort connects and requests by the address they went to, each looked at once."""
    sorted_: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def put(ip: str, key: str, entry: dict[str, Any]) -> None:
        if ip:
            keys = sorted_.setdefault(ip, {"tcp_connect": [], "network_events": [], "requests": []})
            keys[key].append(entry)

    for connect in _connects(test_keys):
        if (integer(connect.get("transaction_id")) or 0) not in transactions_of_web:
            put(address(connect.get("ip")), "tcp_connect", connect)
    for entry, parts, _ in requests_in_order(test_keys):
        put(address(parts.hostname), "requests", entry)
    for keys in sorted_.values():
        # Newest first, as in the file.
        keys["requests"].reverse()
    for event in connect_events(test_keys):
        if _address_of(event) in sorted_:
            put(_address_of(event), "network_events", event)
    return sorted_


def _observe_address(test_keys: Mapping[str, Any], ip: str, notes: Notes) -> Iterator[AnyObservation]:
    scope = find_scope(test_keys, ip, 443)
    connects = tuple(read_connects(test_keys, scope, notes))
    yield from connects
    dead = {c.endpoint for c in connects if c.failure is not None}
    for page in read_pages(test_keys, scope, (), notes):
        if isinstance(page, HttpObservation):
            # The URL names the endpoint. Where the connect failed there was no request.
            to = Endpoint(address=ip, port=page.endpoint.port)
            if page.status is not None or to not in dead:
                yield page
