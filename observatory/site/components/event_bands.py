"""The events of a chart's time range: as bands above it, and as a list with their pages."""

from collections.abc import Collection, Iterable

import streamlit as st

from observatory.analysis.events.publication import has_end_from_rule_change, is_published, publishable
from observatory.figures import Band, TimeAxis
from observatory.figures.bands import place_bands
from observatory.model import Event, Revision
from observatory.site.components.address import event_address
from observatory.text import Text
from observatory.text.events import end_sentence, onset_sentence
from observatory.views.event_words import headline
from observatory.views.words import escape_markdown


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


def show_bands(found: Iterable[tuple[Band, Event]], text: Text) -> None:
    """Draw the list that the labels of the bands point to."""
    lines = [_line(band, event, text) for band, event in found]
    if lines:
        st.subheader(text("events.band"), anchor=False)
        st.caption(text("events.band_intro"))
        st.markdown("\n".join(lines))


def _line(band: Band, event: Event, text: Text) -> str:
    part = publishable(event)
    link = f"[{escape_markdown(headline(event, text))}]({event_address(event.id, text.language)})"
    when = escape_markdown(f"{onset_sentence(part, text)} {end_sentence(part, text)}")
    return f"- **{band.label}** {link} {when}"
