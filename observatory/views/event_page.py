"""What the page of one event shows: which of its networks, over which time, and single sentences. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from observatory.model import Event, Grain, Revision, Spell, load_zone
from observatory.text import Text, zone_name
from observatory.text.events import MANY, names_by_asn, shortened
from observatory.views.charts import TimeAxis
from observatory.views.event_words import silence_words
from observatory.views.spell_rows import SpellRow

ALL: Final = "all"
# A chart of more networks is too long to be read: it comes in parts.
_PER_PART: Final = 10
_MARGIN: Final = 0.04
_HOURLY_UP_TO: Final = timedelta(days=60)


def network_choices(event: Event, text: Text) -> dict[str, str]:
    """Return what the page can be narrowed to, with its name: all networks or a part of them, or one."""
    names = names_by_asn(event)
    options = {ALL: text("event.show_all")}
    if len(names) > _PER_PART:
        firsts = range(1, len(names) + 1, _PER_PART)
        options = {
            f"part-{number}": text(
                "event.show_part", first=first, last=min(first + _PER_PART - 1, len(names))
            )
            for number, first in enumerate(firsts, start=1)
        }
    return options | {f"AS{asn}": name for asn, name in names.items()}


def chosen_networks(event: Event, choice: str) -> dict[int, str]:
    """Return the networks that a choice means.

    Shape:  `ALL` means all networks of a small event, and the first part of a large one.
    """
    names = names_by_asn(event)
    asns = list(names)
    own = asns[:_PER_PART]
    if choice.startswith("part-"):
        start = (int(choice.removeprefix("part-")) - 1) * _PER_PART
        own = asns[start : start + _PER_PART]
    elif choice != ALL:
        own = [int(choice.removeprefix("AS"))]
    return {asn: names[asn] for asn in own}


def known_until(revision: Revision, last_at: datetime | None) -> datetime:
    """Return when the last measurement was made that could have shown an end.

    Shape:  `last_at` is the last of the event's own kind, real or emulated; None where it is not known.
    """
    if last_at is not None:
        return last_at
    return max([revision.at, *(w.at for spell in revision.event.spells for w in spell.witnesses)])


def event_axis(spells: Sequence[Spell], until: datetime, zone: ZoneInfo, text: Text) -> TimeAxis:
    """Return the time that the spells take, with a margin on both sides; what goes on reaches to `until`."""
    first = min(spell.onset.after or spell.onset.by for spell in spells)
    last = max(spell.end.by if spell.end else until for spell in spells)
    margin = max((last - first) * _MARGIN, timedelta(hours=1))
    start = (first - margin).replace(minute=0, second=0, microsecond=0)
    end = last + margin
    return TimeAxis(
        start=start,
        end=end,
        grain=Grain.HOUR if end - start <= _HOURLY_UP_TO else Grain.DAY,
        zone=zone,
        title=text("event.timeline_axis", zone=zone_name(start.astimezone(zone))),
    )


def window_sentences(rows: Sequence[SpellRow], text: Text) -> list[str]:
    """Return which targets were blocked at certain hours of the day only."""
    return [
        text(
            "event.window",
            network=row.isp,
            target=shortened(row.targets, text, most=MANY, more="count.more_targets"),
            spans=text.listed(
                [f"{text.clock(window.start)}–{text.clock(window.to)}" for window in spell.windows]
            ),
            zone=spell.zone,
        )
        for row in rows
        for spell in row.spells
        if spell.windows
    ]


def silence_sentences(rows: Sequence[SpellRow], text: Text) -> list[str]:
    """Return when nothing was measured."""
    return [
        text(
            "event.silence_of",
            network=row.isp,
            target=shortened(row.targets, text, most=MANY, more="count.more_targets"),
            what=silence_words(silence, load_zone(spell.zone), text),
        )
        for row in rows
        for spell in row.spells
        for silence in spell.silences
    ]
