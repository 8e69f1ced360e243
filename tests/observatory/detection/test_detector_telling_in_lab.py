"""From the first forged packet to the message in the channel, across the emulated internet.

Censors, rounds and the receiver are real. The clock is virtual: rounds follow each other at once, and are
dated ten seconds, or twenty minutes, apart.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab.control import LabControl
from observatory.analysis.events.publication import PresentKind, is_published, judge_present
from observatory.detection.detector import Detector
from observatory.ingest.collector import Collector
from observatory.model import Config, Role
from observatory.reference import load_targets
from observatory.store import Store, open_store
from observatory.vantage.rounds import measure_vantage
from probes.records import Target, TargetKind
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import AlertHarness, hook

pytestmark = pytest.mark.lab

START = datetime(2026, 1, 5, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NAMES = ("t.me", "telegram.org")
CENSORED = ("telkomsel", "xl", "indosat")


class Service:
    """Rounds of some vantage points and the control, stored, searched and told of, along a virtual clock."""

    def __init__(self, store: Store, config: Config, ids: tuple[str, ...], every: timedelta) -> None:
        self.store, self.now, self._every, self._settings = store, START, every, config.settings
        self._points = [
            replace(v, every_s=every.total_seconds())
            for v in config.vantage_points
            if v.id in ids or v.role is Role.CONTROL
        ]
        # The control first, as nearest: what is compared with it is judged at once.
        self._points.sort(key=lambda v: v.role is not Role.CONTROL)
        store.save_vantage_points(self._points, at=START)
        self._collector = Collector(store, clock=lambda: self.now)
        self._detector = Detector(store)
        self.alerts = AlertHarness(store, now=START)

    def round(self, targets: tuple[Target, ...]) -> None:
        """Measure once everywhere; then search and deliver."""
        for measurements in asyncio.run(self._measure(targets)):
            self._collector.accept(measurements)
            self._detector.run(self.now)
        self._detector.run(self.now, review=True)
        self.alerts.now = self.now
        self.alerts.deliver()
        self.now += self._every

    async def _measure(self, targets: tuple[Target, ...]) -> list[tuple]:  # type: ignore[type-arg]
        return await asyncio.gather(
            *(measure_vantage(self._settings, v, targets, clock=lambda: self.now) for v in self._points)
        )


@pytest.fixture(autouse=True)
def _nothing_is_on(lab: LabControl) -> Iterator[None]:
    yield
    lab.reset()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as opened:
        yield opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


def targets_of(*names: str) -> tuple[Target, ...]:
    return tuple(t for t in load_targets() if t.name in names)


def test_forged_answers_at_three_isps_are_told_in_the_second_round(
    lab: LabControl, config: Config, store: Store, receiver: Receiver
) -> None:
    service = Service(store, config, CENSORED, timedelta(seconds=10))
    service.alerts.add_channels(hook(receiver.url, settle=timedelta(hours=1)))
    for _ in range(3):
        service.round(targets_of(*NAMES))
    assert receiver.requests == []
    began = service.now
    for isp in CENSORED:
        lab.switch(isp, "dns_injection", True, hosts=NAMES)
    for _ in range(2):
        service.round(targets_of(*NAMES))
    assert service.now - began <= timedelta(seconds=20) + MINUTE
    [told] = receiver.bodies
    assert "3 networks" in told["data"]["subject"]
    assert "forged answers in 2 rounds on 3 networks; none at the control" in told["data"]["text"]
    (event,) = [revision.event for revision in store.load_events()]
    assert is_published(event) and len(event.spells) == len(CENSORED) * len(NAMES)


def test_a_hole_in_the_routes_of_one_isp_is_no_event(
    lab: LabControl, config: Config, store: Store, receiver: Receiver
) -> None:
    """Nothing of Telegram's answers there for two hours, the canary is fine, and others reach it."""
    centres = tuple(t.name for t in load_targets() if t.kind is TargetKind.DATA_CENTRE)[:1]
    targets = targets_of(*NAMES, *centres)
    service = Service(store, config, ("xl", "indosat"), 20 * MINUTE)
    service.alerts.add_channels(hook(receiver.url, settle=timedelta()))
    for _ in range(2):
        service.round(targets)
    for hole in ("ip_blackhole", "dc_drop"):
        lab.switch("xl", hole, True)
    for number in range(6):
        service.round(targets)
        if number:
            assert said(service) is PresentKind.UNCONFIRMED
    lab.reset()
    for _ in range(3):
        service.round(targets)
    assert not [r for r in store.load_events() if is_published(r.event)]
    assert receiver.requests == [] and said(service) is PresentKind.NOTHING_SEEN


def said(service: Service) -> PresentKind:
    store = service.store
    open_spells = [s for s in store.load_spells() if s.end is None]
    events = [revision.event for revision in store.load_events()]
    vantages = store.load_vantage_status(now=service.now)
    return judge_present(events, open_spells, store.load_latest(), vantages, service.now).kind
