"""Vantage points: who reports on time, what runs next, what went wrong."""

import streamlit as st

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
from observatory.views.punctuality import describe_punctuality, judge_punctuality
from observatory.views.vantage_table import vantage_heads, vantage_section
from observatory.views.words import escape_markdown


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
    show_table(
        key="vantages",
        caption=text("vantage.table_alt"),
        heads=vantage_heads(text),
        sections=[vantage_section(view.vantages, status, text, now=view.now, emulated=view.emulated)],
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
