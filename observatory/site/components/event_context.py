"""Context of an event: others' reports, notes, revisions, a citation, downloads, feeds."""

from datetime import UTC, datetime
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import streamlit as st

from observatory.model import Event, Revision
from observatory.model.known_dates import KnownDate
from observatory.reference.known_dates import COUNTRY, load_known_dates
from observatory.site.components.known_dates import show_dates
from observatory.site.components.page import View, show_columns, show_download
from observatory.site.components.table import show_table
from observatory.site.reads import read_notes, read_revisions
from observatory.text.events import names_by_asn
from observatory.views.addresses import event_address, feed_address
from observatory.views.csv import SPELL_COLUMNS, spell_csv
from observatory.views.event_tables import revision_section
from observatory.views.event_words import citation
from observatory.views.json_files import event_json
from observatory.views.known_dates import dates_around
from observatory.views.rows import Head
from observatory.views.words import escape_markdown


def known_around(event: Event, now: datetime) -> tuple[KnownDate, ...]:
    """Return what others reported of the weeks around an event; available for one country."""
    return dates_around(load_known_dates(), event, now) if event.country == COUNTRY else ()


def show_reported(view: View, known: tuple[KnownDate, ...]) -> None:
    if known:
        st.subheader(view.text("event.heading_reported"), anchor=False)
        st.caption(view.text("event.reported_intro"))
        show_dates(known, view.text)


def show_notes(view: View, event: Event, zone: ZoneInfo) -> None:
    text = view.text
    notes = read_notes(view.url, event.id)
    if not notes:
        return
    st.subheader(text("event.heading_notes"), anchor=False)
    st.caption(text("event.notes_intro"))
    for note in notes:
        who = text("event.note", name=note.name, at=text.moment(note.at, zone))
        paragraphs = [escape_markdown(line) for line in note.text.splitlines() if line.strip()]
        with st.container(border=True):
            st.markdown("\n\n".join((*paragraphs, f"*{escape_markdown(who)}*")))


def show_revisions(view: View, revision: Revision) -> None:
    text = view.text
    st.subheader(text("event.heading_revisions"), anchor=False)
    show_table(
        key="revisions",
        caption=text("event.revisions_alt"),
        heads=[Head(name=text(f"event.column_{c}")) for c in ("number", "at", "causes", "changed")],
        sections=[revision_section(read_revisions(view.url, revision.event.id, revision.number), text)],
    )
    st.caption(text("event.revisions_note"))


def show_citation(view: View, revision: Revision, zone: ZoneInfo) -> None:
    text = view.text
    address = urljoin(st.context.url or "", event_address(revision.event.id, text.language))
    st.subheader(text("event.heading_cite"), anchor=False)
    st.caption(text("event.cite_intro"))
    cited = citation(revision, text, zone=zone, address=address, accessed_at=datetime.now(UTC))
    st.code(cited, language=None, wrap_lines=True)


def show_downloads(view: View, revision: Revision) -> None:
    text, event = view.text, revision.event
    with st.container(horizontal=True):
        st.download_button(
            text("event.download_json"),
            data=lambda: event_json(revision),
            file_name=f"telegram-event-{event.id}.json",
            mime="application/json",
            key="download.event",
            on_click="ignore",
        )
        show_download(
            text("event.download_csv"),
            lambda: spell_csv(revision),
            file_name=f"telegram-event-{event.id}.csv",
            key="download.spells",
        )
    show_columns(text, SPELL_COLUMNS)


def show_feeds(view: View, event: Event) -> None:
    text = view.text
    networks = [
        f"[{escape_markdown(name)}]({feed_address('isp', asn, text.language)})"
        for asn, name in names_by_asn(event).items()
    ]
    targets = [
        f"[{escape_markdown(target)}]({feed_address('host', target, text.language)})"
        for target in event.targets
    ]
    with st.expander(text("event.heading_feeds")):
        st.markdown(
            text(
                "event.feeds_intro",
                events=feed_address("events", language=text.language),
                networks=", ".join(networks),
                targets=", ".join(targets),
            )
        )
