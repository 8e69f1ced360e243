"""The state of each row over time, as bands with a pattern and a sign."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

from observatory.figures.frame import frame, pattern_of, plain
from observatory.figures.looks import LOOKS, PAPERS, SEVERITY, Paper, Theme
from observatory.figures.traces import Figure, bar_trace, heatmap_trace, marker_trace, new_figure
from observatory.model import OFFLINE_RULES, Cell, State
from observatory.model.views import Gap
from observatory.text import Text
from observatory.views.charts import Band, Caption, ChartRow, DateMark, TimeAxis
from observatory.views.shown import NO_DATA, Shown

StateCounts = Counter[State]
_RANK: Final = {state: rank for rank, state in enumerate(SEVERITY)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Band:
    row: int
    start: datetime
    end: datetime
    shown: Shown


def dominant(counts: Mapping[State, int]) -> Shown:
    """Return the most frequent state; of two as frequent the stronger word; `no_data` of none."""
    if not counts:
        return NO_DATA
    return min(counts, key=lambda state: (-counts[state], _RANK[state]))


def draw_timeline(
    cells: Iterable[Cell],
    *,
    rows: Sequence[ChartRow],
    by: str,
    axis: TimeAxis,
    caption: Caption,
    text: Text,
    theme: Theme,
    gaps: Iterable[Gap] = (),
    marks: Sequence[DateMark] = (),
    bands: Sequence[Band] = (),
) -> Figure:
    """Return the timeline of `rows`.

    Shape:  `by` says which field of a cell a row's key is: `vantage` or `target`. Cells outside `axis` or of
            other rows are left out. A bucket without cells is drawn as "no data".
    """
    counted, offline = _count(cells, by)
    figure = new_figure()
    _draw_bands(figure, _bands(rows, axis, counted), text)
    _draw_hover(figure, rows, axis, counted, offline, text)
    _draw_gaps(figure, rows, axis, gaps, text, PAPERS[theme])
    return frame(
        figure, caption=caption, rows=rows, axis=axis, text=text, theme=theme, marks=marks, bands=bands
    )


def _count(
    cells: Iterable[Cell], by: str
) -> tuple[dict[tuple[str, datetime], StateCounts], set[tuple[str, datetime]]]:
    counted: dict[tuple[str, datetime], StateCounts] = defaultdict(Counter)
    offline: set[tuple[str, datetime]] = set()
    for cell in cells:
        place = (cell.vantage if by == "vantage" else cell.target, cell.bucket_at)
        counted[place][cell.state] += cell.n
        if cell.rule_id in OFFLINE_RULES:
            offline.add(place)
    return counted, offline


def _bands(
    rows: Sequence[ChartRow], axis: TimeAxis, counted: Mapping[tuple[str, datetime], StateCounts]
) -> list[_Band]:
    bands: list[_Band] = []
    for number, row in enumerate(rows):
        shown = [(at, dominant(counted.get((row.key, at), {}))) for at in axis.buckets]
        for state, run in groupby(shown, key=lambda pair: pair[1]):
            places = list(run)
            bands.append(_Band(row=number, start=places[0][0], end=places[-1][0] + axis.step, shown=state))
    return [_Band(row=b.row, start=axis.local(b.start), end=axis.local(b.end), shown=b.shown) for b in bands]


def _draw_bands(figure: Figure, bands: Sequence[_Band], text: Text) -> None:
    for shown, look in LOOKS.items():
        own = [band for band in bands if band.shown == shown]
        if not own:
            continue
        figure.add_trace(
            bar_trace(
                name=f"{look.sign} {_legend_name(shown, text)}",
                y=[band.row for band in own],
                base=[band.start for band in own],
                x=[(band.end - band.start).total_seconds() * 1000 for band in own],
                marker={"color": look.fill, "pattern": pattern_of(look)},
                text=look.sign,
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                constraintext="none",
                textfont={"color": look.ink, "size": 11},
            )
        )
    # A sign that does not fit its band is left out rather than shrunk.
    figure.update_layout(uniformtext={"minsize": 11, "mode": "hide"})


def _legend_name(shown: Shown, text: Text) -> str:
    # The full name of this one alone would not fit beside another on a phone.
    return text("short.down") if shown == State.DOWN else text(f"state.{shown}")


def _draw_hover(
    figure: Figure,
    rows: Sequence[ChartRow],
    axis: TimeAxis,
    counted: Mapping[tuple[str, datetime], StateCounts],
    offline: set[tuple[str, datetime]],
    text: Text,
) -> None:
    """Draw an invisible heat map over the bands, whose hover text describes every single bucket."""
    words = [
        [_words(counted.get((row.key, at), Counter()), (row.key, at) in offline, text) for at in axis.buckets]
        for row in rows
    ]
    figure.add_trace(
        heatmap_trace(
            x=[axis.local(at) + axis.step / 2 for at in axis.buckets],
            y=list(range(len(rows))),
            z=[[0] * len(axis.buckets) for _ in rows],
            text=words,
            customdata=[[plain(row.name)] * len(axis.buckets) for row in rows],
            hovertemplate="<b>%{customdata}</b><br>%{x|%Y-%m-%d %H:%M}<br>%{text}<extra></extra>",
            colorscale=[[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]],
            showscale=False,
            showlegend=False,
            name="counts",
        )
    )


def _words(counts: StateCounts, offline: bool, text: Text) -> str:
    if not counts:
        return text("state.no_data")
    ordered = sorted(counts, key=lambda state: (-counts[state], _RANK[state]))
    lines = [f"{text.number(counts[state])} × {text(f'state.{state}')}" for state in ordered]
    return "<br>".join([*lines, text("over_time.offline")] if offline else lines)


def _draw_gaps(
    figure: Figure, rows: Sequence[ChartRow], axis: TimeAxis, gaps: Iterable[Gap], text: Text, paper: Paper
) -> None:
    numbers = {row.key: number for number, row in enumerate(rows)}
    end = axis.start + len(axis.buckets) * axis.step
    own = [gap for gap in gaps if gap.vantage in numbers and axis.start <= gap.at < end]
    if not own:
        return
    figure.add_trace(
        marker_trace(
            x=[axis.local(gap.at) for gap in own],
            y=[numbers[gap.vantage] + 0.36 for gap in own],
            marker={
                "symbol": "triangle-up",
                "size": 9,
                "color": paper.text,
                "line": {"color": paper.background, "width": 1},
            },
            text=[_gap_words(gap, text) for gap in own],
            hovertemplate="%{x|%Y-%m-%d %H:%M}<br>%{text}<extra></extra>",
            name=text("over_time.gap"),
        )
    )


def _gap_words(gap: Gap, text: Text) -> str:
    return plain(text("over_time.gap_hover", reason=text(f"reason.{gap.reason}"), detail=gap.detail[:120]))
