"""Bands of events above a chart: full while it surely went on, pale while it may have."""

from typing import Any

import pytest

from observatory.figures import Theme, draw_share, draw_timeline
from observatory.model import (
    Interval,
)
from observatory.views.bands import make_band
from observatory.views.charts import ChartRow
from tests.observatory.figures.test_spells import AXIS, CAPTION, EN, ENDED
from tests.observatory.site.feeds.samples import AT, HOUR, make_event, make_spell


def boxes(figure: Any) -> list[tuple[float, float, float]]:
    """Return (first hour, last hour, opacity) of every part of a band."""
    zero = AXIS.local(AT)
    shapes = [shape for shape in figure.layout.shapes if shape.name == "band"]
    return [((s.x0 - zero) / HOUR, (s.x1 - zero) / HOUR, s.opacity) for s in shapes]


BANDS = {
    "going on": (make_event("a"), [(0, 1, 0.4), (1, 90, 1)]),
    "over": (make_event("a", make_spell(end=ENDED)), [(0, 1, 0.4), (1, 40, 1), (40, 50, 0.4)]),
    "since before": (
        make_event("a", make_spell(onset=Interval(after=None, by=AT))),
        [(-10, 0, 0.4), (0, 90, 1)],
    ),
    "an end of ours is none": (
        make_event("a", make_spell(end=ENDED, end_from_rule_change=True)),
        [(0, 1, 0.4), (1, 40, 1), (40, 90, 0.4)],
    ),
}


@pytest.mark.parametrize("draw_one", [draw_share, draw_timeline])
@pytest.mark.parametrize(("event", "expected"), BANDS.values(), ids=BANDS)
def test_bands(event: Any, expected: list[Any], draw_one: Any) -> None:
    by = {"by": "vantage"} if draw_one is draw_timeline else {}
    figure = draw_one(
        [],
        rows=[ChartRow(key="a", name="A")],
        axis=AXIS,
        caption=CAPTION,
        text=EN,
        theme=Theme.DARK,
        bands=[make_band(event, "E1")],
        **by,
    )
    assert boxes(figure) == expected
    assert [note.text for note in figure.layout.annotations if note.name == "band"] == ["E1"]
