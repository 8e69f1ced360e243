"""The judge of the service: the rules in force, and what is kept when one of them fails."""

from pathlib import Path

import pytest

from observatory.ingest.collector import Collector
from observatory.ingest.judging import judge_by_current_rules
from observatory.model import Layer, State
from observatory.reference import load_reference
from observatory.store import open_store
from tests.observatory.analysis.judging import builder as b
from tests.observatory.store.samples import make_measurement


def test_the_reference_data_in_force_are_named_in_the_verdict() -> None:
    verdict = judge_by_current_rules(b.host(), b.canary(), [], False)
    assert verdict.state is State.OK
    assert verdict.reference_version == load_reference().version


def test_a_rule_that_fails_costs_a_verdict_and_never_the_observations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a header that no rule foresaw")

    monkeypatch.setattr("observatory.ingest.judging.judge_measurement", fail)
    with open_store(f"sqlite:///{tmp_path}/observatory.sqlite") as store:
        Collector(store).accept([make_measurement("m")])
        stored = store.load_measurement("m")
    assert stored is not None
    measurement, verdict = stored
    assert measurement.observations == make_measurement("m").observations
    assert (verdict.state, verdict.layer, verdict.rule_id) == (
        State.INSUFFICIENT,
        Layer.NONE,
        "guard.judge_failed",
    )
    assert verdict.reference_version == load_reference().version
    assert "judging measurement m of t.me failed" in caplog.text
