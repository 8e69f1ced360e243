"""Which vantage points fell silent, and which report again. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from observatory.analysis.events.publication import is_fresh
from observatory.model import Alert, AlertKind, Audience
from observatory.model.views import VantageStatus


def judge_silences(
    vantages: Iterable[VantageStatus], last: Mapping[str, Alert], now: datetime
) -> tuple[Alert, ...]:
    """Return the alerts that are new: `silent` once for each silence, `back` once it is over.

    Shape:  `last` has the newest alert about each vantage point. A vantage point is silent when it is
            switched on and nothing was measured there for more than three of its intervals, though its
            settings were in force that long: a start after a night, or one that was switched on just now, is
            not a silence. Nothing is ever due from imported ones. `detail` is the time of the last
            measurement before the silence, ISO 8601; empty: none.
    """
    found = []
    for vantage in vantages:
        if vantage.removed or not vantage.enabled or vantage.via.is_imported:
            continue
        newest = last.get(vantage.id)
        was_silent = newest is not None and newest.kind is AlertKind.SILENT
        seen_at, every_s = vantage.last_seen_at, vantage.every_s
        if seen_at is not None and is_fresh(seen_at, every_s, now):
            if newest is not None and was_silent:
                found.append(_alert(AlertKind.BACK, vantage.id, now, newest.detail))
            continue
        is_new = vantage.configured_at is not None and is_fresh(vantage.configured_at, every_s, now)
        if not was_silent and not is_new:
            found.append(_alert(AlertKind.SILENT, vantage.id, now, seen_at.isoformat() if seen_at else ""))
    return tuple(found)


def _alert(kind: AlertKind, vantage: str, at: datetime, detail: str) -> Alert:
    return Alert(at=at, kind=kind, audience=Audience.OPERATOR, vantage=vantage, detail=detail)
