"""Events as thin labelled bands above a chart, so that a reader sees which change its colours belong to."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any, Final

from observatory.figures.looks import LOOKS
from observatory.figures.traces import Figure
from observatory.model import State
from observatory.views.bands import band_reach
from observatory.views.charts import Band, TimeAxis

BAND_PX: Final = 15
_LOOK: Final = LOOKS[State.BLOCKED]
_UNSURE: Final = 0.4


def draw_bands(figure: Figure, placed: Sequence[tuple[Band, int]], axis: TimeAxis) -> None:
    """Draw what was placed: full while it surely went on, pale while it may have."""
    for band, lane in placed:
        left, right = band_reach(band, axis)
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
