"""Vantage points: who reports on time, what runs next, what went wrong."""

from datetime import datetime, timedelta

import streamlit as st

from observatory.model import Role, State, load_zone
from observatory.model.views import VantageStatus
from observatory.site.components.page import (
    View,
    open_view,
    show_columns,
    show_download,
    show_missing,
    show_no_measurements,
)
from observatory.site.components.table import show_table
from observatory.site.reads import REFRESH_S, read_config_state
from observatory.store import StoreError
from observatory.views.csv import VANTAGE_COLUMNS, vantage_csv
from observatory.views.punctuality import Punctuality, describe_punctuality, judge_punctuality
from observatory.views.rows import Head, Line, Section, TableCell
from observatory.views.shown import NO_DATA
from observatory.views.words import escape_markdown

# The signs of the state table say here how a vantage point does: well, not as it should, nothing.
_LOOKS = {
    Punctuality.ON_TIME: State.OK,
    Punctuality.LATE: State.IMPAIRED,
    Punctuality.NEVER: State.INSUFFICIENT,
    Punctuality.OFF: NO_DATA,
    Punctuality.REMOVED: NO_DATA,
}


@st.fragment(run_every=REFRESH_S)
def show() -> None:
    """Draw the page; drawn again by itself while it is open."""
    view = open_view()
    if view is None:
        return
    _show_config_errors(view)
    if not view.vantages:
        show_missing(view.text("missing.no_vantages"), view.text("missing.no_vantages_next"))
        return
    text = view.text
    status = {v.id: judge_punctuality(v, view.now) for v in view.vantages}
    st.title(escape_markdown(describe_punctuality(view.vantages, status, text)), anchor=False)
    if not view.has_data:
        show_no_measurements(view)
    columns = ("name", "state", "seen", "next", "error", "gaps")
    show_table(
        key="vantages",
        caption=text("vantage.table_alt"),
        heads=[Head(name=text(f"vantage.column_{column}")) for column in columns],
        sections=[Section(name="", lines=tuple(_line(v, status[v.id], view) for v in view.vantages))],
    )
    st.caption(text("vantage.table_note"))
    source = text("vantage.source", at=text.moment(view.now, view.zone))
    st.caption(escape_markdown(view.sourced(source)))
    show_download(
        text("vantage.download"),
        lambda: vantage_csv(view.vantages, status, emulated=view.emulated),
        file_name="vantage-points-emulated.csv" if view.emulated else "vantage-points.csv",
        key="download.vantages",
    )
    show_columns(text, VANTAGE_COLUMNS)


def _show_config_errors(view: View) -> None:
    try:
        config = read_config_state(view.url)
    except StoreError:
        return
    if config is None or not config.errors:
        return
    at = escape_markdown(view.text.moment(config.at, view.zone))
    lines = [view.text("vantage.config_bad", path=escape_markdown(config.path), at=at), ""]
    lines += [f"- {escape_markdown(error)}" for error in config.errors[:20]]
    lines += ["", view.text("vantage.config_next")]
    st.warning("\n".join(lines))


def _line(vantage: VantageStatus, status: Punctuality, view: View) -> Line:
    text = view.text
    every = text("vantage.every", every=text.age(timedelta(seconds=vantage.every_s)))
    role = (text("vantage.role_control"),) if vantage.role is Role.CONTROL else ()
    return Line(
        name=vantage.name,
        small=(f"{vantage.isp}, AS{vantage.asn}", every, *role),
        entries=(
            TableCell(word=text(f"vantage.state_{status}"), look=str(_LOOKS[status])),
            _seen(vantage, view),
            _next_run(vantage, status, view),
            _error(vantage, view),
            TableCell(word=text.number(vantage.n_gaps_24h)),
        ),
    )


def _seen(vantage: VantageStatus, view: View) -> TableCell:
    if vantage.last_seen_at is None:
        return TableCell(word=view.text("now.never"))
    age = view.text("now.ago", age=view.text.age(view.now - vantage.last_seen_at))
    return TableCell(word=age, small=(_moment(vantage, vantage.last_seen_at, view),))


def _next_run(vantage: VantageStatus, status: Punctuality, view: View) -> TableCell:
    due = vantage.next_run_at
    if due is None or status in (Punctuality.OFF, Punctuality.REMOVED):
        return TableCell(word=view.text("vantage.no_next"))
    moment = _moment(vantage, due, view)
    # In an emulation "now" stands still at the last measurement, so nothing can be overdue.
    if not view.emulated and view.now - due > timedelta(seconds=vantage.every_s):
        return TableCell(word=view.text("vantage.overdue", at=moment))
    return TableCell(word=moment)


def _error(vantage: VantageStatus, view: View) -> TableCell:
    if not vantage.last_error:
        return TableCell(word=view.text("vantage.no_error"))
    small = (_moment(vantage, vantage.last_error_at, view),) if vantage.last_error_at else ()
    return TableCell(word=vantage.last_error[:300], small=small)


def _moment(vantage: VantageStatus, at: datetime, view: View) -> str:
    return view.text.moment(at, load_zone(vantage.timezone))
