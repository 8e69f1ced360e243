"""What all figures share: caption and source inside, a local time axis, rows, marks, bands of events."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import Any, Final

from observatory.figures.bands import BAND_PX, draw_bands
from observatory.figures.looks import PAPERS, Look, Theme
from observatory.figures.traces import Figure
from observatory.text import Text
from observatory.views.bands import place_bands
from observatory.views.charts import Band, Caption, ChartRow, DateMark, TimeAxis

# Plotly neither breaks lines nor knows how wide it is shown; these fit a phone of 390 px.
_PHONE_PX: Final = 230
_TITLE_WIDTH: Final = 38
_SOURCE_WIDTH: Final = 56
_AXIS_WIDTH: Final = 40
_CHAR_PX: Final = 6.8
_ROW_PX: Final = 34
# `20 Jul, 07:00 WIB`, `20 Jul 2017, 07:00 WIB`, `00:00 UTC`.
_MOMENT: Final = re.compile(r"(?:\d+ [A-Z][a-z]{2,3}(?: \d{4})?, )?\d\d[:.]\d\d(?: [A-Z]{3,5}(?![a-z]))?")
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_FONT: Final = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"


def row_lines(row: ChartRow) -> list[str]:
    """Return the lines of a row's label, three at most."""
    if not row.below:
        return label_lines(row.name)
    return [row.name if len(row.name) <= 16 else f"{row.name[:15]}…", *label_lines(row.below)]


def plain(text: str) -> str:
    """Escape a name for Plotly, which reads a few HTML tags in any text."""
    return escape(text, quote=False)


def label_lines(name: str) -> list[str]:
    """Break a long name, a host's before its registered domain, so that labels leave room on a phone."""
    head, dot, tail = name.rpartition(".telegram.")
    if dot and len(name) > 14:
        return [head, f".telegram.{tail}"]
    return textwrap.wrap(name, 15)[:2] or [name]


def frame(
    figure: Figure,
    *,
    caption: Caption,
    rows: Sequence[ChartRow],
    axis: TimeAxis,
    text: Text,
    theme: Theme,
    marks: Sequence[DateMark] = (),
    bands: Sequence[Band] = (),
    below_px: int = 0,
) -> Figure:
    """Add caption, source, axes and legend to a figure whose rows lie at y = 0, 1, 2 … from the top.

    Units:  `below_px` keeps room between legend and source, for a colour scale.
    """
    paper = PAPERS[theme]
    title, scope = wrapped(caption.title, _TITLE_WIDTH), wrapped(caption.scope, _SOURCE_WIDTH)
    source = wrapped(caption.source, _SOURCE_WIDTH)
    labels = [row_lines(row) for row in rows]
    row_px = max(_ROW_PX, 14 * max((len(lines) for lines in labels), default=0) + 6)
    lanes = place_bands(bands, axis)
    bands_px = BAND_PX * (1 + max((lane for _, lane in lanes), default=-1))
    legend_px = 20 * _legend_rows([trace.name for trace in figure.data if trace.showlegend is not False])
    source_px = 14 * len(source)
    top = 22 + 19 * len(title) + 14 * len(scope) + (18 if marks else 4) + bands_px
    axis_title = wrapped(axis.title, _AXIS_WIDTH)
    title_px = 34 + 14 * len(axis_title)
    bottom = 4 + title_px + legend_px + below_px + source_px + 12
    left = int(_CHAR_PX * max((len(line) for lines in labels for line in lines), default=0)) + 14
    height = top + row_px * max(len(rows), 2) + bottom
    figure.update_layout(
        height=height,
        margin={"t": top, "b": bottom, "l": left, "r": 12, "autoexpand": False},
        paper_bgcolor=paper.background,
        plot_bgcolor=paper.background,
        font={"family": _FONT, "size": 12, "color": paper.text},
        hoverlabel={"font": {"family": _FONT, "size": 12}},
        dragmode=False,
        bargap=0.12,
        barmode="overlay",
        showlegend=legend_px > 0,
        legend={
            "orientation": "h",
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": (bottom - title_px) / height,
            "yref": "container",
            "yanchor": "top",
            "font": {"size": 11},
            "itemclick": False,
            "itemdoubleclick": False,
        },
        title={
            "text": f"<b>{'<br>'.join(map(plain, title))}</b><br>"
            f"<span style='font-size:11px;color:{paper.faint}'>{'<br>'.join(map(plain, scope))}</span>",
            "font": {"size": 15},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1 - 20 / height,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 8},
        },
    )
    ticks = axis.ticks()
    figure.update_xaxes(
        type="date",
        range=[axis.local(axis.start), axis.local(axis.start + len(axis.buckets) * axis.step)],
        title={
            "text": "<br>".join(map(plain, axis_title)),
            "font": {"size": 11, "color": paper.faint},
            "standoff": 4,
        },
        tickvals=list(ticks),
        ticktext=_tick_words(axis, ticks, text),
        tickangle=0,
        tickcolor=paper.line,
        gridcolor=paper.line,
        linecolor=paper.line,
        fixedrange=True,
        tickfont={"size": 11},
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=["<br>".join(map(plain, lines)) for lines in labels],
        range=[len(rows) - 0.5, -0.5],
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        ticks="",
        tickfont={"size": 11},
    )
    figure.add_annotation(
        name="source",
        text="<br>".join(map(plain, source)),
        x=0,
        xref="paper",
        xanchor="left",
        xshift=8 - left,
        y=0,
        yref="paper",
        yanchor="bottom",
        yshift=8 - bottom,
        align="left",
        showarrow=False,
        font={"size": 10, "color": paper.faint},
    )
    _draw_marks(figure, marks, axis, paper.text, above_px=bands_px)
    draw_bands(figure, lanes, axis)
    return figure


