"""`observatory config`: checking the file that lists the vantage points."""

from pathlib import Path
from typing import Annotated

import typer

from observatory.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from observatory.cli.output import print_json
from observatory.config.problems import ConfigError
from observatory.config.vantage_points import load_config

app = typer.Typer(help="Check vantage_points.yaml.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Default: the file of --config.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Check the file that lists the vantage points: every mistake at once, each with its line."""
    path = file or config
    problems: list[str] = []
    n_enabled = 0
    try:
        loaded = load_config(path)
        n_enabled = sum(v.enabled for v in loaded.vantage_points)
    except ConfigError as error:
        problems = [str(problem) for problem in error.problems]
    if as_json:
        print_json({"file": str(path), "ok": not problems, "problems": problems})
    elif problems:
        typer.echo("\n".join(problems), err=True)
    else:
        typer.echo(f"{path}: valid; {len(loaded.vantage_points)} vantage points, {n_enabled} enabled")
        if not n_enabled:
            typer.echo("None is enabled, so nothing would be measured: set `enabled: true` on one.")
    raise typer.Exit(1 if problems else 0)
