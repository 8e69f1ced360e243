"""What all figures share: caption and source inside, a local time axis, rows, marks of known dates."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from html import escape
from typing import Any, Final

import plotly.graph_objects as go  # type: ignore[import-untyped]

from observatory.figures.looks import PAPERS, Look, Theme
from observatory.model import Grain

# Plotly does not break lines; these fit a phone of 390 px.
_TITLE_WIDTH: Final = 40
_SOURCE_WIDTH: Final = 58
_ROW_PX: Final = 34
_FONT: Final = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
_STEP: Final = {Grain.HOUR: timedelta(hours=1), Grain.DAY: timedelta(days=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What travels with a picture: title, what and when it covers, where it comes from."""

    title: str
    scope: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a chart: `key` as in the query result, `name` for people (plain text)."""

    key: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A known date: its number in the list beside the chart."""

    at: datetime
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxis:
    """The buckets of a chart, end exclusive, and the zone that people read them in."""

    start: datetime
    end: datetime
    grain: Grain
    zone: tzinfo
    title: str

    @property
    def step(self) -> timedelta:
        return _STEP[self.grain]

    @property
    def buckets(self) -> tuple[datetime, ...]:
        n = -((self.start - self.end) // self.step)
        return tuple(self.start + i * self.step for i in range(n))

    def local(self, at: datetime) -> datetime:
        """Return naive local time: Plotly draws what it is given and knows no zones."""
        return at.astimezone(self.zone).replace(tzinfo=None)


def plain(text: str) -> str:
    """Escape a name for Plotly, which reads a few HTML tags in any text."""
    return escape(text, quote=False)


def short_name(name: str) -> str:
    """Break a long host name before its registered domain, so that labels leave room on a phone."""
    head, dot, tail = name.rpartition(".telegram.")
    return f"{plain(head)}<br>.telegram.{plain(tail)}" if dot and len(name) > 16 else _broken(name)


def _broken(name: str) -> str:
    return "<br>".join(plain(line) for line in textwrap.wrap(name, 18)) or plain(name)


def frame(
    figure: go.Figure,
    *,
    caption: Caption,
    rows: Sequence[Row],
    axis: TimeAxis,
    theme: Theme,
    marks: Sequence[Mark] = (),
) -> go.Figure:
    """Dress a figure whose rows lie at y = 0, 1, 2 … from the top: caption, source, axes, height."""
    paper = PAPERS[theme]
    title, source = wrapped(caption.title, _TITLE_WIDTH), wrapped(caption.source, _SOURCE_WIDTH)
    scope = wrapped(caption.scope, _SOURCE_WIDTH)
    top = 14 + 20 * len(title) + 15 * len(scope) + 12 + (18 if marks else 0)
    bottom = 58 + 34 + 14 * len(source)
    plot_px = _ROW_PX * max(len(rows), 2)
    figure.update_layout(
        height=top + plot_px + bottom,
        margin={"t": top, "b": bottom, "l": 8, "r": 12},
        paper_bgcolor=paper.background,
        plot_bgcolor=paper.background,
        font={"family": _FONT, "size": 12, "color": paper.text},
        hoverlabel={"font": {"family": _FONT, "size": 12}},
        title={
            "text": f"<b>{'<br>'.join(map(plain, title))}</b><br>"
            f"<span style='font-size:11px;color:{paper.faint}'>{'<br>'.join(map(plain, scope))}</span>",
            "font": {"size": 15},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"l": 8, "t": 10},
        },
        dragmode=False,
        bargap=0.12,
        barmode="overlay",
        showlegend=True,
        legend={
            "orientation": "h",
            "yref": "container",
            "y": (18 + 14 * len(source)) / (top + plot_px + bottom),
            "yanchor": "bottom",
            "xref": "container",
            "x": 0.02,
            "xanchor": "left",
            "font": {"size": 11},
            "itemclick": False,
            "itemdoubleclick": False,
        },
    )
    figure.update_xaxes(
        type="date",
        range=[axis.local(axis.start), axis.local(axis.start + len(axis.buckets) * axis.step)],
        title={"text": plain(axis.title), "font": {"size": 11, "color": paper.faint}, "standoff": 6},
        gridcolor=paper.line,
        linecolor=paper.line,
        fixedrange=True,
        tickfont={"size": 11},
        nticks=7,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[short_name(row.name) for row in rows],
        range=[len(rows) - 0.5, -0.5],
        automargin=True,
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        tickfont={"size": 11},
    )
    figure.add_annotation(
        text="<br>".join(map(plain, source)),
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        yshift=-bottom + 6,
        xanchor="left",
        yanchor="bottom",
        align="left",
        showarrow=False,
        font={"size": 10, "color": paper.faint},
        name="source",
    )
    _draw_marks(figure, marks, axis, paper.text)
    return figure


def _draw_marks(figure: go.Figure, marks: Iterable[Mark], axis: TimeAxis, colour: str) -> None:
    for mark in marks:
        at = axis.local(mark.at)
        figure.add_shape(
            type="line",
            x0=at,
            x1=at,
            y0=0,
            y1=1,
            yref="paper",
            line={"color": colour, "width": 1, "dash": "dot"},
        )
        figure.add_annotation(
            x=at,
            y=1,
            yref="paper",
            yanchor="bottom",
            text=plain(mark.number),
            showarrow=False,
            font={"size": 11, "color": colour},
        )


def wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width) or [""]


def bar_trace(**options: Any) -> go.Bar:
    """Return horizontal bars that start at `base` and last `x` milliseconds: what a date axis needs."""
    return go.Bar(orientation="h", marker_line_width=0, hoverinfo="skip", width=0.86, **options)


def pattern_of(look: Look) -> dict[str, Any]:
    """Return the fill pattern of a state's bars; drawn faintly, for it lies below a sign."""
    if not look.pattern:
        return {"shape": ""}
    return {"shape": look.pattern, "fgcolor": look.ink, "fgopacity": 0.45, "size": 7, "solidity": 0.25}
