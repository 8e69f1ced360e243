"""`observatory config check`: every mistake at once, in text and as JSON."""

import json
from pathlib import Path

from tests.observatory.cli.invoke import GOOD, run


def test_good_config(config: Path) -> None:
    assert run("config", "check", str(config)) == (0, f"{config}: valid; 1 vantage points, 1 enabled\n")


def test_bad_config_names_every_mistake_and_fails(config: Path) -> None:
    config.write_text(GOOD.replace("64500", "XL").replace("10m", "1s"), encoding="utf-8")
    code, output = run("config", "check", str(config))
    assert code == 1
    assert ":3 here.asn: expected" in output and ":3 here.every: expected" in output


def test_bad_config_as_json(config: Path) -> None:
    config.write_text(GOOD.replace("64500", "XL"), encoding="utf-8")
    code, output = run("config", "check", str(config), "--json")
    report = json.loads(output)
    assert (code, report["ok"], len(report["problems"])) == (1, False, 1)
