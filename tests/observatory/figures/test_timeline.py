"""Bands of states over time: gaps are gaps, weak is weak."""

from typing import Any

import pytest

from observatory.figures.timeline import dominant
from observatory.model import State
from observatory.model.views import Gap, GapReason
from observatory.views.charts import ChartRow
from observatory.views.shown import NO_DATA
from tests.observatory.figures.samples import AXIS, HOUR, START, cell, timeline

DOMINANT = {
    "nothing": ({}, NO_DATA),
    "majority": ({State.OK: 3, State.BLOCKED: 2}, State.OK),
    "as frequent: the stronger word": ({State.OK: 2, State.LIKELY_BLOCKED: 2}, State.LIKELY_BLOCKED),
    "insufficient alone stays insufficient": ({State.INSUFFICIENT: 1}, State.INSUFFICIENT),
    "mostly insufficient is not ok": ({State.INSUFFICIENT: 3, State.OK: 2}, State.INSUFFICIENT),
}


@pytest.mark.parametrize(("counts", "expected"), DOMINANT.values(), ids=DOMINANT)
def test_dominant_state(counts: dict[State, int], expected: str) -> None:
    assert dominant(counts) == expected


def bands(figure: Any) -> list[tuple[int, str, int, float]]:
    """Return (row, sign, first hour, hours) of every band."""
    start = AXIS.local(START)
    found = [
        (row, trace.text, round((base - start) / HOUR), length / 3_600_000)
        for trace in figure.data
        if trace.type == "bar"
        for row, base, length in zip(trace.y, trace.base, trace.x, strict=True)
    ]
    return sorted(found)


def test_hours_without_a_cell_are_drawn_as_no_data() -> None:
    figure = timeline(
        [
            cell(0, State.OK),
            cell(1, State.OK),
            cell(3, State.BLOCKED, n=5),
            cell(3, State.OK),
            cell(4, State.INSUFFICIENT),
        ]
    )
    assert bands(figure) == [
        (0, "?", 4, 1),
        (0, "–", 2, 1),
        (0, "–", 5, 1),
        (0, "✓", 0, 2),
        (0, "✕", 3, 1),
        (1, "–", 0, 6),
    ]


def test_hover_counts_every_state_and_names_an_offline_vantage() -> None:
    figure = timeline(
        [cell(3, State.BLOCKED, n=5), cell(3, State.INSUFFICIENT, n=2, rule_id="guard.vantage_offline")]
    )
    hover = next(trace for trace in figure.data if trace.name == "counts")
    assert hover.text[0][3] == (
        "5 × blocked<br>2 × not enough evidence<br>vantage point without internet connection"
    )
    assert hover.text[0][0] == "no data"


def test_rows_may_be_targets() -> None:
    rows = (ChartRow(key="t.me", name="t.me"), ChartRow(key="dc1", name="dc1"))
    figure = timeline([cell(0, State.OK), cell(0, State.DOWN, target="dc1")], rows=rows, by="target")
    assert (0, "✓", 0, 1) in bands(figure)
    assert (1, "↓", 0, 1) in bands(figure)


def test_probing_gaps_are_marked_in_their_row_only() -> None:
    gaps = [
        Gap(vantage="cbn", at=START + 2 * HOUR, reason=GapReason.MISFIRE, detail="<i>late</i>"),
        Gap(vantage="other", at=START, reason=GapReason.ERROR, detail=""),
        Gap(vantage="cbn", at=START - HOUR, reason=GapReason.ERROR, detail=""),
    ]
    (marks,) = [t for t in timeline([], gaps=gaps).data if t.type == "scatter"]
    assert len(marks.x) == 1
    assert round(marks.y[0]) == 1
    assert "&lt;i&gt;late" in marks.text[0]
