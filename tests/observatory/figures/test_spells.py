"""Timelines of events: intervals are intervals, silence is silence, colour alone says nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from observatory.figures import Theme, draw_spells
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
from observatory.views.charts import Caption, TimeAxis
from observatory.views.spell_rows import group_rows
from tests.observatory.figures.samples import contrast
from tests.observatory.site.feeds.samples import AT, HOUR, TELKOMSEL, XL, make_event, make_spell

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


def test_a_sign_is_drawn_only_where_it_fits() -> None:
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


def test_a_long_axis_title_is_broken_and_the_legend_makes_room() -> None:
    short, long = draw(make_spell()), draw(make_spell(), axis=replace(AXIS, title="words " * 9))
    assert long.layout.xaxis.title.text.count("<br>") == 1
    assert long.layout.height == short.layout.height + 14
