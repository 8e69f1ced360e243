"""Now: a sentence that says what is blocked where, and the latest state of every target on every network."""

from collections.abc import Sequence
from datetime import datetime, tzinfo

import streamlit as st

from observatory.analysis.events.publication import is_going_on, publishable
from observatory.figures.looks import LOOKS
from observatory.model import Event, Role, load_zone
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
from observatory.site.reads import REFRESH_S, read_events, read_latest
from observatory.store import StoreError, VantageStatus
from observatory.text import Text
from observatory.text.events import onset_sentence
from observatory.views.addresses import event_address, measurement_address
from observatory.views.csv import LATEST_COLUMNS, latest_csv
from observatory.views.event_words import headline
from observatory.views.headline import Headline, describe, describe_controls
from observatory.views.matrix import Matrix, MatrixCell, TargetGroup, build_matrix
from observatory.views.rows import Detail, Head, LegendEntry, Line, Section, TableCell
from observatory.views.shown import NO_DATA
from observatory.views.words import escape_markdown, where_and_how


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
    except StoreError as error:
        show_missing(
            view.text("missing.store", detail=escape_markdown(str(error))), view.text("missing.store_next")
        )
        return
    matrix = build_matrix(view.vantages, latest, known_targets(), now=view.now)
    if not matrix.probes and not matrix.controls:
        show_missing(view.text("missing.no_vantages"), view.text("missing.no_vantages_next"))
        return
    _show_findings(matrix, view)
    _show_events([r.event for r in events if is_going_on(r.event)], view)
    st.subheader(view.text("now.heading_matrix"), anchor=False)
    _show_matrix(matrix, view)
    _show_source(matrix, view)
    st.subheader(view.text("legend.heading"), anchor=False)
    _show_legend(view.text)
    show_columns(view.text, LATEST_COLUMNS)


def _show_findings(matrix: Matrix, view: View) -> None:
    findings = {kind: describe(matrix, kind, view.text, view.zone) for kind in TargetGroup}
    _show_finding(findings[TargetGroup.HOST], view.text, is_headline=True)
    _show_finding(findings[TargetGroup.DATA_CENTRE], view.text, is_headline=False)
    if all(finding.basis is None for finding in findings.values()):
        with st.container(border=True, key="missing"):
            st.markdown(view.text("missing.stale_next"))
    st.caption(escape_markdown(" ".join(describe_controls(matrix, view.text))))


def _show_events(events: Sequence[Event], view: View) -> None:
    """Say since when, and lead to what shows it."""
    if events:
        st.markdown(view.text("now.events"))
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
    columns = (*matrix.probes, *matrix.controls)
    st.caption(text("now.pick"))
    picked: tuple[str, str] | None = st.session_state.get("picked")
    show_table(
        key="matrix",
        caption=text("now.matrix_alt"),
        heads=[
            Head(name=text("now.column_target")),
            *(_head(vantage, matrix, text) for vantage in columns),
        ],
        sections=[
            Section(
                name=text(f"group.{kind}"),
                lines=tuple(
                    Line(
                        name=target,
                        entries=tuple(_entry(matrix.squares[v.id, target], view) for v in columns),
                    )
                    for target in matrix.targets[kind]
                ),
            )
            for kind in TargetGroup
        ],
        is_matrix=True,
        detail=_evidence(matrix.squares[picked], view) if picked and picked in matrix.squares else None,
        on_pick=_pick,
    )


def _pick(pressed: tuple[str, str]) -> None:
    """Open the evidence of a cell; pressed again, close it."""
    st.session_state["picked"] = None if st.session_state.get("picked") == pressed else pressed


def _head(vantage: VantageStatus, matrix: Matrix, text: Text) -> Head:
    measured_at = matrix.measured_at(vantage)
    age = text("now.ago", age=text.age(matrix.now - measured_at)) if measured_at else text("now.never")
    is_control = vantage.role is Role.CONTROL
    # Two connections of one network would otherwise carry the same name.
    same = sum(v.isp == vantage.isp for v in (*matrix.probes, *matrix.controls)) > 1
    name = vantage.name if same or is_control else vantage.isp
    small = (text("now.control"),) if is_control else (f"AS{vantage.asn}",)
    return Head(
        name=name,
        small=(*small, age),
        is_apart=is_control and matrix.controls[0].id == vantage.id,
    )


def _entry(square: MatrixCell, view: View) -> TableCell:
    text, latest = view.text, square.latest
    word = text(f"short.{square.shown}")
    small: tuple[str, ...] = ()
    if latest is not None and square.is_stale:
        at, state = text.local(latest.measured_at, view.zone), text(f"short.{latest.state}")
        small = (text("short.stale", at=at, state=state),)
    elif square.is_partial and square.is_judged:
        small = (text("short.partly"),)
    return TableCell(
        word=word,
        small=small,
        look=str(square.shown),
        full=_full(square, view, view.zone),
        pick=(square.vantage.id, square.target),
        is_stale=square.is_stale,
    )


def _full(square: MatrixCell, view: View, zone: tzinfo) -> str:
    text, latest = view.text, square.latest
    names = {"target": square.target, "network": square.vantage.isp}
    if latest is None:
        return text("now.cell", state=text("state.no_data"), **names)
    state, at = text(f"state.{latest.state}"), text.moment(latest.measured_at, zone)
    if square.shown == NO_DATA:
        return text("now.cell", state=text("now.stale_at", at=at, state=state), **names)
    if square.is_partial:
        state = f"{state}, {text('short.partly')}"
    return text("now.cell_at", state=state, at=at, **names)


def _evidence(square: MatrixCell, view: View) -> Detail:
    """Return what a state rests on, in words that can be checked."""
    text, latest = view.text, square.latest
    zone = load_zone(square.vantage.timezone)
    pick = (square.vantage.id, square.target)
    if latest is None:
        names = {"target": square.target, "network": square.vantage.isp}
        return Detail(pick=pick, heading=text("now.evidence_none", **names))
    notes = (
        *((text("now.provisional"),) if latest.provisional else ()),
        *((text("legend.partly"),) if latest.partial else ()),
    )
    tried = text("now.endpoints_value", ok=text.number(latest.n_ok), tried=text.number(latest.n_tried))
    return Detail(
        pick=pick,
        heading=_full(square, view, zone),
        facts=(
            (text("now.layer_mechanism"), where_and_how(latest.layer, latest.mechanism, text)),
            (text("now.endpoints"), tried),
            (text("now.vantage"), square.vantage.name),
            (text("now.rule"), latest.rule_id),
            (text("now.measurement"), latest.measurement_id),
        ),
        notes=notes,
        link=(text("now.steps"), measurement_address(latest.measurement_id, text.language)),
    )


def _show_source(matrix: Matrix, view: View) -> None:
    text = view.text
    times: list[datetime] = [s.latest.measured_at for s in matrix.squares.values() if s.latest]
    if times:
        line = text(
            "now.source",
            start=text.moment(min(times), view.zone),
            end=text.moment(max(times), view.zone),
        )
        st.caption(escape_markdown(view.sourced(line)))
    show_download(
        text("now.download"),
        lambda: latest_csv(matrix),
        file_name="telegram-now-emulated.csv" if view.emulated else "telegram-now.csv",
        key="download.now",
    )


def _show_legend(text: Text) -> None:
    entries = [LegendEntry(look=str(s), name=text(f"state.{s}"), sentence=text(f"legend.{s}")) for s in LOOKS]
    partly = LegendEntry(look="", name=text("short.partly"), sentence=text("legend.partly"))
    show_legend(key="legend", entries=[*entries, partly])
