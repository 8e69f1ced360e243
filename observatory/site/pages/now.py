"""Now: a sentence that says what is blocked where, and the latest state of every target on every network."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from observatory.analysis.events.publication import (
    Present,
    PresentKind,
    is_going_on,
    judge_present,
    publishable,
)
from observatory.figures.looks import LOOKS
from observatory.model import Event
from observatory.site.components.page import (
    View,
    open_view,
    show_columns,
    show_download,
    show_link,
    show_missing,
    show_no_measurements,
)
from observatory.site.components.table import show_legend, show_table
from observatory.site.known_targets import known_targets
from observatory.site.reads import REFRESH_S, read_events, read_latest, read_open_spells
from observatory.store import StoreError
from observatory.text import Text
from observatory.text.events import onset_sentence
from observatory.views.addresses import event_address
from observatory.views.csv import LATEST_COLUMNS, latest_csv
from observatory.views.event_words import headline
from observatory.views.headline import Headline, describe, describe_controls
from observatory.views.matrix import Matrix, TargetGroup, build_matrix
from observatory.views.matrix_table import cell_detail, matrix_heads, matrix_sections
from observatory.views.rows import LegendEntry
from observatory.views.words import escape_markdown


@st.fragment(run_every=REFRESH_S)
def show() -> None:
    """Draw the page; drawn again by itself while it is open."""
    view = open_view()
    if view is None:
        return
    if not view.has_data:
        show_no_measurements(view)
        return
    try:
        latest = read_latest(view.url, view.coverage, view.emulated)
        events = read_events(view.url, view.coverage, view.emulated)
        suspected = read_open_spells(view.url, view.coverage, view.emulated)
    except StoreError as error:
        show_missing(
            view.text("missing.store", detail=escape_markdown(str(error))), view.text("missing.store_next")
        )
        return
    matrix = build_matrix(view.vantages, latest, known_targets(), now=view.now)
    if not matrix.probes and not matrix.controls:
        show_missing(view.text("missing.no_vantages"), view.text("missing.no_vantages_next"))
        return
    known = [revision.event for revision in events]
    present = judge_present(known, suspected, latest, view.vantages, view.now)
    _show_findings(matrix, view, present)
    _show_events([event for event in known if is_going_on(event)], view, present)
    st.subheader(view.text("now.heading_matrix"), anchor=False)
    _show_matrix(matrix, view)
    _show_source(matrix, view, present)
    st.subheader(view.text("legend.heading"), anchor=False)
    _show_legend(view.text)
    show_columns(view.text, LATEST_COLUMNS)


def _show_findings(matrix: Matrix, view: View, present: Present) -> None:
    findings = {kind: describe(matrix, kind, view.text, view.zone, present) for kind in TargetGroup}
    _show_finding(findings[TargetGroup.HOST], view.text, is_headline=True)
    _show_finding(findings[TargetGroup.DATA_CENTRE], view.text, is_headline=False)
    if all(finding.basis is None for finding in findings.values()):
        with st.container(border=True, key="missing"):
            st.markdown(view.text("missing.stale_next"))
    st.caption(escape_markdown(" ".join(describe_controls(matrix, view.text))))


def _show_events(events: Sequence[Event], view: View, present: Present) -> None:
    """Draw since when each event has been going on, with a link to its page."""
    if events:
        is_current = present.kind is PresentKind.BLOCKED
        st.markdown(view.text("now.events" if is_current else "now.events_last"))
    for event in events:
        show_link(headline(event, view.text), event_address(event.id, view.text.language))
        st.caption(escape_markdown(onset_sentence(publishable(event), view.text)))


def _show_finding(finding: Headline, text: Text, *, is_headline: bool) -> None:
    st.markdown(f"**{text(f'group.{finding.kind}')}**")
    first, *others = finding.statements
    draw = st.title if is_headline else st.subheader
    draw(escape_markdown(first.claim), anchor=False)
    for details in first.details:
        st.markdown(escape_markdown(details))
    if others:
        st.markdown("\n".join(f"- {escape_markdown(str(statement))}" for statement in others))
    notes = [*finding.caveats, *([finding.basis] if finding.basis else [])]
    if notes:
        st.caption(escape_markdown(" ".join(notes)))


def _show_matrix(matrix: Matrix, view: View) -> None:
    text = view.text
    st.caption(text("now.pick"))
    open_cell = matrix.cells.get(st.session_state.get("open_cell") or ("", ""))
    show_table(
        key="matrix",
        caption=text("now.matrix_alt"),
        heads=matrix_heads(matrix, text),
        sections=matrix_sections(matrix, text, view.zone),
        is_matrix=True,
        detail=cell_detail(open_cell, text) if open_cell else None,
        on_press=_open_or_close,
    )


def _open_or_close(pressed: tuple[str, str]) -> None:
    """Open the evidence of a cell; pressed again, close it."""
    st.session_state["open_cell"] = None if st.session_state.get("open_cell") == pressed else pressed


def _show_source(matrix: Matrix, view: View, present: Present) -> None:
    text = view.text
    times: list[datetime] = [cell.latest.measured_at for cell in matrix.cells.values() if cell.latest]
    if times:
        line = text(
            "now.source",
            start=text.moment(min(times), view.zone),
            end=text.moment(max(times), view.zone),
        )
        st.caption(escape_markdown(view.sourced(line)))
    show_download(
        text("now.download"),
        lambda: latest_csv(matrix, present),
        file_name="telegram-now-emulated.csv" if view.emulated else "telegram-now.csv",
        key="download.now",
    )


def _show_legend(text: Text) -> None:
    entries = [LegendEntry(look=str(s), name=text(f"state.{s}"), sentence=text(f"legend.{s}")) for s in LOOKS]
    partly = LegendEntry(look="", name=text("short.partly"), sentence=text("legend.partly"))
    show_legend(key="legend", entries=[*entries, partly])
