"""Figures say what they show: gaps are gaps, weak is weak, title and source are inside."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from observatory.figures import LOOKS, Theme, draw_share, draw_timeline
from observatory.figures.frame import label_lines
from observatory.figures.looks import PAPERS, SHARE_SCALE
from observatory.figures.timeline import dominant
from observatory.model import OVERALL, Cell, Grain, State
from observatory.model.views import Gap, GapReason, Share
from observatory.text import load_text
from observatory.views.charts import Caption, ChartRow, DateMark, TimeAxis
from observatory.views.shown import NO_DATA

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


def test_every_state_has_a_sign_and_a_colour_of_its_own() -> None:
    assert set(LOOKS) == {*State, NO_DATA}
    assert len({look.sign for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.fill for look in LOOKS.values()}) == len(LOOKS)
    assert len({look.pattern for look in LOOKS.values() if look.pattern}) == 5


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2 (0..1)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("shown", LOOKS)
def test_signs_can_be_read_on_their_colour(shown: str) -> None:
    assert contrast(LOOKS[shown].ink, LOOKS[shown].fill) >= 4.5


@pytest.mark.parametrize("theme", Theme)
def test_text_can_be_read_on_its_paper(theme: Theme) -> None:
    assert contrast(PAPERS[theme].text, PAPERS[theme].background) >= 7
    assert contrast(PAPERS[theme].faint, PAPERS[theme].background) >= 4.5


def test_blocked_is_darkest_and_ok_lighter_without_any_colour() -> None:
    grey = {shown: luminance(look.fill) for shown, look in LOOKS.items()}
    assert grey[State.BLOCKED] == min(grey.values())
    assert grey[State.OK] - grey[State.BLOCKED] > 0.5


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


def test_share_of_an_unjudged_hour_is_a_gap_and_not_zero() -> None:
    figure = share(
        [
            Share(bucket_at=START, key="axis", n_blocked=1, n_judged=4, n=4),
            Share(bucket_at=START + HOUR, key="axis", n_blocked=0, n_judged=0, n=3),
            Share(bucket_at=START + 2 * HOUR, key="axis", n_blocked=0, n_judged=2, n=2),
        ]
    )
    heat = figure.data[-1]
    assert list(heat.z[0]) == [0.25, None, 0.0, None, None, None]
    assert heat.text[0][0] == "25% blocked or likely blocked (1 of 4 judged; 4 measured)"
    assert heat.text[0][1] == "not enough evidence (3 measured, none judged)"
    assert heat.text[0][3] == "no data"
    (hatched,) = [trace for trace in figure.data if trace.type == "bar"]
    assert list(hatched.y) == [0, 0, 1]
    assert hatched.marker.pattern.shape == LOOKS[NO_DATA].pattern


def test_no_shade_of_a_share_is_grey() -> None:
    for _, colour in SHARE_SCALE:
        channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert max(channels) - min(channels) > 25, colour


@pytest.mark.parametrize(("draw", "theme"), list(itertools.product((timeline, share), Theme)))
def test_title_scope_and_source_are_inside(draw: Any, theme: Theme) -> None:
    figure = draw([], theme=theme)
    assert "t.me on each network" in figure.layout.title.text
    assert "per hour" in figure.layout.title.text
    (source,) = [note.text for note in figure.layout.annotations if note.name == "source"]
    assert source == "Source: us. CC BY 4.0."
    assert figure.layout.paper_bgcolor == PAPERS[theme].background
    assert figure.layout.xaxis.title.text == "Time in WIB"


def test_axis_runs_in_local_time() -> None:
    figure = timeline([])
    assert figure.layout.xaxis.range[0] == datetime(2017, 7, 14, 7)  # noqa: DTZ001 -- as drawn
    assert list(figure.layout.xaxis.ticktext)[:2] == ["08:00", "10:00"]


def test_axis_of_days_names_them_in_the_reader_s_language() -> None:
    week = TimeAxis(
        start=START + 18 * 24 * HOUR, end=START + 30 * 24 * HOUR, grain=Grain.DAY, zone=UTC, title=""
    )
    figure = timeline([], axis=week, text=load_text("id"))
    assert list(figure.layout.xaxis.ticktext) == ["1 Agu", "4 Agu", "7 Agu", "10 Agu"]


def test_marks_of_known_dates() -> None:
    figure = timeline([], marks=[DateMark(at=START + HOUR, number="1–3")])
    assert [shape.x0 for shape in figure.layout.shapes] == [AXIS.local(START + HOUR)]
    assert "1–3" in [note.text for note in figure.layout.annotations]


def test_names_cannot_become_markup() -> None:
    assert timeline([]).layout.yaxis.ticktext[1] == "&lt;b&gt;CBN&lt;/b&gt;"


NAMES = {
    "t.me": ["t.me"],
    "flora-1.web.telegram.org": ["flora-1.web", ".telegram.org"],
    "First Media/Linknet": ["First", "Media/Linknet"],
    "": [""],
}


@pytest.mark.parametrize(("name", "lines"), NAMES.items(), ids=repr)
def test_long_names_break(name: str, lines: list[str]) -> None:
    assert label_lines(name) == lines
