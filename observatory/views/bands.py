"""Events as bands above a chart: which of them, from when to when, on which lane. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime

from observatory.analysis.events.publication import has_end_from_rule_change, is_published, publishable
from observatory.model import Event, Revision
from observatory.views.charts import Band, TimeAxis


def find_bands(
    revisions: Iterable[Revision], axis: TimeAxis, targets: Collection[str]
) -> tuple[tuple[Band, Event], ...]:
    """Return the confirmed events about any of the targets that touch the axis, oldest first: E1, E2 …"""
    own = [
        revision.event
        for revision in revisions
        if is_published(revision.event) and not set(targets).isdisjoint(publishable(revision.event).targets)
    ]
    near = [event for event in own if place_bands([make_band(event, "")], axis)]
    ordered = sorted(near, key=lambda event: (event.onset.by, event.id))
    return tuple((make_band(event, f"E{number}"), event) for number, event in enumerate(ordered, start=1))


def make_band(event: Event, label: str) -> Band:
    """Return an event as a band; an end that only our rules brought is not drawn."""
    part = publishable(event)
    onset, end = part.onset, part.end
    if end is None:
        return Band(label=label, earliest=onset.after, start=onset.by)
    return Band(
        label=label,
        earliest=onset.after,
        start=onset.by,
        end=end.after or onset.by,
        latest=None if has_end_from_rule_change(part) else end.by,
    )


def place_bands(bands: Iterable[Band], axis: TimeAxis) -> tuple[tuple[Band, int], ...]:
    """Return the bands that touch the axis, each with its lane: those of one time do not share one."""
    ends: list[datetime] = []
    placed: list[tuple[Band, int]] = []
    for band in sorted(bands, key=lambda band: band_reach(band, axis)[0]):
        left, right = band_reach(band, axis)
        if left >= axis.end or right <= axis.start:
            continue
        lane = next((number for number, end in enumerate(ends) if end <= left), len(ends))
        ends[lane : lane + 1] = [right]
        placed.append((band, lane))
    return tuple(placed)


def band_reach(band: Band, axis: TimeAxis) -> tuple[datetime, datetime]:
    """Return from when to when at most; to the edges of the axis where unknown."""
    left = band.earliest if band.earliest is not None else min(axis.start, band.start)
    right = band.latest if band.latest is not None else max(axis.end, band.end or band.start)
    return left, right
