"""One event, at a permanent address: what was found, when on each network, how, and what shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

import streamlit as st

from observatory.figures import draw_spells
from observatory.model import Event, Revision
from observatory.model.known_dates import KnownDate
from observatory.site.components.address import asked, choose_one
from observatory.site.components.event_context import (
    known_around,
    show_citation,
    show_downloads,
    show_feeds,
    show_notes,
    show_reported,
    show_revisions,
)
from observatory.site.components.page import PLOTLY, View, open_view, show_missing, show_no_measurements
from observatory.site.components.table import show_table
from observatory.site.reads import REFRESH_S, find_event, read_events
from observatory.store import StoreError
from observatory.text import zone_name
from observatory.text.events import event_zone
from observatory.views.charts import Caption, TimeAxis
from observatory.views.event_page import (
    ALL,
    chosen_networks,
    event_axis,
    known_until,
    network_choices,
    silence_sentences,
    window_sentences,
)
from observatory.views.event_tables import SHOWS, evidence_sections, method_sections, spell_sections
from observatory.views.event_words import headline, sentences
from observatory.views.known_dates import mark_dates
from observatory.views.printable import printable
from observatory.views.rows import Head, Section
from observatory.views.spell_rows import SpellRow, group_rows
from observatory.views.words import escape_markdown

_MAX_ID: Final = 200


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """An event, and the part of it that was chosen: `rows` of one network or of several."""

    view: View
    revision: Revision
    rows: tuple[SpellRow, ...]
    is_one: bool

    @property
    def event(self) -> Event:
        return self.revision.event

    @cached_property
    def zone(self) -> ZoneInfo:
        return event_zone(self.event)

    @property
    def until(self) -> datetime:
        is_of_its_kind = self.event.emulated == self.view.emulated
        return known_until(self.revision, self.view.coverage.last_at if is_of_its_kind else None)

    @cached_property
    def axis(self) -> TimeAxis:
        spells = [spell for row in self.rows for spell in row.spells]
        return event_axis(spells, self.until, self.zone, self.view.text)


@st.fragment(run_every=4 * REFRESH_S)
def show() -> None:
    """Draw the event that the address names."""
    view = open_view()
    if view is None:
        return
    text = view.text
    wanted = (asked("id") or "").strip()[:_MAX_ID]
    try:
        if not wanted:
            if not view.has_data and not read_events(view.url, view.coverage, view.emulated):
                show_no_measurements(view)
            else:
                show_missing(text("event.choose"), _to_list(view, text("event.choose_next")))
            return
        revision = find_event(view.url, view.coverage, wanted)
        if revision is None:
            what = text("event.unknown", id=escape_markdown(printable(wanted)))
            show_missing(what, _to_list(view, text("event.unknown_next")))
        else:
            _show_event(view, revision)
    except StoreError as error:
        detail = escape_markdown(str(error))
        show_missing(text("missing.store", detail=detail), text("missing.store_next"))


def _to_list(view: View, words: str) -> str:
    return f"{words} [{view.text('event.all_events')}](events?lang={view.text.language})"


def _show_event(view: View, revision: Revision) -> None:
    text, event = view.text, revision.event
    if event.emulated and not view.emulated:
        st.warning(text("event.emulated"))
    st.title(escape_markdown(headline(event, text)), anchor=False)
    st.markdown("\n".join(f"- {escape_markdown(line)}" for line in sentences(event, text)))
    if not event.spells:
        return
    known = known_around(event, view.now)
    shown = _choose(view, revision)
    _show_timeline(shown, known)
    _show_tables(shown)
    _show_windows(shown)
    _show_silences(shown)
    show_reported(view, known)
    show_notes(view, event, shown.zone)
    show_revisions(view, revision)
    show_citation(view, revision, shown.zone)
    show_downloads(view, revision)
    show_feeds(view, event)


def _choose(view: View, revision: Revision) -> _Shown:
    """Draw the choice of networks; without one, all of a small event and the first part of a large one."""
    text, event = view.text, revision.event
    options = network_choices(event, text)
    one = ALL
    # Of a single network there is nothing to choose.
    if len(options) > 2:
        one = choose_one("networks", text("event.show"), list(options), lambda key: options.get(key, key))
    own = chosen_networks(event, one)
    is_one = len(own) == 1
    rows = group_rows(event.spells, own, each=is_one)
    if not is_one:
        st.caption(text("event.grouped"))
    return _Shown(view=view, revision=revision, rows=rows, is_one=is_one)


def _show_timeline(shown: _Shown, known: tuple[KnownDate, ...]) -> None:
    text, axis = shown.view.text, shown.axis
    title = text("event.timeline")
    if shown.is_one:
        title = text("event.timeline_one", network=shown.rows[0].isp)
    tag = f"{text('over_time.source_emulated')} " if shown.event.emulated else ""
    scope = text(
        "event.timeline_scope",
        id=shown.event.id,
        number=text.number(shown.revision.number),
        start=text.local(axis.start, shown.zone),
        end=f"{text.local(axis.end, shown.zone)} {zone_name(axis.end.astimezone(shown.zone))}",
    )
    source = text("event.source", at=text.moment(shown.until, shown.zone))
    marks = mark_dates(known, axis.end - axis.start)
    figure = draw_spells(
        shown.rows,
        until=shown.until,
        axis=axis,
        zone=shown.zone,
        caption=Caption(title=title, scope=scope, source=f"{tag}{source}"),
        text=text,
        theme=shown.view.theme,
        marks=[mark for mark in marks if axis.start <= mark.at < axis.end],
    )
    st.subheader(text("event.heading_timeline"), anchor=False)
    st.plotly_chart(
        figure,
        theme=None,
        config=PLOTLY,
        key="spells",
        alt=text("event.timeline_alt", title=title),
        height=int(figure.layout.height),
    )
    st.caption(text("event.timeline_note"))


def _show_tables(shown: _Shown) -> None:
    view, text = shown.view, shown.view.text
    vantages = {v.id: v.name for v in view.vantages}
    st.subheader(text("event.heading_table"), anchor=False)
    columns: tuple[str, ...] = ("what", "state", "onset", "end", "share", "control", "from", "versions")
    _show_list("table", columns, spell_sections(shown.rows, text, vantages), view)
    st.subheader(text("event.heading_methods"), anchor=False)
    columns = ("what", "how", "layer", "onset", "end", "resolver")
    _show_list("methods", columns, method_sections(shown.rows, text), view)
    st.subheader(text("event.heading_evidence"), anchor=False)
    st.caption(text("event.evidence_intro"))
    show_table(
        key="evidence",
        caption=text("event.evidence_alt"),
        heads=[Head(name=text("event.column_what")), *(Head(name=text(f"event.shows_{s}")) for s in SHOWS)],
        sections=evidence_sections(shown.rows, text),
    )


def _show_list(key: str, columns: Sequence[str], sections: Sequence[Section], view: View) -> None:
    heads = [Head(name=view.text(f"event.column_{column}")) for column in columns]
    show_table(key=key, caption=view.text(f"event.{key}_alt"), heads=heads, sections=sections)


def _show_windows(shown: _Shown) -> None:
    lines = window_sentences(shown.rows, shown.view.text)
    if lines:
        st.subheader(shown.view.text("event.heading_windows"), anchor=False)
        st.markdown("\n".join(f"- {escape_markdown(line)}" for line in lines))


def _show_silences(shown: _Shown) -> None:
    lines = silence_sentences(shown.rows, shown.view.text)
    if lines:
        st.subheader(shown.view.text("event.heading_silences"), anchor=False)
        st.markdown("\n".join(f"- {escape_markdown(line)}" for line in lines))
        st.caption(shown.view.text("event.silences_note"))
