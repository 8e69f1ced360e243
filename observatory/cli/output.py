"""What all commands share when they write to the terminal: errors, JSON, tables, progress."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Print an error and return what ends the command: `raise fail(…)`. 1 is a failure, 2 wrong usage."""
    typer.echo(message, err=True)
    return typer.Exit(code)


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object as one line of UTF-8; what has no place in UTF-8 (lone surrogates) is escaped."""
    line = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
    sys.stdout.write(line + "\n")


def make_console() -> Console:
    """A terminal has its own width; in a file or a pipe, wrapping lines helps nobody."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


@contextmanager
def progress(what: str, n: int) -> Iterator[Callable[[str], None]]:
    """Show how many of `n` steps are done; yields `advance(name of the step)`."""
    with _progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()) as bar:
        task = bar.add_task(escape(what), total=n)
        yield lambda name: bar.update(task, advance=1, description=f"{escape(what)}: {escape(name)}")


@contextmanager
def count_progress(what: str) -> Iterator[Callable[[], None]]:
    """Count steps when nobody knows how many there will be; yields `advance()`."""
    with _progress(SpinnerColumn(), TextColumn("{task.description} {task.completed:,.0f}")) as bar:
        task = bar.add_task(escape(what), total=None)
        yield lambda: bar.update(task, advance=1)


def _progress(*columns: ProgressColumn) -> Progress:
    """On the terminal's error stream; nothing when that is a file."""
    console = Console(stderr=True)
    return Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    )
