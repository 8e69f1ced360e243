"""The `observatory` command.

Exit codes: 0 done, 1 failed, 2 wrong usage.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from observatory.cli import alerts, events, exports, imports, output, reference
from observatory.cli.rescore import rescore
from observatory.config.starting import write_starting_file
from observatory.config.vantage_points import ConfigError, load_config
from observatory.model import Config
from observatory.reference.block_pages import ReferenceError
from observatory.vantage.once import UnknownName, measure_now, select_targets, select_vantage_points

app = typer.Typer(
    name="observatory",
    help=(
        "Observe how Telegram's hosts are blocked: measure them from several vantage points, on a schedule "
        "or right now, and show the result.\n\n"
        "Start with `observatory up`, then open the address it prints. "
        "`observatory measure` needs no database and no running service."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="Look after vantage_points.yaml.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(alerts.app, name="alerts")
app.add_typer(imports.app, name="import")
app.add_typer(exports.app, name="export")
app.add_typer(reference.app, name="reference")
app.add_typer(events.app, name="events")

ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", metavar="FILE", help="The file that lists the vantage points."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="Where results are kept; default sqlite:///var/observatory.sqlite, or $OBSERVATORY_DATABASE.",
    ),
]
DEFAULT_CONFIG = Path("vantage_points.yaml")


def _fail(message: str, code: int = 1) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(code)


def _load(path: Path) -> Config:
    try:
        return load_config(path)
    except ConfigError as error:
        raise _fail(str(error)) from error


@app.command()
def measure(
    config: ConfigOption = DEFAULT_CONFIG,
    vantage: Annotated[
        list[str] | None,
        typer.Option("--vantage", "-v", metavar="ID", help="Measure from here; may be repeated."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="NAME",
            help="Measure this target: a host, a data centre such as dc2, `web` or `telegram-app`.",
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every enabled vantage point, every target; the default."),
    ] = False,
    as_json: JsonOption = False,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls/--no-controls",
            help="Measure from the enabled control vantage points as well, to compare with.",
        ),
    ] = True,
) -> None:
    """Measure one round right now and say what it means. With --json: one JSON object a line."""
    if everything and (vantage or target):
        raise _fail("observatory measure: expected --all or --vantage/--target, got both", 2)
    loaded = _load(config)
    try:
        vantage_points = select_vantage_points(loaded, vantage or [])
        targets = select_targets(target or [])
    except UnknownName as error:
        raise _fail(f"observatory measure: {error}", 2) from error
    if not vantage_points:
        raise _fail(f"{config}: expected an enabled vantage point, found none; set `enabled: true` on one")
    with output.progress(f"Measuring {len(targets)} targets", len(vantage_points)) as advance:
        results, errors = asyncio.run(
            measure_now(
                loaded, vantage_points, targets, with_controls=controls, on_done=lambda v: advance(v.name)
            )
        )
    if as_json:
        for result in results:
            sys.stdout.write(json.dumps(output.result_as_json(result), ensure_ascii=False) + "\n")
    else:
        output.print_results(results)
    if errors:
        raise _fail("\n".join(f"observatory measure: {error}" for error in errors))


@config_app.command("check")
def config_check(
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
        typer.echo(json.dumps({"file": str(path), "ok": not problems, "problems": problems}))
    elif problems:
        typer.echo("\n".join(problems), err=True)
    else:
        typer.echo(f"{path}: good; {len(loaded.vantage_points)} vantage points, {n_enabled} enabled")
        if not n_enabled:
            typer.echo("None is enabled, so nothing would be measured: set `enabled: true` on one.")
    raise typer.Exit(1 if problems else 0)


@app.command()
def up(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help=f"The file that lists the vantage points; default {DEFAULT_CONFIG}, made if missing.",
        ),
    ] = None,
    database: DatabaseOption = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the dashboard listens.")] = 8501,
    address: Annotated[
        str, typer.Option(help="The address the dashboard binds; another than loopback opens it to others.")
    ] = "127.0.0.1",
    web: Annotated[bool, typer.Option("--web/--no-web", help="Serve the dashboard as well.")] = True,
) -> None:
    """Start probing on schedule and serve the dashboard; stop with Ctrl-C."""
    from observatory.runtime.up import ServiceError, run_service

    if database:
        os.environ["OBSERVATORY_DATABASE"] = database
    # A file that was named must be there: a new one would hide a mistyped name.
    if config is None:
        config = _start_with(DEFAULT_CONFIG)
    try:
        asyncio.run(run_service(config, web=(address, port) if web else None))
    except ServiceError as error:
        raise _fail(str(error)) from error


def _start_with(config: Path) -> Path:
    """Write the file that lists the vantage points where there is none yet, and say so; return its path."""
    try:
        if write_starting_file(config):
            typer.echo(f"Wrote {config}: this machine alone measures; say there whose line it is.", err=True)
    except OSError as error:
        raise _fail(f"{config}: expected a folder to write it into, got {error.strerror}") from error
    return config


@app.command()
def status(database: DatabaseOption = None, as_json: JsonOption = False) -> None:
    """Say what was measured last, from where, and what is wrong."""
    from observatory.store import StoreUnavailable, open_store

    try:
        store = open_store(database, read_only=True)
    except StoreUnavailable as error:
        raise _fail(str(error)) from error
    if as_json:
        typer.echo(json.dumps(output.status_as_json(store), ensure_ascii=False))
    else:
        output.print_status(store)


app.command()(rescore)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except ReferenceError as error:
        # An added list was changed by hand: whatever needs it cannot go on.
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
