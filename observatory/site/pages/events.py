"""Events: every block found, ongoing ones first; what is suspected, and changes that our own rules made."""

from collections.abc import Sequence

import streamlit as st

from observatory.analysis.events.publication import (
    Present,
    PresentKind,
    is_going_on,
    is_published,
    judge_present,
    publishable,
    suspicions,
)
from observatory.model import Event, Revision, Role, Spell
from observatory.site.components.page import View, open_view, show_link, show_missing, show_no_measurements
from observatory.site.components.table import show_table
from observatory.site.reads import REFRESH_S, read_events, read_latest, read_open_spells, read_rule_changes
from observatory.store import StoreError
from observatory.text.events import certainty_sentence, end_sentence, onset_sentence
from observatory.text.present import present_sentence
from observatory.views.addresses import event_address, feed_address
from observatory.views.event_lists import rule_change_section, suspicion_section
from observatory.views.event_words import headline
from observatory.views.rows import Head
from observatory.views.words import escape_markdown


@st.fragment(run_every=REFRESH_S)
def show() -> None:
    """Draw the page; drawn again by itself while it is open."""
    view = open_view()
    if view is None:
        return
    try:
        events = read_events(view.url, view.coverage, view.emulated)
        if not events and not view.has_data:
            show_no_measurements(view)
            return
        suspected = read_open_spells(view.url, view.coverage, view.emulated)
        latest = read_latest(view.url, view.coverage, view.emulated)
        known = [revision.event for revision in events]
        _show_events(view, events, judge_present(known, suspected, latest, view.vantages, view.now))
        _show_suspected(view, suspicions(suspected, [revision.event for revision in events]))
        _show_rule_changes(view, read_rule_changes(view.url, view.emulated))
        _show_withdrawn(view, [revision for revision in events if not is_published(revision.event)])
    except StoreError as error:
        detail = escape_markdown(str(error))
        show_missing(view.text("missing.store", detail=detail), view.text("missing.store_next"))
        return
    st.markdown(f"[{view.text('events.feed')}]({feed_address('events', language=view.text.language)})")


def _show_events(view: View, events: Sequence[Revision], present: Present) -> None:
    text = view.text
    published = [revision for revision in events if is_published(revision.event)]
    going_on = [revision for revision in published if is_going_on(revision.event)]
    over = [revision for revision in published if not is_going_on(revision.event)]
    if not published:
        _show_none_published(view, present)
        return
    is_current = present.kind is PresentKind.BLOCKED
    if going_on:
        title = text.count("events.going_on" if is_current else "events.not_ended", len(going_on))
    else:
        title = present_sentence(present, text, view.zone)
    st.title(escape_markdown(title), anchor=False)
    if view.coverage.last_at is not None:
        st.caption(escape_markdown(text("events.as_of", at=text.moment(view.coverage.last_at, view.zone))))
    heading_on = "events.heading_on" if is_current else "events.heading_not_ended"
    for heading, own in ((heading_on, going_on), ("events.heading_over", over)):
        if own and going_on:
            st.subheader(text(heading), anchor=False)
        for revision in own:
            _show_entry(view, revision.event)


def _show_entry(view: View, event: Event) -> None:
    text, part = view.text, publishable(event)
    extent = text(
        "events.extent_words",
        networks=text.count("count.networks", len(part.networks)),
        targets=text.count("spells.targets", len(part.targets)),
    )
    when = f"{onset_sentence(part, text)} {end_sentence(part, text)}"
    lines = [escape_markdown(when), escape_markdown(certainty_sentence(part, text))]
    with st.container(border=True, key=f"event-{event.id}"):
        show_link(headline(event, text), event_address(event.id, text.language))
        st.markdown("\n\n".join(lines))
        tag = f"{text('events.emulated')} · " if event.emulated else ""
        st.caption(escape_markdown(f"{tag}{extent} · {event.id}"))


def _show_none_published(view: View, present: Present) -> None:
    """Say what may be said while no event is published: that nothing was found only where that is so."""
    text, coverage = view.text, view.coverage
    first, last = coverage.first_at, coverage.last_at
    if first is None or last is None:
        return
    span = {"first": text.moment(first, view.zone), "last": text.moment(last, view.zone)}
    if present.kind is not PresentKind.NOTHING_SEEN:
        st.title(escape_markdown(present_sentence(present, text, view.zone)), anchor=False)
        st.markdown(f"{escape_markdown(text('events.no_event', **span))}\n\n{text('events.none_next')}")
        return
    if coverage.emulated and coverage.real:
        # Times and counts would be those of both kinds together.
        st.title(text("events.none_real"), anchor=False)
        st.markdown(text("events.none_next"))
        return
    st.title(escape_markdown(text("events.none_found", **span)), anchor=False)
    measured = {v.asn for v in view.vantages if v.role is Role.PROBE and v.last_seen_at is not None}
    targets = {latest.target for latest in read_latest(view.url, coverage, view.emulated)}
    basis = text(
        "events.none_found_basis",
        measurements=text.count("count.measurements", coverage.n_measurements),
        targets=text.count("spells.targets", len(targets)),
        networks=text.count("count.networks", len(measured)),
    )
    st.markdown(f"{escape_markdown(basis)}\n\n{text('events.none_next')}")


def _show_suspected(view: View, spells: Sequence[Spell]) -> None:
    text = view.text
    if not spells:
        return
    st.subheader(text("events.heading_suspected"), anchor=False)
    st.markdown(text("events.suspected_intro"))
    show_table(
        key="suspected",
        caption=text("events.suspected_alt"),
        heads=[Head(name=text(f"events.column_{c}")) for c in ("where", "since", "found")],
        sections=[suspicion_section(spells, text)],
    )


def _show_rule_changes(view: View, spells: Sequence[Spell]) -> None:
    text = view.text
    if not spells:
        return
    with st.expander(text("events.heading_ours", n=text.number(len(spells)))):
        st.markdown(text("events.ours_intro"))
        show_table(
            key="ours",
            caption=text("events.ours_alt"),
            heads=[Head(name=text(f"events.column_{c}")) for c in ("where", "changed", "versions")],
            sections=[rule_change_section(spells, text)],
        )


def _show_withdrawn(view: View, revisions: Sequence[Revision]) -> None:
    text = view.text
    if not revisions:
        return
    with st.expander(text("events.heading_withdrawn", n=text.number(len(revisions)))):
        st.markdown(text("events.withdrawn_intro"))
        for revision in revisions:
            address = event_address(revision.event.id, text.language)
            show_link(headline(revision.event, text), address)
