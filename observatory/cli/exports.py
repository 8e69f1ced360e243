"""`observatory export`: our measurements in the formats of others."""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from observatory.cli.database import open_to_read
from observatory.cli.options import (
    DatabaseOption,
    SinceOption,
    TargetOption,
    UntilOption,
    VantageOption,
    select,
)
from observatory.cli.output import fail, progress
from observatory.exports.stored import export_stored

app = typer.Typer(help="Write measurements in the formats of others.", no_args_is_help=True)


@app.command("ooni")
def export_ooni(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Default: standard output; gzipped where the name ends in .gz."
        ),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    target: TargetOption = None,
    vantage: VantageOption = None,
    database: DatabaseOption = None,
) -> None:
    """Write stored measurements as OONI measurements, one JSON object a line.

    What OONI's format has no place for goes into `x_observatory`, so `observatory import ooni` reads the same
    measurements back.
    """
    selection = select(since, until, target, vantage)
    try:
        with open_to_read(database) as store:
            total = store.count_measurements(selection)
            with progress("Exporting", total) as advance, _open_whole(file) as out:
                for document in export_stored(store, selection):
                    out.write(json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
                    advance(document["measurement_start_time"])
    except OSError as error:
        raise fail(f"{file}: {error.strerror or error}") from error


@contextmanager
def _open_whole(file: Path | None) -> Iterator[IO[bytes]]:
    """A file appears under its name only when it is whole."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    part = file.with_name(file.name + ".part")
    try:
        with part.open("wb") as raw:
            if file.suffix == ".gz":
                with gzip.GzipFile(fileobj=raw, mode="wb", filename="") as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield raw
        os.replace(part, file)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
