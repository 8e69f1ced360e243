"""The script of the replay, derived from the known dates: who blocks what, from when, until when. Pure.

Only networks that a source names block anything. Most sources give an interval, not a moment: where a
network was seen blocked "by" some time, the script takes the middle between the last time without a
report and the first report. No source says which technique a network used; the one here is our choice.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

WIB: Final = timezone(timedelta(hours=7), "WIB")
FIRST_DAY: Final = datetime(2017, 7, 14, tzinfo=WIB)
LAST_DAY_END: Final = datetime(2017, 8, 13, tzinfo=WIB)

# Networks of the sources that the lab emulates, and the lab's censor that plays each.
PLAYED_BY: Final[dict[int, tuple[str, str]]] = {
    4761: ("indosat", "dns_blockpage"),
    23693: ("telkomsel", "dns_hijack"),
    17974: ("indihome", "dns_hijack"),
    24203: ("xl", "dns_injection"),
    23700: ("firstmedia", "dns_blockpage"),
    45727: ("tri", "dns_blockpage"),
}
# "Still closed: t.me, venus/pluto/flora/flora-1.web; other 6 open" (detik, 10 August).
LIFTED_LAST: Final = (
    "t.me",
    "venus.web.telegram.org",
    "pluto.web.telegram.org",
    "flora.web.telegram.org",
    "flora-1.web.telegram.org",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """At this moment of the calendar the censor of an ISP is set to exactly these hosts (none: off)."""

    at: datetime
    isp: str
    censor: str
    hosts: tuple[str, ...]


def write_script(events: Sequence[Mapping[str, Any]], hosts: Sequence[str]) -> tuple[Switch, ...]:
    """Return the switches of the replay in order.

    Shape:  the events of indonesia_2017.yaml and the eleven names -> for each named network one onset and
            its end, in one step or two.
    Errors: ValueError when the events lack the order, the lifting letter or the deadline.
    """
    ordered_at = _at(_one(events, "order"))
    letter_at = _at(_one(events, "unblock_order"))
    deadline_at = datetime.combine(_at(_one(events, "resolution_deadline")).date(), letter_at.timetz())
    onsets = _onsets(events, ordered_at)
    first = {asn for event in events if event["kind"] == "partial" for asn in _asns(event)}
    switches = []
    for asn, onset in onsets.items():
        isp, censor = PLAYED_BY[asn]
        switches.append(Switch(at=onset, isp=isp, censor=censor, hosts=tuple(hosts)))
        if asn in first:
            lifted = letter_at + timedelta(hours=2)
            switches.append(Switch(at=lifted, isp=isp, censor=censor, hosts=()))
        else:
            # Six names opened on the day of the letter, the other five within the 24 hours it gave.
            evening = letter_at + timedelta(hours=8)
            switches.append(Switch(at=evening, isp=isp, censor=censor, hosts=LIFTED_LAST))
            switches.append(Switch(at=_middle(evening, deadline_at), isp=isp, censor=censor, hosts=()))
    return tuple(sorted(switches, key=lambda s: (s.at, s.isp)))


def round_times(
    switches: Sequence[Switch], *, every: timedelta = timedelta(hours=12), start: datetime = FIRST_DAY
) -> tuple[datetime, ...]:
    """Return when to measure: evenly over the calendar, and closely around every change."""
    times = set()
    at = start
    while at < LAST_DAY_END:
        times.add(at)
        at += every
    near = (timedelta(minutes=m) for m in (-60, -20, 5, 30, 90, 180))
    offsets = tuple(near)
    for change in {switch.at for switch in switches}:
        times |= {change + offset for offset in offsets}
    return _thinned(sorted(times), timedelta(minutes=15))


def _thinned(times: Sequence[datetime], apart: timedelta) -> tuple[datetime, ...]:
    kept: list[datetime] = []
    for at in times:
        if not kept or at - kept[-1] >= apart:
            kept.append(at)
    return tuple(kept)


def _onsets(events: Sequence[Mapping[str, Any]], ordered_at: datetime) -> dict[int, datetime]:
    onsets: dict[int, datetime] = {}
    unseen_at = ordered_at
    for event in sorted(events, key=lambda e: _at(e)):
        if event["kind"] == "onset":
            onsets |= {asn: _at(event) for asn in _asns(event)}
        elif event["kind"] == "observed_blocked":
            seen_at = _at(event)
            onsets |= {asn: _middle(unseen_at, seen_at) for asn in _asns(event) if asn not in onsets}
            unseen_at = seen_at
    return {asn: at for asn, at in onsets.items() if asn in PLAYED_BY}


def _one(events: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    for event in events:
        if event["kind"] == kind:
            return event
    raise ValueError(f"events: expected one of kind {kind!r}, found none")


def _at(event: Mapping[str, Any]) -> datetime:
    """A date without a time stands for the end of its day: what it reports was true by then."""
    value = str(event["at"])
    if "T" in value:
        return datetime.fromisoformat(value)
    return datetime.combine(date.fromisoformat(value), time(23, 59), tzinfo=WIB)


def _asns(event: Mapping[str, Any]) -> list[int]:
    return [int(number) for number in re.findall(r"\bAS(\d+)", event["scope"])]


def _middle(start: datetime, end: datetime) -> datetime:
    return start + (end - start) / 2
