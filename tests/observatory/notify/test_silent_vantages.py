"""Who is silent, who is back, and who owes nothing; once for each silence."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from observatory.model import IMPORTED, Alert, AlertKind, Audience, VantagePoint, Via
from observatory.model.views import VantageStatus
from observatory.notify.delivery_pass import run_delivery_pass
from observatory.notify.silent_vantages import judge_silences
from observatory.store import Store
from tests.observatory.notify.receivers import Receiver
from tests.observatory.notify.samples import AT, DAY, HOUR, MINUTE, make_vantage
from tests.observatory.store.samples import make_measurement, make_verdict

OLD = AT - 31 * MINUTE
FRESH = AT - 30 * MINUTE


def status(**changes: Any) -> VantageStatus:
    point: VantagePoint = make_vantage()
    values = {name: getattr(point, name) for name in point.__dataclass_fields__}
    return VantageStatus(**values | {"configured_at": AT - DAY} | changes)


def last(kind: AlertKind) -> dict[str, Alert]:
    return {"jkt-1": Alert(at=AT - HOUR, kind=kind, vantage="jkt-1", detail=OLD.isoformat())}


SITUATIONS: dict[str, tuple[VantageStatus, dict[str, Alert], list[tuple[AlertKind, str]]]] = {
    "it reports": (status(last_seen_at=AT), {}, []),
    "three intervals are not yet a silence": (status(last_seen_at=FRESH), {}, []),
    "more than three are": (status(last_seen_at=OLD), {}, [(AlertKind.SILENT, OLD.isoformat())]),
    "alerted already": (status(last_seen_at=OLD), last(AlertKind.SILENT), []),
    "silent again after it was back": (
        status(last_seen_at=OLD),
        last(AlertKind.BACK),
        [(AlertKind.SILENT, OLD.isoformat())],
    ),
    "it reports again": (
        status(last_seen_at=FRESH),
        last(AlertKind.SILENT),
        [(AlertKind.BACK, OLD.isoformat())],
    ),
    "it goes on reporting": (status(last_seen_at=FRESH), last(AlertKind.BACK), []),
    "it never reported": (status(), {}, [(AlertKind.SILENT, "")]),
    "it was only just described": (status(configured_at=FRESH), {}, []),
    "started after a night": (status(last_seen_at=AT - DAY, configured_at=AT - MINUTE), {}, []),
    "switched off": (status(last_seen_at=OLD, enabled=False), {}, []),
    "removed": (status(last_seen_at=OLD, removed=True), {}, []),
    "imported": (status(last_seen_at=OLD, via=Via(kind=IMPORTED)), {}, []),
    "its interval is a day": (status(last_seen_at=AT - 2 * DAY, every_s=86_400.0), {}, []),
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_silences(situation: str) -> None:
    vantage, logged, expected = SITUATIONS[situation]
    found = judge_silences([vantage], logged, AT)
    assert [(alert.kind, alert.detail) for alert in found] == expected
    assert all(a.audience is Audience.OPERATOR and a.vantage == "jkt-1" and a.at == AT for a in found)


def test_one_silence_is_logged_once_and_its_end_once(store: Store, nobody: Callable[[], datetime]) -> None:
    store.save_vantage_points([make_vantage()], at=AT)

    def hear(at: datetime) -> None:
        measurement = make_measurement(f"m{at:%H%M}", vantage="jkt-1", at=at)
        store.save_measurements([(measurement, make_verdict())], received_at=at)

    hear(AT)
    for minute in range(60):
        run_delivery_pass(store, AT + minute * MINUTE, clock=nobody)
    hear(AT + HOUR)
    for minute in range(60, 90):
        run_delivery_pass(store, AT + minute * MINUTE, clock=nobody)
    logged = [(a.kind, a.at - AT) for a in store.load_alerts()]
    assert logged == [(AlertKind.SILENT, 31 * MINUTE), (AlertKind.BACK, timedelta(hours=1))]


def test_a_silence_is_reported_to_operators_and_never_to_the_public(
    store: Store, receiver: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text(
        "site: https://observatory.example\n"
        "channels:\n"
        f"  - {{name: press, audience: public, url: 'json://127.0.0.1:{receiver.port}/press'}}\n"
        f"  - {{name: me, audience: operator, url: 'json://127.0.0.1:{receiver.port}/me'}}\n"
        f"  - {{name: other, audience: operator, isps: [1], url: 'json://127.0.0.1:{receiver.port}/other'}}\n",
        encoding="utf-8",
    )
    store.save_vantage_points([make_vantage()], at=AT)
    measurement = make_measurement("m", vantage="jkt-1", at=AT)
    store.save_measurements([(measurement, make_verdict())], received_at=AT)
    for minute in range(0, 60, 5):
        at = AT + minute * MINUTE
        run_delivery_pass(store, at, path=path, clock=lambda at=at: at)  # type: ignore[misc]
    assert [request.path for request in receiver.requests] == ["/me"]
    assert receiver.bodies[0]["title"] == "Vantage point not reporting: Jakarta 1"
    assert "has reported nothing since 24 Nov 2026, 11:22 WIB" in receiver.bodies[0]["message"]


@pytest.fixture
def nobody(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], datetime]:
    """There is no file of channels."""
    monkeypatch.setenv("OBSERVATORY_ALERTS", str(tmp_path / "none.yaml"))
    return lambda: AT
