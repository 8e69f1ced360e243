"""OONI's web_connectivity: the host of the input, as the probe saw it and as the test helper saw it.

Source: ooni/spec ts-017.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult

from observatory.analysis.judging.case import Control
from observatory.importers.fields import Rejected, host_name, mapping, port_of, split_url
from observatory.importers.fields import text as read_text
from observatory.importers.imported import HELPER_VANTAGE, Part
from observatory.importers.notes import Notes
from observatory.importers.ooni_connections import read_helper_connections
from observatory.importers.ooni_dns import read_helper_names
from observatory.importers.ooni_envelope import Envelope
from observatory.importers.ooni_failures import parse_failure
from observatory.importers.ooni_observations import observe
from observatory.importers.ooni_pages import read_helper_page, requests_in_order
from observatory.importers.ooni_redirects import last_place
from observatory.importers.ooni_scope import Scope, find_scope, url_of_input
from probes.records import AnyObservation, HelperObservation, Measurement, Purpose, TargetKind


def read_web_connectivity(envelope: Envelope) -> tuple[Part, ...]:
    """Return the one part of a document: its host. Errors: Rejected."""
    parts, name = _input(envelope)
    helper_url, failure_given = _helper_url(envelope.document), envelope.test_keys.get("control_failure")
    failure, raw = parse_failure(failure_given, "test_keys.control_failure")
    control = {} if failure else mapping(envelope.test_keys.get("control"), "test_keys.control")
    answered = any(control.get(key) is not None for key in ("dns", "tcp_connect", "http_request"))
    observed = observe(envelope.test_keys, find_scope(envelope.test_keys, name, port_of(parts)))
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


def read_leads_to(envelope: Envelope, canary: Measurement | None) -> Part | None:
    """Return the other host to which the answers of the target's led in the end, as the client measured it.

    The helper measured the target alone, so nothing that came along is compared with it.
    Errors: Rejected.
    """
    _, name = _input(envelope)
    place = last_place(envelope.test_keys, name)
    try:
        host = host_name(place.hostname or "") if place is not None else name
    except Rejected:
        return None
    if place is None or host == name:
        return None
    observed = observe(envelope.test_keys, find_scope(envelope.test_keys, host, port_of(place)))
    if not observed:
        return None
    measurement = envelope.measurement("leads-to", host, TargetKind.HOST, observed)
    return Part(measurement=measurement, canary=canary)


def _input(envelope: Envelope) -> tuple[SplitResult, str]:
    parts = url_of_input(envelope.input or "")
    if parts is None or parts.hostname is None:
        raise Rejected(f"input: expected an http or https URL, got {(envelope.input or '')[:100]!r}")
    try:
        return parts, host_name(parts.hostname)
    except Rejected as error:
        raise Rejected(f"input: {error}") from error


def _observe_helper(
    envelope: Envelope, control: Mapping[str, Any], name: str, scheme: str
) -> tuple[AnyObservation, ...]:
    notes = Notes()
    scope = Scope(name, 443, frozenset())
    names = tuple(read_helper_names(control, name, notes))
    connections = tuple(read_helper_connections(control, scope, notes))
    # The helper shows the page after redirects. It is set beside the probe's last one: of this host, with the
    # scheme it ended with, or of another.
    last = None
    for entry, parts, _ in requests_in_order(envelope.test_keys):
        if entry.get("failure") in (None, False) or last is None:
            last = parts
    over_tls = (last.scheme if last is not None else scheme) == "https"
    pages = tuple(read_helper_page(control, scope, over_tls, "/", notes))
    host = (last.hostname or "").rstrip(".") if last is not None else name
    if host != name:
        pages = tuple(replace(page, host=host, purpose=Purpose.REDIRECT) for page in pages)
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
