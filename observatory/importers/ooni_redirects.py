"""What the answers of a target's host led to: OONI's clients and its helper follow redirects to other hosts.

Such a page says nothing of the target's own server. It shows where a visitor ends up: at a notice, or at the
page that the helper ended up at, too.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import SplitResult

from observatory.importers.fields import binary, endpoint, integer, mapping, port_of
from observatory.importers.notes import Notes
from observatory.importers.ooni_failures import parse_failure
from observatory.importers.ooni_pages import (
    MAX_BODY_BYTES,
    body_length,
    path_of,
    read_headers,
    redirected_to,
    requests_in_order,
)
from probes.records import Endpoint, HttpObservation, Purpose

MAX_REDIRECTS: Final = 20


def read_redirects(test_keys: Mapping[str, Any], name: str, notes: Notes) -> Iterator[HttpObservation]:
    """Yield what other hosts answered to which the target's answers led, directly or through one another.

    Errors: Rejected.
    """
    led_to: set[str] = set()
    n = 0
    for entry, parts, where in requests_in_order(test_keys):
        host = (parts.hostname or "").rstrip(".")
        if host != name and host not in led_to:
            continue
        response = mapping(entry.get("response"), f"{where}.response")
        status = integer(response.get("code")) or None
        place = redirected_to(entry, parts, where)
        if place is not None and place.hostname:
            led_to.add(place.hostname.rstrip("."))
        if host == name or status is None or n == MAX_REDIRECTS:
            continue
        n += 1
        _, raw = parse_failure(entry.get("failure"), f"{where}.failure")
        written = endpoint(entry.get("address")) or ("", port_of(parts))
        body = binary(response.get("body"), f"{where}.response.body", limit=MAX_BODY_BYTES + 1)
        started_s, duration_s = notes.times(entry)
        yield HttpObservation(
            id=notes.new_id(),
            started_s=started_s,
            duration_s=duration_s,
            detail=raw,
            endpoint=Endpoint(address=written[0], port=written[1]),
            over_tls=parts.scheme == "https",
            host=host,
            path=path_of(parts),
            purpose=Purpose.REDIRECT,
            status=status,
            headers=read_headers(response, f"{where}.response"),
            body=body[:MAX_BODY_BYTES],
            body_truncated=len(body) > MAX_BODY_BYTES or response.get("body_is_truncated") is True,
            received_bytes=body_length(response),
        )


def last_place(test_keys: Mapping[str, Any], name: str) -> SplitResult | None:
    """Return to which URL of another host the target's answers led in the end, None where to none.

    Errors: Rejected.
    """
    led_to = {name}
    last = None
    for entry, parts, where in requests_in_order(test_keys):
        place = redirected_to(entry, parts, where)
        if (parts.hostname or "").rstrip(".") in led_to and place is not None and place.hostname:
            led_to.add(place.hostname.rstrip("."))
            last = place
    return last if last is not None and (last.hostname or "").rstrip(".") != name else None
