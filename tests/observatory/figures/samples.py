"""Cells and axes for the tests of figures, and how two colours contrast."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from observatory.figures import Theme, draw_share, draw_timeline
from observatory.model import OVERALL, Cell, Grain, State
from observatory.model.views import Share
from observatory.text import load_text
from observatory.views.charts import Caption, ChartRow, TimeAxis

START = datetime(2017, 7, 14, tzinfo=UTC)

HOUR = timedelta(hours=1)

EN = load_text("en")

AXIS = TimeAxis(
    start=START, end=START + 6 * HOUR, grain=Grain.HOUR, zone=ZoneInfo("Asia/Jakarta"), title="Time in WIB"
)

CAPTION = Caption(title="t.me on each network", scope="per hour", source="Source: us. CC BY 4.0.")

ROWS = (ChartRow(key="axis", name="Axis"), ChartRow(key="cbn", name="<b>CBN</b>"))


def cell(hour: int, state: State, n: int = 1, **other: Any) -> Cell:
    details: dict[str, Any] = {
        "bucket_at": START + hour * HOUR,
        "vantage": "axis",
        "target": "t.me",
        "layer": OVERALL,
        "state": state,
        "mechanism": None,
        "rule_id": "rule",
        "n": n,
    }
    return Cell(**{**details, **other})


def timeline(cells: list[Cell], **other: Any) -> Any:
    options: dict[str, Any] = {
        "rows": ROWS,
        "by": "vantage",
        "axis": AXIS,
        "caption": CAPTION,
        "text": EN,
        "theme": Theme.LIGHT,
    }
    return draw_timeline(cells, **{**options, **other})


def share(shares: list[Share], **other: Any) -> Any:
    options: dict[str, Any] = {
        "rows": ROWS,
        "axis": AXIS,
        "caption": CAPTION,
        "text": EN,
        "theme": Theme.LIGHT,
    }
    return draw_share(shares, **{**options, **other})


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2 (0..1)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
