"""`observatory measure`: wrong usage and files that cannot be measured from say what to do."""

from pathlib import Path

import pytest

from tests.observatory.cli.invoke import GOOD, run


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
