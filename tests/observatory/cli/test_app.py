"""The command line: help a newcomer understands, exit codes 0, 1 and 2, errors that say what to do."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from observatory.cli.app import app

GOOD = """
vantage_points:
  - {id: here, name: Here, isp: Example, asn: 64500, country: ID, every: 10m, via: direct}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "vantage_points.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["--help"], "observatory up"),
        (["up", "--help"], "Start probing on schedule"),
        (["measure", "--help"], "Measure one round right now"),
        (["config", "--help"], "vantage_points.yaml"),
        (["config", "check", "--help"], "every mistake at once"),
        (["import", "ooni", "--help"], "What OONI concluded is not read"),
        (["export", "ooni", "--help"], "reads the same measurements back"),
        (["status", "--help"], "what was measured last"),
        (["rescore", "--help"], "Judge stored measurements again"),
    ],
)
def test_every_command_explains_itself(command: list[str], says: str) -> None:
    code, output = run(*command)
    assert code == 0
    assert says in " ".join(output.split())


def test_good_config(config: Path) -> None:
    assert run("config", "check", str(config)) == (0, f"{config}: good; 1 vantage points, 1 enabled\n")


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


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["measure", "--target", "t.mee"], 2, "expected one of t.me,"),
        (["measure", "--vantage", "there"], 2, "expected one of here; got there"),
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


def test_status_without_a_database_says_how_to_get_one(tmp_path: Path) -> None:
    code, output = run("status", "--database", f"sqlite:///{tmp_path}/none.sqlite")
    assert code == 1
    assert "make run" in output
