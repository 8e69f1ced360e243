"""The command line as a whole: every command explains itself to a newcomer."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from observatory.cli import app as app_module
from observatory.store import open_store
from tests.observatory.cli.invoke import run
from tests.observatory.store.samples import AT, make_measurement, make_verdict

ROOT = Path(__file__).parents[3]


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


DAMAGES = [
    "UPDATE latest SET state = 'nonsense'",
    "UPDATE latest SET measured_at = 'yesterday'",
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_one_line_and_exit_1(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "observatory.sqlite"
    with open_store(f"sqlite:///{path}") as store:
        store.save_measurements([(make_measurement("m1"), make_verdict())], received_at=AT)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    for command in (["status"], ["status", "--json"], ["events", "list"]):
        ended = subprocess.run(
            [sys.executable, "-m", "observatory", *command, "--database", f"sqlite:///{path}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 1, ended.stderr
        assert "OBSERVATORY_TRACEBACK=1 shows where" in ended.stderr


def test_without_memory_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise MemoryError

    monkeypatch.setattr(app_module, "app", fail)
    with pytest.raises(SystemExit) as ended:
        app_module.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        "observatory: expected more memory than this process may use; allow it more\n"
    )


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [("measure", ("sqlalchemy", "pandas", "numpy", "streamlit")), ("status", ("aioquic", "streamlit"))],
)
def test_a_command_loads_what_it_needs_alone(command: str, unneeded: tuple[str, ...]) -> None:
    """Loading all of them took more processor time than a round."""
    code = (
        "import sys\n"
        "from observatory.cli.app import main\n"
        f"sys.argv = ['observatory', {command!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {unneeded!r} if name in sys.modules], file=sys.stderr)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ended.stderr.strip() == "[]"
