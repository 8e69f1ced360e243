"""What all figures share: title and source are inside, times are local, names are text."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from observatory.figures import Theme, draw_share
from observatory.figures.frame import label_lines, wrapped
from observatory.figures.looks import PAPERS
from observatory.model import Grain
from observatory.text import load_text
from observatory.views.charts import ChartRow, DateMark, TimeAxis
from tests.observatory.figures.samples import AXIS, CAPTION, EN, HOUR, START, share, timeline


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


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "Telegram’s domains (web), 13 Jul, 07:00 to 20 Jul, 07:00 WIB",
            ["Telegram’s domains (web), 13 Jul, 07:00 to", "20 Jul, 07:00 WIB"],
        ),
        (
            "Domain Telegram untuk web, 13 Jul, 07.00 sampai 20 Agu, 07.00 WIB",
            ["Domain Telegram untuk web, 13 Jul, 07.00 sampai", "20 Agu, 07.00 WIB"],
        ),
        ("4 measurements. Data until 20 Jul 2017, 07:00 WIB (00:00 UTC)", None),
    ],
)
def test_no_zone_stands_alone_on_a_line(text: str, lines: list[str] | None) -> None:
    for width in range(25, 70):
        found = wrapped(text, width)
        assert " ".join(found) == text
        assert not any(line.startswith(("WIB", "UTC", "07")) for line in found), (width, found)
    assert lines is None or wrapped(text, 56) == lines


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


def test_an_axis_of_distances_counts_from_zero() -> None:
    zero = datetime(2000, 1, 1, tzinfo=UTC)
    day = timedelta(days=1)
    axis = TimeAxis(start=zero - 3 * day, end=zero + 28 * day, grain=Grain.DAY, zone=UTC, title="", zero=zero)
    figure = draw_share(
        [], rows=[ChartRow(key="1", name="A")], axis=axis, caption=CAPTION, text=EN, theme=Theme.DARK
    )
    assert list(figure.layout.xaxis.ticktext) == ["0", "+7", "+14", "+21"]
    assert [axis.distance(zero + n * day) for n in (-3, 0, 2)] == ["-3", "0", "+2"]
