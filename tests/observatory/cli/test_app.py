"""The command line as a whole: every command explains itself to a newcomer."""

import pytest

from tests.observatory.cli.invoke import run


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
