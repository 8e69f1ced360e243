"""`observatory reference`: what it refuses."""

from typer.testing import CliRunner

from observatory.cli.app import app


def test_an_address_that_is_none_is_wrong_usage() -> None:
    run = CliRunner().invoke(app, ["reference", "match", "--address", "36.86.63"])
    assert run.exit_code == 2 and "36.86.63" in run.output
