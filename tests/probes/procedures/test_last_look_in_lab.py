"""A line that dies while a filtered host is being measured, and the same filter on a line that stays."""

import pytest

from lab.control import LabControl
from observatory.model import Config, State
from probes.procedures.followups import Canary
from tests.in_lab import measure

pytestmark = [pytest.mark.lab, pytest.mark.slow]


def test_a_line_that_dies_in_the_round_accuses_nobody(
    lab: LabControl, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = Canary.end

    def end_and_cut_off(canary: Canary) -> None:
        """The canary's own steps have ended well; those of the filtered host have not."""
        ends(canary)
        lab.switch("xl", "vantage_offline", True)

    lab.switch("xl", "tls_drop", True, hosts=["t.me"])
    stays = measure(config, ["xl"], ["t.me"])["xl", "t.me"].verdict
    monkeypatch.setattr(Canary, "end", end_and_cut_off)
    dies = measure(config, ["xl"], ["t.me"])["xl", "t.me"].verdict
    assert (stays.state, stays.mechanism) == (State.LIKELY_BLOCKED, "tls.timeout.other")
    assert (dies.state, dies.rule_id) == (State.INSUFFICIENT, "guard.line_lost")
