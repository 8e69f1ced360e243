"""What was measured across the lab goes out as OONI measurements and comes back to the same verdicts."""

import json

import pytest

from lab.control import LabControl
from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.exports.ooni import export_document
from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.model import Config, State
from observatory.reference import load_reference
from tests.in_lab import measure

pytestmark = pytest.mark.lab
CENSORED = {"xl": "sni_reset", "tri": "dns_blockpage", "indosat": "ip_blackhole"}


def test_round_trip_across_the_lab(lab: LabControl, config: Config) -> None:
    for isp, censor in CENSORED.items():
        lab.switch(isp, censor, True)
    results = measure(config, [*CENSORED, "control-sg"], ["t.me", "dc2"])
    lab.reset()
    states = set()
    for (_, target), result in results.items():
        seen = results["control-sg", target]
        controls = [Control(seen.measurement, seen.canary)]
        expected = judge_measurement(result.measurement, result.canary, controls, reference=load_reference())
        document = export_document(
            result.measurement, result.canary, controls, (result.vantage, seen.vantage)
        )
        imported = read_document(json.loads(json.dumps(document)))
        (part,) = imported.parts
        assert (part.measurement, part.canary) == (result.measurement, result.canary)
        assert judge_imported(imported).verdict == expected
        states.add(expected.state)
    assert {State.OK, State.BLOCKED, State.LIKELY_BLOCKED} <= states
