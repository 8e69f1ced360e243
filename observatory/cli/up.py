"""`observatory up`: the service, in the foreground."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from observatory.cli.options import DEFAULT_CONFIG, DatabaseOption
from observatory.cli.output import fail
from observatory.config.starting import write_starting_file


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
        str,
        typer.Option(help="The address the dashboard binds; any but a loopback address opens it to others."),
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
        raise fail(str(error)) from error


def _start_with(config: Path) -> Path:
    """Create the settings file if it is missing, and report it; return its path."""
    try:
        if write_starting_file(config):
            typer.echo(f"Wrote {config}: only this machine measures; edit it to name your ISP.", err=True)
    except OSError as error:
        raise fail(f"{config}: expected a folder to write it into, got {error.strerror}") from error
    return config
