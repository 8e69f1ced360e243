"""Events to tell, and a small world to tell them in: a store, channels, a clock that is set by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from observatory.model import (
    Alert,
    AlertKind,
    Audience,
    Certainty,
    Event,
    Interval,
    Method,
    Portion,
    Shows,
    Spell,
    State,
    VantagePoint,
    Witness,
)
from observatory.model.channels import Channel, Channels
from observatory.notify.deliver import Deliverer, DeliveryReport
from observatory.notify.senders import Sender, send
from observatory.store import Store
from tests.observatory.store.samples import save_revision

AT = datetime(2026, 11, 24, 4, 22, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SITE = "https://observatory.example"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def make_spell(asn: int = 7713, target: str = "t.me", **changes: Any) -> Spell:
    onset = changes.pop("onset", Interval(after=AT - HOUR, by=AT))
    portion = Portion(n_blocked=9, n_judged=10, low=0.6, high=0.99)
    values: dict[str, Any] = {
        "target": target,
        "asn": asn,
        "onset": onset,
        "certainty": Certainty.CONFIRMED,
        "suspected_at": AT,
        "confirmed_at": AT,
        "portion": portion,
        "isp": f"ISP {asn}",
        "country": "ID",
        "zone": "Asia/Jakarta",
        "methods": (
            Method(layer="tls", mechanism="tls.reset.sni", resolver="", onset=onset, portion=portion),
        ),
        "witnesses": (
            Witness(
                measurement_id="m1",
                vantage="jkt-1",
                at=AT,
                shows=Shows.FIRST_BLOCKED,
                state=State.BLOCKED,
            ),
        ),
        "control": Portion(n_blocked=0, n_judged=4, low=0.0, high=0.5),
    }
    return Spell(**values | changes)


def make_event(*spells: Spell, **changes: Any) -> Event:
    values: dict[str, Any] = {"id": "id-20261124-1", "country": "ID", "emulated": False}
    return Event(spells=spells or (make_spell(),), **values | changes)


def ended(event: Event, by: datetime, *asns: int) -> Event:
    """Return an event of which all, or what was blocked in some networks, has ended."""
    end = Interval(after=by - MINUTE, by=by)
    spells = (replace(s, end=end) if not asns or s.asn in asns else s for s in event.spells)
    return replace(event, spells=tuple(spells))


@dataclass
class AlertHarness:
    """A store, the channels of one file, and the time of day. `deliver` moves it; nothing ever sleeps."""

    store: Store
    channels: tuple[Channel, ...] = ()
    now: datetime = AT
    sender: Sender = send
    reports: list[DeliveryReport] = field(default_factory=list)

    def add_channels(self, *channels: Channel) -> None:
        """Add channels and deliver once, so that they were there before anything happened."""
        self.channels += channels
        self.deliver()

    def record(
        self, event: Event, *kinds: AlertKind, audience: Audience = Audience.PUBLIC, detail: str = ""
    ) -> None:
        """Do what the detector does: save a revision of the event, and log the alerts."""
        alerts = [
            Alert(
                at=self.now,
                kind=kind,
                audience=audience,
                event=event.id,
                emulated=event.emulated,
                detail=detail,
            )
            for kind in kinds
        ]
        save_revision(self.store, event, *kinds, at=self.now, alerts=alerts)

    def deliver(self, after: timedelta = timedelta()) -> tuple[DeliveryReport, ...]:
        self.now += after
        file = Channels(path="alerts.yaml", site=SITE, channels=self.channels)
        reports = Deliverer(self.store, file, lambda: self.now, self.sender).deliver(self.now)
        self.reports += reports
        return reports

    def states(self, channel: str = "press") -> list[tuple[str, str | None]]:
        """Return what became of each alert on a channel: (delivered, waits or never; the reason)."""
        return [
            ("delivered" if d.delivered_at else "waits" if d.next_attempt_at else "never", d.error)
            for name, d in self.store.load_deliveries()
            if name == channel
        ]


def hook(url: str, name: str = "press", **changes: Any) -> Channel:
    values: dict[str, Any] = {"audience": Audience.PUBLIC, "settle": timedelta()}
    return Channel(name=name, webhook_url=SecretStr(url), secret=SecretStr(SECRET), **values | changes)


def service(url: str, name: str = "press", **changes: Any) -> Channel:
    values: dict[str, Any] = {"audience": Audience.PUBLIC, "settle": timedelta()}
    return Channel(name=name, url=SecretStr(url), **values | changes)


def make_vantage(id_: str = "jkt-1", **changes: Any) -> VantagePoint:
    values: dict[str, Any] = {
        "name": "Jakarta 1",
        "isp": "Telkom",
        "asn": 7713,
        "country": "ID",
        "timezone": "Asia/Jakarta",
    }
    return VantagePoint(id=id_, **values | changes)


def subjects(bodies: Sequence[dict[str, Any]]) -> list[str]:
    return [body["data"]["subject"] for body in bodies]
