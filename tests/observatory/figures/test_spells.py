"""Timelines and bands of events: intervals are intervals, silence is silence, colour alone says nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from observatory.figures import Theme, draw_share, draw_spells, draw_timeline
from observatory.figures.looks import PAPERS
from observatory.figures.spells import _LOOKS
from observatory.model import (
    Certainty,
    Grain,
    Interval,
    Method,
    Portion,
    Shows,
    Silence,
    Spell,
    State,
    Witness,
)
from observatory.text import load_text
from observatory.text.events import names_by_asn
from observatory.views.bands import find_bands, make_band, place_bands
from observatory.views.charts import Band, Caption, ChartRow, TimeAxis
from observatory.views.spell_rows import group_rows
from tests.observatory.site.feeds.samples import AT, HISTORIES, HOUR, TELKOMSEL, XL, make_event, make_spell
from tests.observatory.test_figures import contrast

EN = load_text("en")
JAKARTA = ZoneInfo("Asia/Jakarta")
AXIS = TimeAxis(start=AT - 10 * HOUR, end=AT + 90 * HOUR, grain=Grain.HOUR, zone=JAKARTA, title="Time in WIB")
UNTIL = AT + 80 * HOUR
CAPTION = Caption(
    title="When each target was blocked, by network", scope="Event x", source="Source: us. CC BY 4.0."
)
# What is too short to be seen is drawn this long, and this far what nobody saw begin.
LEAST, STUB = 100 / 100, 100 / 16
PART = Portion(n_blocked=12, n_judged=30, low=0.24, high=0.58)
ENDED = Interval(after=AT + 40 * HOUR, by=AT + 50 * HOUR)
COMPARED = (
    Witness(
        measurement_id="m",
        vantage="v",
        at=AT,
        shows=Shows.FIRST_BLOCKED,
        state=State.LIKELY_BLOCKED,
    ),
)


def draw(*spells: Spell, **other: Any) -> Any:
    event = make_event("x", *spells)
    options = {
        "until": UNTIL,
        "axis": AXIS,
        "zone": JAKARTA,
        "caption": CAPTION,
        "text": EN,
        "theme": Theme.LIGHT,
    }
    return draw_spells(group_rows(event.spells, names_by_asn(event)), **{**options, **other})


def sign_of(trace: Any) -> str:
    return str(trace.name.split()[0])


def pieces(figure: Any) -> dict[str, list[tuple[float, float]]]:
    """Return from which to which hour after AT there is a piece, by its sign."""
    zero = AXIS.local(AT)
    return {
        sign_of(trace): [
            (round((base - zero) / HOUR, 2), round((base - zero) / HOUR + x / 3_600_000, 2))
            for base, x in zip(trace.base, trace.x, strict=True)
        ]
        for trace in figure.data
        if trace.type == "bar"
    }


def hours(*numbers: float) -> tuple[float, ...]:
    return tuple(round(number, 2) for number in numbers)


SITUATIONS = {
    "going on": (make_spell(), {"✕": [(1, 80)], "↔": [(0, 1)]}),
    "over": (make_spell(end=ENDED), {"✕": [(1, 40)], "↔": [(0, 1), (40, 50)]}),
    "since before": (
        make_spell(onset=Interval(after=None, by=AT + HOUR)),
        {"✕": [(1, 80)], "«": [hours(1 - STUB, 1)]},
    ),
    "onset of ours": (make_spell(onset_from_rule_change=True), {"✕": [(1, 80)], "§": [hours(1 - STUB, 1)]}),
    "an end of ours is not drawn as one": (
        make_spell(end=ENDED, end_from_rule_change=True),
        {"✕": [(1, 40)], "↔": [(0, 1)], "§": [(40, 50)]},
    ),
    "by comparison": (make_spell(witnesses=COMPARED), {"✕?": [(1, 80)], "↔": [(0, 1)]}),
    "in part": (make_spell(partial=True, portion=PART), {"◐": [(1, 80)], "↔": [(0, 1)]}),
    "suspected": (make_spell(certainty=Certainty.SUSPECTED), {"?": [(1, 80)], "↔": [(0, 1)]}),
    "silence": (
        make_spell(silences=(Silence(start=AT + 9 * HOUR, end=AT + 12 * HOUR),)),
        {"✕": [(1, 80)], "↔": [(0, 1)], "–": [(9, 12)]},
    ),
    "exact to the minute, and still seen": (
        make_spell(onset=Interval(after=AT + 59 * HOUR / 60, by=AT + HOUR)),
        {"✕": [(1, 80)], "↔": [hours(1 - LEAST, 1)]},
    ),
    "last seen when it was first seen": (
        make_spell(end=Interval(after=None, by=AT + 3 * HOUR)),
        {"✕": [hours(1, 1 + LEAST)], "↔": [(0, 1), hours(1 + LEAST, 3)]},
    ),
    "cut at the axis": (
        make_spell(onset=Interval(after=AT - 90 * HOUR, by=AT + HOUR)),
        {"✕": [(1, 80)], "↔": [(-10, 1)]},
    ),
}


@pytest.mark.parametrize(("spell", "expected"), SITUATIONS.values(), ids=SITUATIONS)
def test_pieces(spell: Spell, expected: dict[str, Any]) -> None:
    assert pieces(draw(spell)) == expected


def test_a_sign_stands_only_where_it_fits() -> None:
    texts = {sign_of(trace): trace.text for trace in draw(make_spell(end=ENDED)).data}
    assert texts["✕"] == ("✕",)
    assert texts["↔"] == ("", "↔")


def test_two_spells_of_one_target_share_a_line() -> None:
    again = make_spell(onset=Interval(after=AT + 60 * HOUR, by=AT + 61 * HOUR))
    assert pieces(draw(make_spell(end=ENDED), again))["✕"] == [(1, 40), (61, 80)]


def test_silence_is_drawn_over_the_block() -> None:
    figure = draw(SITUATIONS["silence"][0])
    assert [sign_of(trace) for trace in figure.data][-1] == "–"


def test_targets_alike_share_a_line_and_others_do_not() -> None:
    near = Interval(after=AT + timedelta(seconds=50), by=AT + HOUR + timedelta(seconds=70))
    far = Interval(after=AT, by=AT + HOUR + timedelta(minutes=9))
    spells = (
        make_spell(),
        make_spell(target="near.example", onset=near),
        make_spell(target="far.example", onset=far),
        make_spell(target="part.example", partial=True),
        make_spell(XL),
    )
    figure = draw(*spells)
    assert list(figure.layout.yaxis.ticktext) == [
        "Telkomsel<br>part.example",
        "Telkomsel<br>2 targets",
        "Telkomsel<br>far.example",
        "XL Axiata<br>t.me",
    ]
    event = make_event("x", *spells)
    each = group_rows(event.spells, {TELKOMSEL: "Telkomsel"}, each=True)
    assert [target for row in each for target in row.targets] == [
        *("far.example", "near.example", "part.example", "t.me")
    ]


def unwrapped(trace: Any) -> str:
    return str(trace.hovertext[0].replace("<br>", " "))


def test_hover_has_the_share_with_its_interval_where_it_is_partial() -> None:
    (part,) = (t for t in draw(make_spell(partial=True, portion=PART)).data if sign_of(t) == "◐")
    assert "12 of 30 measurements; 95% interval 24% to 58%" in unwrapped(part)
    assert "Started: on 14 Jul 2017 between 18:00 and 19:00 WIB" in unwrapped(part)
    (ours,) = (t for t in draw(make_spell(end=ENDED, end_from_rule_change=True)).data if sign_of(t) == "✕")
    assert "Ended: not known" in unwrapped(ours)


def test_methods_after_the_first_are_ticks() -> None:
    first = make_spell().methods[0]
    later = Method(
        layer="tls",
        mechanism="tls.reset.sni",
        onset=Interval(after=AT + 30 * HOUR, by=AT + 31 * HOUR),
        portion=PART,
    )
    (ticks,) = (t for t in draw(make_spell(methods=(later, first))).data if t.type == "scatter")
    assert list(ticks.x) == [AXIS.local(AT + 31 * HOUR)]
    assert "cut off (reset) when this name is asked for" in ticks.text[0].replace("<br>", " ")


@pytest.mark.parametrize("theme", Theme)
def test_caption_is_inside_and_names_are_text(theme: Theme) -> None:
    figure = draw(make_spell(isp="<b>ISP</b>", target="<i>t</i>"), make_spell(XL), theme=theme)
    assert "<b>ISP" not in str(figure.layout.yaxis.ticktext)
    assert "<i>t" not in str([getattr(trace, "hovertext", "") for trace in figure.data])
    assert "Event x" in figure.layout.title.text
    assert "CC BY 4.0" in next(note.text for note in figure.layout.annotations if note.name == "source")
    assert figure.layout.paper_bgcolor == PAPERS[theme].background


def test_pieces_are_told_apart_without_colour() -> None:
    assert len({look.sign for look in _LOOKS.values()}) == len(_LOOKS)
    assert len({look.pattern for look in _LOOKS.values()} - {""}) >= len(_LOOKS) - 2
    assert all(contrast(look.ink, look.fill) >= 4.5 for look in _LOOKS.values())


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


def test_bands_of_one_time_lie_in_lanes() -> None:
    one, two = Band(label="E1", earliest=AT, start=AT), Band(label="E2", earliest=None, start=AT)
    short = Band(label="E3", earliest=AT, start=AT, end=AT + HOUR, latest=AT + HOUR)
    late = replace(one, label="E4", earliest=AT + 2 * HOUR, start=AT + 2 * HOUR)
    gone = replace(one, earliest=AXIS.end, start=AXIS.end)
    lanes = {band.label: lane for band, lane in place_bands([one, two, short, late, gone], AXIS)}
    assert lanes == {"E2": 0, "E1": 1, "E3": 2, "E4": 2}


def test_only_what_stands_becomes_a_band() -> None:
    now = [history[-1] for history in HISTORIES.values()]
    found = find_bands(now, AXIS, ("t.me", "telegram.org", "web.telegram.org"))
    assert [(band.label, event.id) for band, event in found] == [
        ("E1", "since-before"),
        ("E2", "going-on"),
        ("E3", "narrowed"),
        ("E4", "over"),
    ]
    assert [event.id for _, event in find_bands(now, AXIS, ("telegram.org",))] == ["since-before"]


def test_an_axis_of_distances_counts_from_zero() -> None:
    zero = datetime(2000, 1, 1, tzinfo=UTC)
    day = timedelta(days=1)
    axis = TimeAxis(start=zero - 3 * day, end=zero + 28 * day, grain=Grain.DAY, zone=UTC, title="", zero=zero)
    figure = draw_share(
        [], rows=[ChartRow(key="1", name="A")], axis=axis, caption=CAPTION, text=EN, theme=Theme.DARK
    )
    assert list(figure.layout.xaxis.ticktext) == ["0", "+7", "+14", "+21"]
    assert [axis.distance(zero + n * day) for n in (-3, 0, 2)] == ["-3", "0", "+2"]


def test_a_long_axis_title_is_broken_and_the_legend_makes_room() -> None:
    short, long = draw(make_spell()), draw(make_spell(), axis=replace(AXIS, title="words " * 9))
    assert long.layout.xaxis.title.text.count("<br>") == 1
    assert long.layout.height == short.layout.height + 14
