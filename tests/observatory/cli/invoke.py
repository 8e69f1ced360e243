"""Running a command, and a file of vantage points for it."""

from typer.testing import CliRunner

from observatory.cli.app import app

GOOD = """
vantage_points:
  - {id: here, name: Here, isp: Example, asn: 64500, country: ID, every: 10m, via: direct}
"""


def run(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output
