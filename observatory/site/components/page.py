"""What every page begins and ends with: what there is, what is missing and what to do next, downloads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any, Final
from zoneinfo import ZoneInfo

import streamlit as st

from observatory.analysis.events.publication import shows_emulated
from observatory.figures import Theme
from observatory.model import NOT_STATED
from observatory.model.views import Coverage, VantageStatus
from observatory.site.components.address import choose_language, show_language_switch
from observatory.site.components.browser_parts import read_part
from observatory.site.reads import database_url, read_coverage, read_vantages
from observatory.store import StoreError
from observatory.text import Text
from observatory.views.ranges import common_zone, reference_now
from observatory.views.words import escape_markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a page works with. `now` is the last measurement's time when everything is emulated.

    `emulated`: the page shows emulated data; real data, when there is any, is never mixed with it.
    """

    text: Text
    theme: Theme
    url: str
    coverage: Coverage
    vantages: tuple[VantageStatus, ...]
    now: datetime
    zone: ZoneInfo
    emulated: bool

    @property
    def has_data(self) -> bool:
        return self.coverage.last_at is not None

    def sourced(self, line: str) -> str:
        """Return a source line that also says when the data is emulated."""
        tag = self.text("over_time.source_emulated")
        return f"{tag} {line}" if self.emulated else line


PLOTLY: Final[dict[str, Any]] = {
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "scrollZoom": False,
}


def show_head(text: Text) -> None:
    """Draw the head of every page: the name of the site and the language switch."""
    st.html(f"<style>{read_part('page.css')}</style>")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.caption(text("app.title"), width="content")
        show_language_switch(text)


def open_view() -> View | None:
    """Read what there is and draw the banners; None when the database cannot be read, after saying so."""
    text, url = choose_language(), database_url()
    try:
        coverage = read_coverage(url)
        emulated = shows_emulated(coverage)
        vantages = read_vantages(url, coverage, coverage.last_at if emulated else None)
    except StoreError as error:
        show_missing(text("missing.store", detail=escape_markdown(str(error))), text("missing.store_next"))
        return None
    zone = common_zone(v for v in vantages if not v.removed)
    view = View(
        text=text,
        theme=Theme.DARK if st.context.theme.type == "dark" else Theme.LIGHT,
        url=url,
        coverage=coverage,
        vantages=tuple(
            replace(v, isp=text("vantage.isp_not_stated")) if v.isp == NOT_STATED else v for v in vantages
        ),
        now=reference_now(coverage, datetime.now(UTC)),
        zone=zone,
        emulated=emulated,
    )
    _show_banner(view)
    return view


def _show_banner(view: View) -> None:
    if view.emulated and view.coverage.last_at is not None:
        at = escape_markdown(view.text.moment(view.coverage.last_at, view.zone))
        st.warning(view.text("emulated.all", at=at))
    elif view.coverage.emulated:
        st.warning(view.text("emulated.some"))


def show_link(words: str, address: str) -> None:
    """Draw a link to another page of the dashboard, opened in its place; both are shown as text."""
    st.html(f'<a href="{escape(address)}" style="color:inherit;font-weight:650">{escape(words)}</a>')


def show_missing(what: str, next_step: str) -> None:
    """Draw what is missing and the exact next step, where a chart would have been empty."""
    with st.container(border=True, key="missing"):
        st.markdown(what)
        st.markdown(next_step)


def show_no_measurements(view: View) -> None:
    """Say why there is nothing yet: no vantage point, none enabled, only errors, or no round so far."""
    text = view.text
    switched_on = [v for v in view.vantages if v.enabled and not v.removed]
    failing = [v for v in switched_on if v.last_error]
    if not switched_on:
        what, next_step = text("missing.no_vantages"), text("missing.no_vantages_next")
        if not view.vantages:
            what, next_step = text("missing.nothing"), text("missing.nothing_next")
    elif failing:
        last = max(failing, key=lambda v: v.last_error_at or datetime.min.replace(tzinfo=UTC))
        what = text(
            "missing.nothing_errors",
            name=escape_markdown(last.name),
            error=escape_markdown((last.last_error or "")[:300]),
        )
        next_step = text("missing.nothing_errors_next")
    else:
        what = text("missing.nothing_vantages", n=text.number(len(switched_on)))
        next_step = text("missing.nothing_next")
    show_missing(what, next_step)


def show_download(
    label: str, build: Callable[[], bytes], *, file_name: str, key: str, disabled: bool = False
) -> None:
    """Draw a button; the file is built when it is pressed, not with every page."""
    st.download_button(
        label, data=build, file_name=file_name, mime="text/csv", key=key, on_click="ignore", disabled=disabled
    )


def show_columns(text: Text, *column_lists: Sequence[str]) -> None:
    """Draw what the columns of the page's files mean."""
    with st.expander(text("now.columns")):
        columns = dict.fromkeys(column for columns in column_lists for column in columns)
        st.markdown("\n".join(f"- `{column}`: {text(f'column.{column}')}" for column in columns))
