"""What people read about an event: what, where, since when, how sure, and where to look. Pure."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from observatory.model import AlertKind, Certainty, Event, Interval, Portion, Spell
from observatory.text import Text

_NAMES_IN_SUBJECT: Final = 2
# More than this nobody reads; the page that the link leads to has them all.
_NAMES_IN_TEXT: Final = 30
_HOWS: Final = 3
_MAX_NAME_CHARS: Final = 100
# What a message is called after when several things are to be told at once: the first that happened.
_WEIGHT: Final = (
    AlertKind.WITHDRAWAL,
    AlertKind.END,
    AlertKind.ONSET,
    AlertKind.CORRECTION,
    AlertKind.SPREAD,
    AlertKind.PARTIAL_END,
    AlertKind.METHOD,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing told: a line, and a text that stands on its own."""

    subject: str
    text: str


def name_kind(kinds: Collection[AlertKind], event: Event, before: Event | None) -> AlertKind:
    """Return what a message about an event is called after.

    Shape:  `before` is the event as the reader knows it; None when it was never told.
    """
    if event.withdrawn:
        return AlertKind.WITHDRAWAL
    if before is None:
        return AlertKind.END if event.end else AlertKind.ONSET
    if event.end and not before.end:
        return AlertKind.END
    return min(kinds, key=lambda kind: _WEIGHT.index(kind) if kind in _WEIGHT else len(_WEIGHT))


def describe_event(
    text: Text, kinds: Collection[AlertKind], event: Event, before: Event | None, *, link: str
) -> Notice:
    """Return the notice of an event as it stands, with what is new to a reader who knows it as `before`.

    Errors: ValueError when neither has a spell: there is nothing to say.
    """
    kind = name_kind(kinds, event, before)
    shown = event if event.spells or before is None else before
    if not shown.spells:
        raise ValueError(f"event {event.id}: expected at least one spell")
    key = "suspected" if kind is AlertKind.ONSET and shown.certainty is Certainty.SUSPECTED else kind.value
    subject = text(
        f"alert.subject_{key}",
        what=text.listed(_cut(text, shown.targets, _NAMES_IN_SUBJECT)),
        where=_count_networks(text, shown),
    )
    lines = []
    if event.emulated:
        subject = f"{text('alert.emulated')}: {subject}"
        lines.append(text("alert.emulated_note"))
    lines += _news(text, kind, kinds, event, before)
    lines += _facts(text, shown)
    lines.append(text("alert.link", link=link))
    return Notice(subject=subject, text="\n".join(lines))


def _news(
    text: Text, kind: AlertKind, kinds: Collection[AlertKind], event: Event, before: Event | None
) -> list[str]:
    if kind is AlertKind.WITHDRAWAL:
        return [text("alert.new_withdrawal")]
    if before is None:
        return []
    lines = []
    networks = [asn for asn in event.networks if asn not in before.networks]
    hosts = [target for target in event.targets if target not in before.targets]
    if networks:
        lines.append(text("alert.new_networks", networks=_list_networks(text, event, networks)))
    if hosts:
        lines.append(text("alert.new_hosts", hosts=text.listed(_cut(text, hosts, _NAMES_IN_TEXT))))
    if not networks and not hosts and {_pair(s) for s in event.spells} - {_pair(s) for s in before.spells}:
        lines.append(text("alert.new_pairs"))
    ended = [asn for asn in _ended(event) if asn not in _ended(before)]
    if ended and event.end is None:
        lines.append(text("alert.new_ended", networks=_list_networks(text, event, ended)))
    if AlertKind.METHOD in kinds:
        lines.append(text("alert.new_method"))
    if AlertKind.CORRECTION in kinds:
        lines.append(text("alert.new_correction"))
    return lines