def _tick_words(axis: TimeAxis, ticks: Sequence[datetime], text: Text) -> list[str]:
    if axis.zero is not None:
        zero = axis.local(axis.zero)
        return [f"{n:+d}" if (n := (at - zero) // axis.step) else "0" for at in ticks]
    hourly = len(ticks) > 1 and ticks[1] - ticks[0] < timedelta(days=1)
    return [text.clock(at) if hourly and at.hour else text.day(at) for at in ticks]


def _legend_rows(names: Iterable[str]) -> int:
    """Return how many lines a phone needs for the legend."""
    widths_px = [44 + 6.2 * len(name) for name in names]
    if not widths_px:
        return 0
    # Plotly gives every entry the width of the longest.
    n_columns = max(1, int(_PHONE_PX / max(widths_px)))
    return -(-len(widths_px) // n_columns)


def _draw_marks(
    figure: Figure, marks: Iterable[DateMark], axis: TimeAxis, colour: str, *, above_px: int
) -> None:
    for mark in marks:
        at = axis.local(mark.at)
        line = {"color": colour, "width": 1, "dash": "dot"}
        figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line=line)
        figure.add_annotation(
            x=at,
            y=1,
            yref="paper",
            yanchor="bottom",
            yshift=above_px,
            text=plain(mark.number),
            showarrow=False,
            font={"size": 11, "color": colour},
        )


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text; no zone stands without its time, no time without its day."""
    kept = _MOMENT.sub(lambda moment: moment[0].replace(" ", _NO_BREAK), text)
    return [line.replace(_NO_BREAK, " ") for line in textwrap.wrap(kept, width)] or [""]


def pattern_of(look: Look) -> dict[str, Any]:
    """Return the fill pattern of a state's bars; drawn faintly, for it lies below a sign."""
    if not look.pattern:
        return {"shape": ""}
    return {
        "shape": look.pattern,
        "fillmode": "replace",
        "bgcolor": look.fill,
        "fgcolor": look.ink,
        "fgopacity": 0.4,
        "size": 7,
        "solidity": 0.2,
    }
