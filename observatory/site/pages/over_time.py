"""Over time: blocked shares per network and per target, and the state of each pair, between two days."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from observatory.figures import draw_share, draw_timeline
from observatory.model import Cell
from observatory.model.views import Share
from observatory.site.components.address import choose_one
from observatory.site.components.aligned import show_aligned
from observatory.site.components.chart_range import BY_NETWORK, BY_TARGET, ChartRange, choose_range
from observatory.site.components.event_bands import show_bands
from observatory.site.components.known_dates import show_dates
from observatory.site.components.page import (
    PLOTLY,
    View,
    open_view,
    show_columns,
    show_download,
    show_missing,
    show_no_measurements,
)
from observatory.site.reads import REFRESH_S, read_gaps
from observatory.store import StoreError
from observatory.views.charts import Caption, ChartRow, network_rows
from observatory.views.csv import CELL_COLUMNS, SHARE_COLUMNS, cell_csv, share_csv
from observatory.views.words import escape_markdown

_CALENDAR: Final = "calendar"
_SINCE_ONSET: Final = "onset"


@st.fragment(run_every=4 * REFRESH_S)
def show() -> None:
    """Draw the page; drawn again by itself while it is open."""
    view = open_view()
    if view is None:
        return
    if not view.has_data:
        show_no_measurements(view)
        return
    try:
        st.title(view.text("page.over_time"), anchor=False)
        words = {key: view.text(f"aligned.{key}") for key in (_CALENDAR, _SINCE_ONSET)}
        time = choose_one("time", view.text("aligned.time"), list(words), words.__getitem__, as_buttons=True)
        if time == _SINCE_ONSET:
            show_aligned(view)
            return
        chosen = choose_range(view)
        if chosen is not None:
            _show_charts(chosen)
    except StoreError as error:
        show_missing(
            view.text("missing.store", detail=escape_markdown(str(error))), view.text("missing.store_next")
        )


def _show_charts(chosen: ChartRange) -> None:
    view, text = chosen.view, chosen.view.text
    by_network, by_target = chosen.shares(BY_NETWORK), chosen.shares(BY_TARGET)
    if not by_network:
        _show_empty_range(chosen)
        return
    rows_networks = network_rows(chosen.probes, {share.key for share in by_network})
    rows_targets = [ChartRow(key=target, name=target) for target in chosen.targets]
    st.subheader(text("over_time.heading_share"), anchor=False)
    left, right = st.columns(2)
    led = chosen.led_to_block(chosen.targets, tuple(v.id for v in chosen.probes))
    with left:
        _show_share(chosen, by_network, rows_networks, BY_NETWORK, led)
    with right:
        _show_share(chosen, by_target, rows_targets, BY_TARGET, led)
    st.caption(text("over_time.note_share"))
    _show_led(chosen, led)
    _show_timeline(chosen, rows_networks, rows_targets)
    show_bands(chosen.events, text)
    _show_known(chosen)
    show_columns(view.text, SHARE_COLUMNS, CELL_COLUMNS)


def _show_empty_range(chosen: ChartRange) -> None:
    view, text = chosen.view, chosen.view.text
    first, last = view.coverage.first_at, view.coverage.last_at
    if first is None or last is None:
        return
    if chosen.axis.start <= last and first < chosen.axis.end:
        show_missing(text("missing.selection", **chosen.span), text("missing.selection_next"))
        return
    covered = {"first": text.moment(first, view.zone), "last": text.moment(last, view.zone)}
    show_missing(
        escape_markdown(text("missing.range", **chosen.span, **covered)).replace(r"\*\*", "**"),
        text("missing.range_next"),
    )


def _show_share(
    chosen: ChartRange, shares: Sequence[Share], rows: Sequence[ChartRow], by: str, led: Sequence[Cell]
) -> None:
    view, text = chosen.view, chosen.view.text
    title = text("over_time.share_networks" if by == BY_NETWORK else "over_time.share_targets")
    scope = text("over_time.share_scope", group=text(f"group.{chosen.kind}"), **chosen.span)
    figure = draw_share(
        shares,
        rows=rows,
        axis=chosen.axis,
        caption=Caption(title=title, scope=scope, source=_source(view, sum(s.n for s in shares))),
        text=text,
        theme=view.theme,
        marks=chosen.marks,
        bands=chosen.bands,
    )
    _show_figure(figure, f"share.{by}", text("over_time.share_alt", title=title))
    show_download(
        text("over_time.download_share_networks" if by == BY_NETWORK else "over_time.download_share_targets"),
        lambda: share_csv(
            shares,
            by="vantage" if by == BY_NETWORK else "target",
            grain=chosen.axis.grain,
            kind=chosen.kind,
            vantages={v.id: v for v in view.vantages},
            emulated=view.emulated,
            led=led,
        ),
        file_name=_file_name(f"share-by-{by}", view),
        key=f"download.share.{by}",
    )


def _show_timeline(chosen: ChartRange, networks: Sequence[ChartRow], targets: Sequence[ChartRow]) -> None:
    view, text = chosen.view, chosen.view.text
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        by = choose_one(
            "view",
            text("over_time.view"),
            (BY_TARGET, BY_NETWORK),
            lambda v: text("over_time.by_host" if v == BY_TARGET else "over_time.by_network"),
            as_buttons=True,
        )
    with right:
        options = targets if by == BY_TARGET else networks
        names = {row.key: row.name for row in options}
        label = text("over_time.target" if by == BY_TARGET else "over_time.network")
        key = f"{chosen.kind}-{by}"
        one = choose_one(key, label, list(names), lambda k: names.get(k, k))
    hosts: tuple[str, ...]
    vantages: tuple[str, ...]
    if by == BY_TARGET:
        hosts, vantages = (one,), tuple(row.key for row in networks)
        rows, title = networks, text("over_time.timeline_target", target=names[one])
    else:
        hosts, vantages = chosen.targets, (one,)
        rows, title = targets, text("over_time.timeline_network", network=names[one])
    cells = chosen.cells(hosts, vantages)
    if not cells:
        show_missing(text("missing.selection", **chosen.span), text("missing.selection_next"))
        return
    bucket = text(f"over_time.bucket_{chosen.axis.grain}")
    figure = draw_timeline(
        cells,
        rows=rows,
        by="vantage" if by == BY_TARGET else "target",
        axis=chosen.axis,
        caption=Caption(
            title=title,
            scope=text("over_time.timeline_scope", bucket=bucket, **chosen.span),
            source=_source(view, sum(cell.n for cell in cells)),
        ),
        text=text,
        theme=view.theme,
        gaps=_gaps(chosen, by, one),
        marks=chosen.marks,
        bands=chosen.bands,
    )
    _show_figure(figure, "timeline", text("over_time.timeline_alt", title=title))
    st.caption(text("over_time.note_timeline"))
    led = chosen.led_to_block(hosts, vantages)
    _show_led(chosen, led)
    show_download(
        text("over_time.download_timeline"),
        lambda: cell_csv(
            cells,
            grain=chosen.axis.grain,
            kinds=dict.fromkeys(chosen.targets, chosen.kind),
            vantages={v.id: v for v in view.vantages},
            emulated=view.emulated,
            led=led,
        ),
        file_name=_file_name("timeline", view),
        key="download.timeline",
    )


def _show_led(chosen: ChartRange, led: Sequence[Cell]) -> None:
    """Say what these charts count as ok though its visitors get nowhere."""
    if led:
        st.caption(chosen.view.text.count("over_time.led", sum(cell.n for cell in led)))


def _gaps(chosen: ChartRange, by: str, one: str) -> tuple[Any, ...]:
    gaps = read_gaps(chosen.view.url, chosen.view.coverage, chosen.axis.start, chosen.axis.end)
    return gaps if by == BY_TARGET else tuple(gap for gap in gaps if gap.vantage == one)


def _show_known(chosen: ChartRange) -> None:
    text = chosen.view.text
    if not chosen.known:
        return
    st.subheader(text("over_time.known"), anchor=False)
    st.caption(text("over_time.known_intro"))
    show_dates(chosen.known, text)


def _show_figure(figure: Any, key: str, alt: str) -> None:
    st.plotly_chart(figure, theme=None, config=PLOTLY, key=key, alt=alt, height=int(figure.layout.height))


def _source(view: View, n: int) -> str:
    text = view.text
    at = view.coverage.last_at
    line = text(
        "over_time.source",
        n=text.count("count.measurements", n),
        at=text.moment(at, view.zone) if at else "",
    )
    return view.sourced(line)


def _file_name(what: str, view: View) -> str:
    return f"telegram-{what}-emulated.csv" if view.emulated else f"telegram-{what}.csv"