def _facts(text: Text, event: Event) -> list[str]:
    zone = zone_of(event)
    lines = [
        text("alert.what", hosts=text.listed(_cut(text, event.targets, _NAMES_IN_TEXT))),
        text("alert.where", networks=_list_networks(text, event, list(event.networks))),
    ]
    if len({_pair(spell) for spell in event.spells}) < len(event.targets) * len(event.networks):
        lines.append(text("alert.not_each"))
    began = "alert.began" if len({spell.onset for spell in event.spells}) == 1 else "alert.began_first"
    lines.append(text(began, when=_when(text, event.onset, zone)))
    if event.end:
        ended = "alert.ended" if len({spell.end for spell in event.spells}) == 1 else "alert.ended_last"
        lines.append(text(ended, when=_when(text, event.end, zone)))
    else:
        lines.append(text("alert.goes_on"))
    windows = dict.fromkeys((w.start, w.to) for spell in event.spells for w in spell.windows)
    if windows:
        shown = [f"{start:%H:%M}–{to:%H:%M}" for start, to in windows]
        lines.append(text("alert.daily", windows=text.listed(shown), zone=str(zone)))
    if any(spell.onset_is_ours or spell.end_is_ours for spell in event.spells):
        lines.append(text("alert.ours"))
    hows = [_how(text, mechanism) for mechanism in event.mechanisms[:_HOWS]]
    if hows:
        lines.append(text("alert.how", how="; ".join(hows)))
    if all(spell.partial for spell in event.spells):
        lines.append(text("alert.part"))
    portions = [spell.portion for spell in event.spells]
    lines.append(text(f"alert.sure_{event.certainty}", **_sums(text, portions)))
    controls = _controls(event)
    if controls:
        failed, judged = sum(c.n_blocked for c in controls), sum(c.n_judged for c in controls)
        lines.append(text("alert.control", failed=text.number(failed), judged=text.number(judged)))
    else:
        lines.append(text("alert.control_none"))
    return lines


def zone_of(event: Event) -> tzinfo:
    """Return the zone of most of an event; for Indonesia that of Jakarta, where none is known."""
    zones = Counter(spell.zone for spell in event.spells if spell.zone != "UTC")
    fallback = "Asia/Jakarta" if event.country == "ID" else "UTC"
    try:
        return ZoneInfo(zones.most_common(1)[0][0] if zones else fallback)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def one_line(name: str) -> str:
    """Return a name from elsewhere as it may stand in a subject or a line: it cannot begin another one."""
    shown = "".join(char if char.isprintable() else " " for char in name)
    return shown if len(shown) <= _MAX_NAME_CHARS else f"{shown[: _MAX_NAME_CHARS - 1]}…"


def _when(text: Text, interval: Interval, zone: tzinfo) -> str:
    if interval.after is None:
        return text("alert.since_before", at=text.moment(interval.by, zone))
    return text.span(interval.after, interval.by, zone)


def _how(text: Text, mechanism: str) -> str:
    key = f"mechanism.{mechanism}"
    return f"{text(key)} [{mechanism}]" if text.has(key) else one_line(mechanism)


def _sums(text: Text, portions: Sequence[Portion]) -> dict[str, str]:
    return {
        "blocked": text.number(sum(p.n_blocked for p in portions)),
        "judged": text.number(sum(p.n_judged for p in portions)),
    }


def _controls(event: Event) -> list[Portion]:
    # The same measurements from outside stand beside every network: count those of a target once.
    widest: dict[str, Portion] = {}
    for spell in event.spells:
        known = widest.get(spell.target)
        if spell.control and (known is None or spell.control.n_judged > known.n_judged):
            widest[spell.target] = spell.control
    return list(widest.values())


def _pair(spell: Spell) -> tuple[int, str]:
    return spell.asn, spell.target


def _ended(event: Event) -> list[int]:
    going_on = {spell.asn for spell in event.spells if spell.end is None}
    return [asn for asn in event.networks if asn not in going_on]


def _count_networks(text: Text, event: Event) -> str:
    networks = event.networks
    if len(networks) == 1:
        [(asn, isp)] = networks.items()
        return one_line(isp) or f"AS{asn}"
    return text.count("count.networks", len(networks))


def _list_networks(text: Text, event: Event, asns: Sequence[int]) -> str:
    names = event.networks
    shown = [text("alert.network", isp=names[asn], asn=asn) if names.get(asn) else f"AS{asn}" for asn in asns]
    return text.listed(_cut(text, shown, _NAMES_IN_TEXT))


def _cut(text: Text, names: Sequence[str], n_max: int) -> list[str]:
    shown = [one_line(name) for name in names[:n_max]]
    if len(names) <= n_max:
        return shown
    return [*shown, text.count("count.more", len(names) - n_max)]
