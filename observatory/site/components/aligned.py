"""Over time, aligned: how much each network blocked, counted from its own onset."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC

import streamlit as st

from observatory.analysis.events.publication import is_published, publishable
from observatory.figures import draw_share
from observatory.model import Event, Grain, Role
from observatory.model.views import Share, VantageStatus
from observatory.site.components.address import choose_one
from observatory.site.components.page import PLOTLY, View, show_columns, show_download, show_missing
from observatory.site.reads import read_events, read_share
from observatory.text.events import event_zone, names_by_asn, onset_words
from observatory.views.addresses import event_address
from observatory.views.aligned import ZERO, Alignment, align, count_steps, plan_alignment
from observatory.views.charts import Caption, ChartRow, TimeAxis
from observatory.views.csv import ALIGNED_COLUMNS, aligned_csv
from observatory.views.event_words import headline
from observatory.views.words import escape_markdown


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aligned:
    """One event's networks; `shares` are theirs (keys are ASNs), moved to `ZERO`."""

    plan: Alignment
    shares: tuple[Share, ...]


def show_aligned(view: View) -> None:
    """Draw the chart of one event, and what is left out of it. Errors: StoreError."""
    text = view.text
    revisions = read_events(view.url, view.coverage, view.emulated)
    events = {revision.event.id: revision.event for revision in revisions if is_published(revision.event)}
    if not events:
        show_missing(text("aligned.none"), text("aligned.none_next"))
        return
    id_ = next(iter(events))
    if len(events) > 1:
        names = {own: f"{headline(event, text)} ({own})" for own, event in events.items()}
        id_ = choose_one("event", text("aligned.event"), list(events), lambda key: names.get(key, key))
    aligned = _align(view, events[id_])
    _show_chart(view, aligned)
    _show_networks(view, aligned)
    show_columns(text, ALIGNED_COLUMNS)


def _align(view: View, event: Event) -> _Aligned:
    plan = plan_alignment(event, view.coverage.last_at)
    probes = {v.id: v.asn for v in view.vantages if v.role is Role.PROBE and v.asn in plan.onsets}
    shares = read_share(
        view.url,
        view.coverage,
        Grain.HOUR,
        plan.start,
        plan.end,
        "vantage",
        plan.targets,
        tuple(probes),
        view.emulated,
    )
    return _Aligned(plan=plan, shares=align(plan, shares, probes))


def _show_chart(view: View, aligned: _Aligned) -> None:
    text, plan = view.text, aligned.plan
    names = names_by_asn(publishable(plan.event))
    at = view.coverage.last_at
    source = text(
        "over_time.source",
        n=text.count("count.measurements", sum(share.n for share in aligned.shares)),
        at=text.moment(at, view.zone) if at else "",
    )
    figure = draw_share(
        aligned.shares,
        rows=[ChartRow(key=str(asn), name=names[asn]) for asn in plan.onsets],
        axis=TimeAxis(
            start=ZERO - plan.before,
            end=ZERO + count_steps(aligned.shares, plan.step) * plan.step,
            grain=plan.grain,
            zone=UTC,
            title=text("aligned.axis_hour" if plan.grain is Grain.HOUR else "aligned.axis_day"),
            zero=ZERO,
        ),
        caption=Caption(
            title=text("aligned.title"),
            scope=text("aligned.scope", id=plan.event.id),
            source=view.sourced(source),
        ),
        text=text,
        theme=view.theme,
    )
    st.plotly_chart(
        figure,
        theme=None,
        config=PLOTLY,
        key="aligned",
        alt=text("over_time.share_alt", title=text("aligned.title")),
        height=int(figure.layout.height),
    )
    st.caption(text("aligned.note"))
    show_download(
        text("aligned.download"),
        lambda: aligned_csv(
            aligned.shares,
            event=plan.event,
            onsets={asn: onset.by for asn, onset in plan.onsets.items()},
            zero=ZERO,
            step=plan.step,
        ),
        file_name=f"telegram-since-onset-{plan.event.id}.csv",
        key="download.aligned",
    )


def _show_networks(view: View, aligned: _Aligned) -> None:
    text, plan, event = view.text, aligned.plan, aligned.plan.event
    names, zone = names_by_asn(publishable(event)), event_zone(event)
    drawn = {int(share.key) for share in aligned.shares}
    st.markdown(f"[{escape_markdown(headline(event, text))}]({event_address(event.id, text.language)})")
    lines = [
        text("aligned.onset_of", network=names[asn], when=onset_words(onset, zone, text))
        for asn, onset in plan.onsets.items()
    ]
    with st.expander(text("aligned.onsets")):
        st.markdown("\n".join(f"- {escape_markdown(line)}" for line in lines))
    left_out = _others(view.vantages, set(names))
    if left_out:
        st.caption(escape_markdown(text("aligned.left_out", networks=text.listed(left_out))))
    unmeasured = [names[asn] for asn in names if asn not in drawn]
    if unmeasured:
        st.caption(escape_markdown(text("aligned.unmeasured", networks=text.listed(unmeasured))))


def _others(vantages: Sequence[VantageStatus], asns: set[int]) -> list[str]:
    others = [v for v in vantages if v.role is Role.PROBE and v.last_seen_at is not None]
    return list(dict.fromkeys(v.isp for v in others if v.asn not in asns))
