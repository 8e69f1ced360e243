"""Options that several commands share, and what they select."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from observatory.model.selection import Selection

_FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

SinceOption = Annotated[
    datetime | None,
    typer.Option(formats=_FORMATS, metavar="TIME", help="Only what was measured from then on; UTC."),
]
UntilOption = Annotated[
    datetime | None,
    typer.Option(formats=_FORMATS, metavar="TIME", help="Only what was measured before; UTC."),
]
TargetOption = Annotated[
    list[str] | None, typer.Option("--target", "-t", metavar="NAME", help="May be repeated.")
]
VantageOption = Annotated[
    list[str] | None, typer.Option("--vantage", "-v", metavar="ID", help="May be repeated.")
]
DEFAULT_CONFIG: Final = Path("vantage_points.yaml")
ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", metavar="FILE", help="The file that lists the vantage points."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of text.")]
JsonLinesOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object a line instead of text.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="Where results are kept; default sqlite:///var/observatory.sqlite, or $OBSERVATORY_DATABASE.",
    ),
]


def select(
    since: datetime | None,
    until: datetime | None,
    target: Sequence[str] | None,
    vantage: Sequence[str] | None,
) -> Selection:
    """Return what the four options select; a time without an offset is UTC."""
    return Selection(
        start=_utc(since), end=_utc(until), targets=tuple(target or ()), vantages=tuple(vantage or ())
    )


def _utc(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
