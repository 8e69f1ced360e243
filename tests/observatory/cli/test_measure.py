"""`observatory measure`: wrong usage and files that cannot be measured from say what to do."""

from dataclasses import replace
from pathlib import Path

import pytest

from observatory.cli.measure import print_results, result_as_json
from observatory.model import LeadsTo, State, VantagePoint
from observatory.vantage.once import JudgedMeasurement
from tests.observatory.cli.invoke import GOOD, run
from tests.observatory.store.samples import make_measurement, make_verdict


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["measure", "--target", "t.mee"], 2, "telegram-app; got 't.mee'"),
        (["measure", "--vantage", "there"], 2, "expected one of here; got 'there'"),
        (["measure", "--all", "--target", "t.me"], 2, "expected --all or --vantage/--target, got both"),
        (["measure", "--colour"], 2, "No such option"),
    ],
)
def test_wrong_usage(config: Path, arguments: list[str], code: int, says: str) -> None:
    ran, output = run(*arguments, "--config", str(config))
    assert (ran, says in output) == (code, True), output


def test_measuring_with_a_missing_file_says_where_it_looked(tmp_path: Path) -> None:
    code, output = run("measure", "--config", str(tmp_path / "nowhere.yaml"))
    assert code == 1
    assert "nowhere.yaml" in output


def test_measuring_with_nothing_enabled_says_what_to_set(config: Path) -> None:
    config.write_text(GOOD.replace("via: direct", "via: direct, enabled: false"), encoding="utf-8")
    code, output = run("measure", "--config", str(config))
    assert code == 1
    assert "enabled: true" in output


def test_ok_that_leads_elsewhere_says_what_visitors_meet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    leads = LeadsTo(target="telegram.org", state=State.LIKELY_BLOCKED, mechanism="tls.reset.sni")
    point = VantagePoint(id="jkt", name="Jakarta", isp="XL", asn=24203, country="ID")
    found = [
        JudgedMeasurement(
            vantage=point,
            measurement=make_measurement(target, target=target),
            canary=make_measurement("canary", target="example.com"),
            verdict=replace(make_verdict(State.OK), leads_to=led),
        )
        for target, led in (("t.me", leads), ("core.telegram.org", None))
    ]
    print_results(found)
    led, plain = capsys.readouterr().out.splitlines()[1:]
    assert "ok; leads to telegram.org: tls.reset.sni" in led
    assert "leads" not in plain
    assert [result_as_json(one)["leads_to"] for one in found] == [
        {"target": "telegram.org", "state": "likely_blocked", "mechanism": "tls.reset.sni"},
        None,
    ]
