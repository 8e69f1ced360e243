"""Measuring now says what the service would store of the same rounds."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from observatory.analysis.judging.controls import CONTROL_WINDOW
from observatory.ingest.collector import Collector
from observatory.model import Config, Role, Settings, StandIn, State, VantagePoint, Verdict
from observatory.store import open_store
from observatory.vantage.once import JudgedMeasurement, measure_now
from probes.records import Failure, Measurement, Target, TargetKind
from tests.observatory.analysis.judging import builder as b

SILENT = b.tcp_fails(Failure.TIMEOUT)


def point(id_: str, asn: int, role: Role = Role.PROBE) -> VantagePoint:
    return VantagePoint(id=id_, name=id_, isp=id_, asn=asn, country="ID", role=role)


ISP, OTHER, FAR = point("isp", 1), point("other", 2), point("far", 3, Role.CONTROL)


def round_of(vantage: VantagePoint, *, silent: bool = False) -> tuple[Measurement, ...]:
    host = b.changed(b.host(vantage.id), SILENT) if silent else b.host(vantage.id)
    return tuple(
        replace(m, asn=vantage.asn, round_id=f"round-{vantage.id}") for m in (host, b.canary(vantage.id))
    )


def run(
    monkeypatch: pytest.MonkeyPatch,
    rounds: dict[str, tuple[Measurement, ...]],
    asked: Sequence[VantagePoint],
    enabled: Sequence[VantagePoint],
    *,
    with_controls: bool = True,
) -> dict[str, JudgedMeasurement]:
    async def measure(
        _: Settings, vantage: VantagePoint, *__: object, **___: object
    ) -> tuple[Measurement, ...]:
        return rounds[vantage.id]

    monkeypatch.setattr("observatory.vantage.once.measure_vantage", measure)
    monkeypatch.setattr("observatory.vantage.once.STAGGER_S", 0.0)
    config = Config(path="vantage_points.yaml", settings=Settings(), vantage_points=tuple(enabled))
    targets = (Target(name="t.me", kind=TargetKind.HOST),)
    results, errors = asyncio.run(measure_now(config, asked, targets, with_controls=with_controls))
    assert errors == []
    return {r.vantage.id: r for r in results}


def stored(
    folder: Path, rounds: dict[str, tuple[Measurement, ...]], enabled: Sequence[VantagePoint]
) -> dict[str, Verdict]:
    with open_store(f"sqlite:///{folder}/observatory.sqlite") as store:
        store.save_vantage_points(enabled, at=b.AT)
        collector = Collector(store, clock=lambda: b.AT)
        for round_ in rounds.values():
            collector.accept(round_)
        collector.close_windows(b.AT + 2 * CONTROL_WINDOW)
        return store.load_verdicts([round_[0].id for round_ in rounds.values()])


@pytest.mark.parametrize("enabled", [(ISP, OTHER), (ISP, OTHER, FAR)], ids=["without a control", "with one"])
@pytest.mark.parametrize("silent", [(), ("isp",), ("isp", "other"), ("isp", "far")], ids=str)
def test_measuring_now_says_what_the_service_stores(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    enabled: tuple[VantagePoint, ...],
    silent: tuple[str, ...],
) -> None:
    rounds = {v.id: round_of(v, silent=v.id in silent) for v in enabled}
    now = run(monkeypatch, rounds, enabled, enabled)
    expected = stored(tmp_path, rounds, enabled)
    assert {r.measurement.id: r.verdict for r in now.values()} == expected


def test_a_healthy_host_names_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = {v.id: round_of(v) for v in (ISP, OTHER)}
    for result in run(monkeypatch, rounds, (ISP, OTHER), (ISP, OTHER)).values():
        assert result.verdict.state is State.OK
        assert result.verdict.controls == ()
        assert StandIn.PEER not in result.verdict.stand_ins


def test_another_network_stands_in_where_no_control_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = {"isp": round_of(ISP, silent=True), "other": round_of(OTHER)}
    verdict = run(monkeypatch, rounds, (ISP, OTHER), (ISP, OTHER))["isp"].verdict
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "tcp.timeout")
    assert StandIn.PEER in verdict.stand_ins


def test_a_control_that_was_not_asked_for_is_compared_with_and_leaves_no_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = {"isp": round_of(ISP, silent=True), "far": round_of(FAR)}
    results = run(monkeypatch, rounds, (ISP,), (ISP, FAR))
    assert list(results) == ["isp"]
    assert results["isp"].verdict.controls == (rounds["far"][0].id,)


def test_without_controls_every_measurement_speaks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = {"isp": round_of(ISP, silent=True), "other": round_of(OTHER), "far": round_of(FAR)}
    enabled = (ISP, OTHER, FAR)
    for result in run(monkeypatch, rounds, enabled, enabled, with_controls=False).values():
        assert result.verdict.controls == ()
        assert StandIn.PEER not in result.verdict.stand_ins
