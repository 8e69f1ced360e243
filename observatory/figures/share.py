"""Which part of what was measured was blocked, per row over time."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from observatory.figures.frame import frame, pattern_of, plain
from observatory.figures.looks import LOOKS, SHARE_SCALE, Theme
from observatory.figures.traces import Figure, bar_trace, heatmap_trace, new_figure
from observatory.model.views import Share
from observatory.text import Text
from observatory.views.charts import Band, Caption, ChartRow, DateMark, TimeAxis
from observatory.views.shown import NO_DATA

# Beyond this many columns a number no longer fits its field.
_MAX_NUMBERED: Final = 10
_SCALE_PX: Final = 42


def draw_share(
    shares: Iterable[Share],
    *,
    rows: Sequence[ChartRow],
    axis: TimeAxis,
    caption: Caption,
    text: Text,
    theme: Theme,
    marks: Sequence[DateMark] = (),
    bands: Sequence[Band] = (),
) -> Figure:
    """Return the heat map of n_blocked / n_judged.

    Shape:  one row per key, one column per bucket. A bucket in which nothing was judged has no value: it is
            drawn hatched and never as 0 %.
    """
    found = {(share.key, share.bucket_at): share for share in shares}
    figure = new_figure()
    _draw_unjudged(figure, found, rows, axis, text)
    when = [axis.distance(at) if axis.zero else f"{axis.local(at):%Y-%m-%d %H:%M}" for at in axis.buckets]
    values = [[_value(found.get((row.key, at))) for at in axis.buckets] for row in rows]
    figure.add_trace(
        heatmap_trace(
            x=[axis.local(at) + axis.step / 2 for at in axis.buckets],
            y=list(range(len(rows))),
            z=values,
            zmin=0,
            zmax=1,
            colorscale=SHARE_SCALE,
            hoverongaps=True,
            text=[[_words(found.get((row.key, at)), text) for at in axis.buckets] for row in rows],
            customdata=[[[plain(row.name), at] for at in when] for row in rows],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{text}<extra></extra>",
            texttemplate="%{z:.0%}" if len(axis.buckets) <= _MAX_NUMBERED else None,
            ygap=4,
            xgap=1 if len(axis.buckets) < 60 else 0,
            name=text("over_time.share_legend"),
            showlegend=False,
            colorbar={
                "orientation": "h",
                "thickness": 9,
                "lenmode": "pixels",
                "len": 190,
                "x": 0.0,
                "xref": "container",
                "xanchor": "left",
                "xpad": 8,
                "yref": "container",
                "yanchor": "bottom",
                "tickformat": ".0%",
                "tickvals": [0, 0.5, 1],
                "tickfont": {"size": 10},
                "outlinewidth": 0,
            },
        )
    )
    framed = frame(
        figure,
        caption=caption,
        rows=rows,
        axis=axis,
        text=text,
        theme=theme,
        marks=marks,
        bands=bands,
        below_px=_SCALE_PX,
    )
    # The scale lies right above the source line.
    source = next(note for note in framed.layout.annotations if note.name == "source")
    framed.data[-1].colorbar.y = (14 * (source.text.count("<br>") + 1) + 12) / framed.layout.height
    return framed


def _value(share: Share | None) -> float | None:
    return share.n_blocked / share.n_judged if share and share.n_judged else None


def _words(share: Share | None, text: Text) -> str:
    if share is None or not share.n:
        return text("over_time.share_hover_none")
    if not share.n_judged:
        return text("over_time.share_hover_unjudged", n=text.number(share.n))
    return text(
        "over_time.share_hover",
        share=text.percent(share.n_blocked / share.n_judged),
        blocked=text.number(share.n_blocked),
        judged=text.number(share.n_judged),
        n=text.number(share.n),
    )


def _draw_unjudged(
    figure: Figure,
    found: dict[tuple[str, datetime], Share],
    rows: Sequence[ChartRow],
    axis: TimeAxis,
    text: Text,
) -> None:
    look = LOOKS[NO_DATA]
    places: list[tuple[int, datetime, float]] = []
    for number, row in enumerate(rows):
        empty = [(at, _value(found.get((row.key, at))) is None) for at in axis.buckets]
        for missing, run in groupby(empty, key=lambda pair: pair[1]):
            buckets = [at for at, _ in run]
            if missing:
                span = len(buckets) * axis.step
                places.append((number, axis.local(buckets[0]), span.total_seconds() * 1000))
    if not places:
        return
    figure.add_trace(
        bar_trace(
            name=f"{look.sign} {text('over_time.share_no_data')}",
            y=[place[0] for place in places],
            base=[place[1] for place in places],
            x=[place[2] for place in places],
            marker={"color": look.fill, "pattern": pattern_of(look)},
        )
    )
