"""What programs get: alerts and their events whole, as JSON values. Pure."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from observatory.model import Alert
from observatory.model.codec import encode_event
from observatory.notify.message import Notice
from observatory.notify.plan import AlertGroup

JsonObject = dict[str, object]


def event_link(site: str, event_id: str) -> str:
    """Return the address of an event's page."""
    return f"{site}/event?id={quote(event_id, safe='')}"


def make_payload(groups: Sequence[AlertGroup], notice: Notice, *, site: str, at: datetime) -> JsonObject:
    """Return the body of a webhook: `type`, `timestamp`, and `data` with the notice, alerts and events.

    Source: Standard Webhooks 1.0.0, payload structure.
    """
    alerts = [alert for group in groups for alert in group.alerts]
    events: dict[str, JsonObject] = {}
    for group in groups:
        if group.event is not None:
            events[group.event.id] = {
                **encode_event(group.event),
                "withdrawn": group.event.withdrawn,
                "certainty": group.event.certainty.value,
                "link": event_link(site, group.event.id),
            }
    return {
        "type": f"alert.{alerts[-1].kind}" if len(groups) == 1 else "alert.digest",
        "timestamp": at.isoformat(),
        "data": {
            "subject": notice.subject,
            "text": notice.text,
            "emulated": all(alert.emulated for alert in alerts),
            "site": site,
            "alerts": [encode_alert(alert) for alert in alerts],
            "events": list(events.values()),
        },
    }


def make_test_payload(notice: Notice, *, site: str, at: datetime) -> JsonObject:
    """Return the body of a webhook that is tried out."""
    said = {"subject": notice.subject, "text": notice.text}
    data: JsonObject = {**said, "site": site, "alerts": [], "events": []}
    return {"type": "alert.test", "timestamp": at.isoformat(), "data": data}


def encode_alert(alert: Alert) -> JsonObject:
    """Return a row of the log as a JSON object."""
    return {
        "number": alert.number,
        "at": alert.at.isoformat(),
        "kind": alert.kind.value,
        "audience": alert.audience.value,
        "event": alert.event,
        "revision": alert.revision,
        "vantage": alert.vantage,
        "emulated": alert.emulated,
        "detail": alert.detail,
    }
