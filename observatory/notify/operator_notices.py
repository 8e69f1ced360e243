"""What operators read: who fell silent, a change of our rules, the test of a channel. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from observatory.model import Alert, AlertKind, load_zone
from observatory.model.views import VantageStatus
from observatory.notify.message import Notice, one_line
from observatory.text import Text


def describe_operator_alert(text: Text, alert: Alert, vantage: VantageStatus | None, *, site: str) -> Notice:
    """Return the notice of an alert that only operators get.

    Shape:  `vantage` is the vantage point that the alert names; None when it names none or an unknown one.
    """
    if alert.kind is AlertKind.RULE_CHANGE or alert.vantage is None:
        lines = [text("alert.ours_text")]
        if alert.detail:
            lines.append(text("alert.detail", detail=one_line(alert.detail)))
        lines.append(text("alert.more", link=site))
        return Notice(subject=_subject(text, alert, text("alert.subject_ours")), text="\n".join(lines))
    name = one_line(vantage.name if vantage else alert.vantage)
    subject = _subject(text, alert, text(f"alert.subject_{alert.kind}", name=name))
    since = _parse_since(alert.detail)
    values: dict[str, object] = {
        "name": name,
        "isp": one_line(vantage.isp) if vantage else "?",
        "asn": vantage.asn if vantage else 0,
    }
    if alert.kind is AlertKind.SILENT:
        key = "alert.silent" if since else "alert.silent_never"
        values["every"] = text.age(timedelta(seconds=vantage.every_s)) if vantage else "?"
    else:
        key = "alert.back" if since else "alert.back_first"
    if since:
        values["at"] = text.moment(since, _zone_of(vantage))
    lines = [text(key, **values)]
    if alert.kind is AlertKind.SILENT:
        lines.append(text("alert.silent_next"))
    if alert.emulated:
        lines.insert(0, text("alert.emulated_note"))
    lines.append(text("alert.more", link=f"{site}/vantage-points"))
    return Notice(subject=subject, text="\n".join(lines))


def _subject(text: Text, alert: Alert, subject: str) -> str:
    return f"{text('alert.emulated')}: {subject}" if alert.emulated else subject


def _parse_since(detail: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(detail)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _zone_of(vantage: VantageStatus | None) -> ZoneInfo:
    return load_zone(vantage.timezone if vantage else "UTC")


def describe_test(text: Text, *, channel: str, site: str) -> Notice:
    """Return the notice that tries a channel out and says so."""
    return Notice(
        subject=text("alert.subject_test"),
        text="\n\n".join(
            [text("alert.test", channel=channel), text("alert.why", channel=channel, site=site)]
        ),
    )
