"""`observatory status` without anything to show."""

from pathlib import Path

from tests.observatory.cli.invoke import run


def test_status_without_a_database_says_how_to_get_one(tmp_path: Path) -> None:
    code, output = run("status", "--database", f"sqlite:///{tmp_path}/none.sqlite")
    assert code == 1
    assert "make run" in output
