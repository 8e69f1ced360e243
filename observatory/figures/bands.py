"""Events as thin labelled bands above a chart, so that a reader sees which change its colours belong to."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from observatory.figures.looks import LOOKS
from observatory.figures.parts import Band, TimeAxis
from observatory.figures.traces import Figure
from observatory.model import State

BAND_PX: Final = 15
_LOOK: Final = LOOKS[State.BLOCKED]
_UNSURE: Final = 0.4


def place_bands(bands: Iterable[Band], axis: TimeAxis) -> tuple[tuple[Band, int], ...]:
    """Return the bands that touch the axis, each with its lane: those of one time do not share one."""
    ends: list[datetime] = []
    placed: list[tuple[Band, int]] = []
    for band in sorted(bands, key=lambda band: _reach(band, axis)[0]):
        left, right = _reach(band, axis)
        if left >= axis.end or right <= axis.start:
            continue
        lane = next((number for number, end in enumerate(ends) if end <= left), len(ends))
        ends[lane : lane + 1] = [right]
        placed.append((band, lane))
    return tuple(placed)


def draw_bands(figure: Figure, placed: Sequence[tuple[Band, int]], axis: TimeAxis) -> None:
    """Draw what was placed: full while it surely went on, pale while it may have."""
    for band, lane in placed:
        left, right = _reach(band, axis)
        end = band.end or axis.end
        _draw_box(figure, left, band.start, lane, axis, _UNSURE)
        _draw_box(figure, band.start, end, lane, axis, 1.0)
        _draw_box(figure, end, right, lane, axis, _UNSURE)
        figure.add_annotation(
            name="band",
            text=escape(band.label, quote=False),
            x=axis.local(max(left, axis.start)),
            xanchor="left",
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=lane * BAND_PX + 1,
            showarrow=False,
            borderpad=0,
            bgcolor=_LOOK.fill,
            font={"size": 10, "color": _LOOK.ink},
        )


def _reach(band: Band, axis: TimeAxis) -> tuple[datetime, datetime]:
    """Return from when to when at most; to the edges of the axis where nobody knows."""
    left = band.earliest if band.earliest is not None else min(axis.start, band.start)
    right = band.latest if band.latest is not None else max(axis.end, band.end or band.start)
    return left, right


def _draw_box(
    figure: Figure, start: datetime, end: datetime, lane: int, axis: TimeAxis, opacity: float
) -> None:
    left, right = max(start, axis.start), min(end, axis.end)
    if left >= right:
        return
    box: dict[str, Any] = {"x0": axis.local(left), "x1": axis.local(right), "yref": "paper"}
    figure.add_shape(
        **box,
        name="band",
        type="rect",
        ysizemode="pixel",
        yanchor=1,
        y0=lane * BAND_PX + 4,
        y1=lane * BAND_PX + 12,
        fillcolor=_LOOK.fill,
        opacity=opacity,
        line_width=0,
    )
