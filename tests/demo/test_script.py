"""The replay's script stays inside the known intervals and names nobody whom no source names."""

from datetime import datetime

import pytest

from demo.script import FIRST_DAY, LAST_DAY_END, LIFTED_LAST, round_times, write_script
from observatory.reference import load_targets, load_yaml
from probes.records import TargetKind

HOSTS = [t.name for t in load_targets() if t.kind is TargetKind.HOST]
SCRIPT = write_script(load_yaml("indonesia_2017.yaml")["events"], HOSTS)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text + "+07:00")


@pytest.mark.parametrize(
    ("isp", "no_earlier", "no_later"),
    [
        ("indosat", "2017-07-14T11:22", "2017-07-14T11:22"),
        ("telkomsel", "2017-07-14T11:30", "2017-07-14T17:23"),
        ("indihome", "2017-07-14T11:30", "2017-07-14T17:23"),
        ("xl", "2017-07-14T11:30", "2017-07-14T17:23"),
        ("firstmedia", "2017-07-14T11:30", "2017-07-14T17:23"),
        ("tri", "2017-07-14T17:23", "2017-07-17T19:26"),
    ],
)
def test_onset_lies_in_its_known_interval(isp: str, no_earlier: str, no_later: str) -> None:
    onset = next(s for s in SCRIPT if s.isp == isp)
    assert at(no_earlier) <= onset.at <= at(no_later)
    assert onset.hosts == tuple(HOSTS)


def test_only_networks_that_a_source_names_block() -> None:
    assert {s.isp for s in SCRIPT} == {"indosat", "telkomsel", "indihome", "xl", "firstmedia", "tri"}


def test_xl_lifts_first_and_the_others_in_two_steps() -> None:
    ends = {isp: [s for s in SCRIPT if s.isp == isp][1:] for isp in {s.isp for s in SCRIPT}}
    assert [s.hosts for s in ends["xl"]] == [()]
    for isp, steps in ends.items():
        assert at("2017-08-10T10:46") <= steps[0].at and steps[-1].at <= at("2017-08-11T10:46")
        assert steps[-1].hosts == ()
        if isp != "xl":
            assert steps[0].hosts == LIFTED_LAST
            assert steps[0].at > ends["xl"][0].at


def test_rounds_cover_the_calendar_and_are_denser_around_changes() -> None:
    times = round_times(SCRIPT)
    assert times[0] <= FIRST_DAY and times[-1] < LAST_DAY_END
    assert 70 <= len(times) <= 130
    for switch in SCRIPT:
        assert any(0 < (t - switch.at).total_seconds() <= 1800 for t in times)


def test_missing_facts_are_named() -> None:
    with pytest.raises(ValueError, match="unblock_order"):
        write_script([{"at": "2017-07-14", "kind": "order", "scope": "", "fact": ""}], HOSTS)
