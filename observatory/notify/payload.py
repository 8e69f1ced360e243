"""What programs are told: the alerts and their events whole, as JSON values. Pure."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from observatory.model import Alert
from observatory.notify.message import Notice
from observatory.notify.plan import Unit
from observatory.store.events import encode_event

Facts = dict[str, object]


def event_link(site: str, event_id: str) -> str:
    """Return the address of an event's page."""
    return f"{site}/event?id={quote(event_id, safe='')}"


def make_facts(units: Sequence[Unit], notice: Notice, *, site: str, at: datetime) -> Facts:
    """Return the body of a webhook: `type`, `timestamp`, and `data` with the notice, alerts and events.

    Source: Standard Webhooks 1.0.0, payload structure.
    """
    alerts = [alert for unit in units for alert in unit.alerts]
    events: dict[str, Facts] = {}
    for unit in units:
        if unit.event is not None:
            events[unit.event.id] = {
                **encode_event(unit.event),
                "withdrawn": unit.event.withdrawn,
                "certainty": unit.event.certainty.value,
                "link": event_link(site, unit.event.id),
            }
    return {
        "type": f"alert.{alerts[-1].kind}" if len(units) == 1 else "alert.digest",
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


def make_test_facts(notice: Notice, *, site: str, at: datetime) -> Facts:
    """Return the body of a webhook that is tried out."""
    data: Facts = {"subject": notice.subject, "text": notice.text, "site": site, "alerts": [], "events": []}
    return {"type": "alert.test", "timestamp": at.isoformat(), "data": data}


def encode_alert(alert: Alert) -> Facts:
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
