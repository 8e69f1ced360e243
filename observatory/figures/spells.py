"""An event as a timeline: when each network blocked what, with onset and end as intervals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from observatory.analysis.events.publication import is_proven
from observatory.figures.frame import frame, pattern_of, plain, wrapped
from observatory.figures.looks import LOOKS, PAPERS, Look, Paper, Theme
from observatory.figures.traces import Figure, bar_trace, marker_trace, new_figure
from observatory.model import Certainty, Method, Spell, State
from observatory.text import Text
from observatory.text.events import end_words, how_words, onset_words
from observatory.views.charts import Caption, ChartRow, DateMark, TimeAxis
from observatory.views.shown import NO_DATA
from observatory.views.spell_rows import SpellRow, share_words, target_words


class _BarKind(StrEnum):
    """What a piece of a line says; `spells.<kind>` names it in the legend."""

    PROVEN = "proven"
    COMPARED = "compared"
    PARTIAL = "partial"
    SUSPECTED = "suspected"
    CHANGING = "changing"
    BEFORE = "before"
    NOT_KNOWN = "not_known"
    SILENT = "silent"


# In the order in which they are drawn: silences over everything, for nothing was measured then.
_LOOKS: Final[Mapping[_BarKind, Look]] = MappingProxyType(
    {
        _BarKind.PROVEN: LOOKS[State.BLOCKED],
        _BarKind.COMPARED: LOOKS[State.LIKELY_BLOCKED],
        _BarKind.PARTIAL: Look(sign="◐", fill="#F3B795", ink="#3A1002", pattern="."),
        _BarKind.SUSPECTED: LOOKS[State.INSUFFICIENT],
        _BarKind.CHANGING: Look(sign="↔", fill="#FBE3D3", ink="#9E2A0B", pattern="/"),
        _BarKind.BEFORE: Look(sign="«", fill="#FBE3D3", ink="#7A1C04", pattern="|"),
        _BarKind.NOT_KNOWN: Look(sign="§", fill="#C4C9CF", ink="#23282E", pattern="+"),
        _BarKind.SILENT: LOOKS[NO_DATA],
    }
)
# A piece is drawn at least this part of the axis wide; before an onset that nobody saw, the other is drawn.
_LEAST: Final = 1 / 100
_STUB: Final = 1 / 16
# A sign needs this part of the axis of a phone.
_ROOM: Final = 1 / 25
_HOVER_WIDTH: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    row: int
    kind: _BarKind
    start: datetime
    end: datetime
    words: str


def draw_spells(
    rows: Sequence[SpellRow],
    *,
    until: datetime,
    axis: TimeAxis,
    zone: ZoneInfo,
    caption: Caption,
    text: Text,
    theme: Theme,
    marks: Sequence[DateMark] = (),
) -> Figure:
    """Return the timeline of an event.

    Shape:  one line per row, times in words in `zone`. Full from the first sight of the block to the last;
            the time in which it began or ended is hatched. What goes on is drawn to `until`, the last
            measurement. Pieces too short to be seen are widened, into the time before an onset and after an
            end.
    """
    figure = new_figure()
    pieces = [
        piece
        for number, row in enumerate(rows)
        for spell_number in range(len(row.spells))
        for piece in _pieces(number, row, spell_number, until, axis, _words(row, spell_number, zone, text))
    ]
    _draw_pieces(figure, pieces, axis, text)
    _draw_methods(figure, rows, axis, zone, text, PAPERS[theme])
    one_network = len({row.asn for row in rows}) == 1
    return frame(
        figure,
        caption=caption,
        rows=[_label(row, text, one_network=one_network) for row in rows],
        axis=axis,
        text=text,
        theme=theme,
        marks=marks,
    )


def _label(row: SpellRow, text: Text, *, one_network: bool) -> ChartRow:
    what = target_words(row, text)
    key = f"{row.asn} {row.targets[0]}"
    return ChartRow(key=key, name=what) if one_network else ChartRow(key=key, name=row.isp, below=what)


def _pieces(
    number: int, row: SpellRow, spell_number: int, until: datetime, axis: TimeAxis, words: str
) -> Iterator[_Bar]:
    spell = row.spells[spell_number]
    span = axis.end - axis.start
    least, stub = span * _LEAST, span * _STUB
    seen, last = spell.onset.by, until
    if spell.end is not None:
        last = spell.end.after or seen
    last = max(last, seen + least)

    def piece(kind: _BarKind, start: datetime, end: datetime) -> _Bar:
        return _Bar(row=number, kind=kind, start=start, end=end, words=words)

    yield piece(_kind(spell), seen, last)
    if spell.onset_from_rule_change:
        yield piece(_BarKind.NOT_KNOWN, seen - stub, seen)
    elif spell.onset.after is None:
        yield piece(_BarKind.BEFORE, seen - stub, seen)
    else:
        yield piece(_BarKind.CHANGING, min(spell.onset.after, seen - least), seen)
    if spell.end is not None and spell.end_from_rule_change:
        yield piece(_BarKind.NOT_KNOWN, last, max(spell.end.by, last + stub))
    elif spell.end is not None:
        yield piece(_BarKind.CHANGING, last, max(spell.end.by, last + least))
    for silence in spell.silences:
        yield piece(_BarKind.SILENT, silence.start, silence.end)


def _kind(spell: Spell) -> _BarKind:
    if spell.certainty is Certainty.SUSPECTED:
        return _BarKind.SUSPECTED
    if spell.partial:
        return _BarKind.PARTIAL
    return _BarKind.PROVEN if is_proven(spell) else _BarKind.COMPARED


def _words(row: SpellRow, number: int, zone: ZoneInfo, text: Text) -> str:
    spell = row.spells[number]
    onset = text("spells.not_known") if spell.onset_from_rule_change else onset_words(spell.onset, zone, text)
    end = text("event_words.no_end")
    if spell.end is not None:
        end = text("spells.not_known") if spell.end_from_rule_change else end_words(spell.end, zone, text)
    lines = (
        text(f"spells.{_kind(spell)}"),
        text("spells.hover_onset", when=onset),
        text("spells.hover_end", when=end),
        share_words(row.alike(number), partial=spell.partial, text=text),
    )
    head = f"<b>{plain(row.isp)}: {plain(target_words(row, text))}</b>"
    return "<br>".join((head, *_narrow(lines)))


def _narrow(lines: Iterable[str]) -> list[str]:
    """Return lines that fit a hover label on a phone."""
    return [plain(part) for line in lines for part in wrapped(line, _HOVER_WIDTH)]


def _draw_pieces(figure: Figure, pieces: Sequence[_Bar], axis: TimeAxis, text: Text) -> None:
    room = (axis.end - axis.start) * _ROOM
    for kind, look in _LOOKS.items():
        own = [piece for piece in pieces if piece.kind is kind]
        spans = [(max(p.start, axis.start), min(p.end, axis.end), p) for p in own]
        shown = [(start, end, p) for start, end, p in spans if start < end]
        if not shown:
            continue
        bars = bar_trace(
            name=f"{look.sign} {text(f'spells.{kind}')}",
            y=[piece.row for _, _, piece in shown],
            base=[axis.local(start) for start, _, _ in shown],
            x=[(end - start).total_seconds() * 1000 for start, end, _ in shown],
            marker={"color": look.fill, "pattern": pattern_of(look)},
            text=[look.sign if end - start >= room else "" for start, end, _ in shown],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            constraintext="none",
            textfont={"color": look.ink, "size": 11},
            hovertext=[piece.words for _, _, piece in shown],
        )
        figure.add_trace(bars.update(hoverinfo=None, hovertemplate="%{hovertext}<extra></extra>"))


def method_changes(spell: Spell) -> tuple[Method, ...]:
    """Return the methods that came after the first, in order of time."""
    ordered = sorted(spell.methods, key=lambda method: method.onset.by)
    return tuple(method for method in ordered if method.onset.by > ordered[0].onset.by)


def _draw_methods(
    figure: Figure, rows: Sequence[SpellRow], axis: TimeAxis, zone: ZoneInfo, text: Text, paper: Paper
) -> None:
    changes = [
        (number, row, method)
        for number, row in enumerate(rows)
        for spell in row.spells
        for method in method_changes(spell)
        if axis.start <= method.onset.by < axis.end
    ]
    if not changes:
        return
    figure.add_trace(
        marker_trace(
            x=[axis.local(method.onset.by) for _, _, method in changes],
            y=[number for number, _, _ in changes],
            marker={
                "symbol": "diamond-tall",
                "size": 13,
                "color": paper.background,
                "line": {"color": paper.text, "width": 2},
            },
            text=[_method_words(row, method, zone, text) for _, row, method in changes],
            hovertemplate="%{text}<extra></extra>",
            name=text("spells.method"),
        )
    )


def _method_words(row: SpellRow, method: Method, zone: ZoneInfo, text: Text) -> str:
    how = how_words(method.mechanism, text) if method.mechanism else text("event_words.how_unknown")
    head = f"<b>{plain(row.isp)}: {plain(target_words(row, text))}</b>"
    return "<br>".join((head, *_narrow((onset_words(method.onset, zone, text), how))))
