"""Vantage points and verdicts as the store gives them, for tests of the pure parts."""

from datetime import UTC, datetime, timedelta

from observatory.model import Layer, LeadsTo, Role, State
from observatory.model.views import Latest, VantageStatus
from observatory.views.matrix import Matrix, TargetGroup, build_matrix

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TARGETS = {TargetGroup.HOST: ("t.me", "telegram.org"), TargetGroup.DATA_CENTRE: ("dc1", "dc2")}


def make_status(id_: str, **other: object) -> VantageStatus:
    """Return a probe on a network of its own, measured every ten minutes."""
    details: dict[str, object] = {
        "id": id_,
        "name": f"{id_}, Jakarta",
        "isp": id_.title(),
        "asn": 64500 + sum(id_.encode()),
        "country": "ID",
        "timezone": "Asia/Jakarta",
        "every_s": 600.0,
        "role": Role.PROBE,
        "last_seen_at": NOW - MINUTE,
    }
    return VantageStatus(**{**details, **other})  # type: ignore[arg-type]


def make_latest(vantage: str, target: str, state: State, **other: object) -> Latest:
    details: dict[str, object] = {
        "vantage": vantage,
        "asn": 64500,
        "target": target,
        "state": state,
        "layer": Layer.TLS,
        "mechanism": None,
        "rule_id": "tls.certificate_valid",
        "partial": False,
        "n_ok": 2,
        "n_tried": 2,
        "measured_at": NOW - MINUTE,
        "measurement_id": f"{vantage}/{target}",
        "provisional": False,
        "emulated": False,
    }
    return Latest(**{**details, **other})  # type: ignore[arg-type]


def make_matrix(
    states: dict[str, dict[str, State]],
    *,
    controls: tuple[str, ...] = (),
    ages: dict[str, timedelta] | None = None,
    partial: frozenset[tuple[str, str]] = frozenset(),
    provisional: frozenset[tuple[str, str]] = frozenset(),
    asns: dict[str, int] | None = None,
    rules: dict[str, str] | None = None,
    leads: dict[tuple[str, str], LeadsTo] | None = None,
) -> Matrix:
    """Return the matrix of vantage -> target -> state; a pair left out was never measured."""
    vantages = [
        make_status(
            id_,
            role=Role.CONTROL if id_ in controls else Role.PROBE,
            **({"asn": asns[id_]} if asns and id_ in asns else {}),
        )
        for id_ in states
    ]
    latest = [
        make_latest(
            id_,
            target,
            state,
            partial=(id_, target) in partial,
            provisional=(id_, target) in provisional,
            rule_id=(rules or {}).get(id_, "rule"),
            leads_to=(leads or {}).get((id_, target)),
            measured_at=NOW - (ages or {}).get(id_, MINUTE),
        )
        for id_, own in states.items()
        for target, state in own.items()
    ]
    return build_matrix(vantages, latest, TARGETS, now=NOW)
