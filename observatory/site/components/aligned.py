"""Over time, aligned: how much each network blocked, counted from its own onset."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from observatory.analysis.events.publication import is_published, publishable
from observatory.figures import Caption, ChartRow, TimeAxis, draw_share
from observatory.model import Event, Grain, Interval, Role
from observatory.site.components.address import choose_one, event_address
from observatory.site.components.page import PLOTLY, View, show_columns, show_download, show_missing
from observatory.site.reads import read_events, read_share
from observatory.store import Share, VantageStatus
from observatory.text.events import event_zone, names_by_asn, onset_words
from observatory.views.csv import ALIGNED_COLUMNS, aligned_csv
from observatory.views.event_words import headline
from observatory.views.words import escape_markdown

# Only distances from it are shown.
ZERO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_HOURS_UP_TO: Final = timedelta(days=4)
_MOST: Final = timedelta(days=120)
_BEFORE: Final = {Grain.HOUR: 12, Grain.DAY: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aligned:
    """One event's networks with their onsets; `shares` are of networks (keys are ASNs), moved to `ZERO`."""

    event: Event
    onsets: dict[int, Interval]
    grain: Grain
    shares: tuple[Share, ...]

    @property
    def axis_steps(self) -> int:
        """Return how many hours or days after the onset there is anything."""
        step = timedelta(hours=1) if self.grain is Grain.HOUR else timedelta(days=1)
        last = max((share.bucket_at for share in self.shares), default=ZERO)
        return max(1, (last - ZERO) // step + 1)


def align_shares(
    shares: Iterable[Share], asns: Mapping[str, int], onsets: Mapping[int, datetime], step: timedelta
) -> tuple[Share, ...]:
    """Return hourly shares of vantage points as those of networks, moved so that each onset lies at `ZERO`.

    Shape:  `asns` by vantage point, `onsets` by ASN; what has none is left out. A bucket is `step` long and
            starts at a whole number of steps from the hour of the onset.
    """
    counted: dict[tuple[int, int], Counter[str]] = {}
    for share in shares:
        onset = onsets.get(asns.get(share.key, -1))
        if onset is None:
            continue
        n = (share.bucket_at - onset.replace(minute=0, second=0, microsecond=0)) // step
        counts = counted.setdefault((asns[share.key], n), Counter())
        counts.update(n_blocked=share.n_blocked, n_judged=share.n_judged, n=share.n)
    return tuple(
        Share(
            bucket_at=ZERO + n * step,
            key=str(asn),
            n_blocked=counts["n_blocked"],
            n_judged=counts["n_judged"],
            n=counts["n"],
        )
        for (asn, n), counts in sorted(counted.items())
    )


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
    part = publishable(event)
    onsets: dict[int, Interval] = {}
    for spell in sorted(part.spells, key=lambda s: (s.onset.by, s.isp, s.asn)):
        if not spell.onset_from_rule_change:
            onsets.setdefault(spell.asn, spell.onset)
    last = view.coverage.last_at or part.onset.by
    end = min(max(part.end.by if part.end else last, part.onset.by), part.onset.by + _MOST)
    grain = Grain.HOUR if end - part.onset.by <= _HOURS_UP_TO else Grain.DAY
    step = timedelta(hours=1) if grain is Grain.HOUR else timedelta(days=1)
    before = _BEFORE[grain] * step
    start = part.onset.by.replace(minute=0, second=0, microsecond=0) - before
    probes = {v.id: v.asn for v in view.vantages if v.role is Role.PROBE and v.asn in onsets}
    shares = read_share(
        view.url,
        view.coverage,
        Grain.HOUR,
        start,
        min(end + before, last + timedelta(hours=1)),
        "vantage",
        part.targets,
        tuple(probes),
        view.emulated,
    )
    moved = align_shares(shares, probes, {asn: onset.by for asn, onset in onsets.items()}, step)
    within = tuple(share for share in moved if share.bucket_at >= ZERO - before)
    return _Aligned(event=event, onsets=onsets, grain=grain, shares=within)


def _show_chart(view: View, aligned: _Aligned) -> None:
    text, grain = view.text, aligned.grain
    names = names_by_asn(publishable(aligned.event))
    step = timedelta(hours=1) if grain is Grain.HOUR else timedelta(days=1)
    at = view.coverage.last_at
    source = text(
        "over_time.source",
        n=text.count("count.measurements", sum(share.n for share in aligned.shares)),
        at=text.moment(at, view.zone) if at else "",
    )
    figure = draw_share(
        aligned.shares,
        rows=[ChartRow(key=str(asn), name=names[asn]) for asn in aligned.onsets],
        axis=TimeAxis(
            start=ZERO - _BEFORE[grain] * step,
            end=ZERO + aligned.axis_steps * step,
            grain=grain,
            zone=UTC,
            title=text("aligned.axis_hour" if grain is Grain.HOUR else "aligned.axis_day"),
            zero=ZERO,
        ),
        caption=Caption(
            title=text("aligned.title"),
            scope=text("aligned.scope", id=aligned.event.id),
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
            event=aligned.event,
            onsets={asn: onset.by for asn, onset in aligned.onsets.items()},
            zero=ZERO,
            step=step,
        ),
        file_name=f"telegram-since-onset-{aligned.event.id}.csv",
        key="download.aligned",
    )


def _show_networks(view: View, aligned: _Aligned) -> None:
    text, event = view.text, aligned.event
    names, zone = names_by_asn(publishable(event)), event_zone(event)
    drawn = {int(share.key) for share in aligned.shares}
    st.markdown(f"[{escape_markdown(headline(event, text))}]({event_address(event.id, text.language)})")
    lines = [
        text("aligned.onset_of", network=names[asn], when=onset_words(onset, zone, text))
        for asn, onset in aligned.onsets.items()
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
