"""What people read about an event, what, where, since when, how sure, where to look; and digests. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from observatory.analysis.events.publication import (
    has_end_from_rule_change,
    is_published,
    known_end,
    publishable,
)
from observatory.model import AlertKind, Event, Portion
from observatory.text import Text
from observatory.text.events import MANY, blocked_words, describe, finding, network_names, shortened

_MAX_LINE_CHARS: Final = 4000
# A digest has this many notices whole; of the others, their subjects alone.
_IN_FULL: Final = 10
# What a message is named after when several things are new at once: the first of these.
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
    """One piece of news for people: a subject of one line, and a text that can be read without it."""

    subject: str
    text: str


def name_kind(kinds: Collection[AlertKind], event: Event, before: Event | None) -> AlertKind:
    """Return what a message about an event is named after.

    Shape:  `before` is the event as the reader knows it; None for a first-time reader.
    """
    if event.withdrawn or (before is not None and is_published(before) and not is_published(event)):
        return AlertKind.WITHDRAWAL
    if before is None:
        return AlertKind.END if known_end(event) else AlertKind.ONSET
    if known_end(event) and not known_end(before):
        return AlertKind.END
    return min(kinds, key=lambda kind: _WEIGHT.index(kind) if kind in _WEIGHT else len(_WEIGHT))


def describe_event(
    text: Text, kinds: Collection[AlertKind], event: Event, before: Event | None, *, link: str
) -> Notice:
    """Return the notice of an event as it is now, with what is new to a reader who knows it as `before`.

    Shape:  of both, only what may be published is said.
    Errors: ValueError when neither has a spell: there is nothing to say.
    """
    event = publishable(event)
    before = publishable(before) if before is not None else None
    kind = name_kind(kinds, event, before)
    # A withdrawal repeats what was told.
    shown = before if before and (kind is AlertKind.WITHDRAWAL or not event.spells) else event
    if not shown.spells:
        raise ValueError(f"event {event.id}: expected at least one spell")
    word = blocked_words(shown, text)
    values = {
        "what": shortened([one_line(target) for target in shown.targets], text, more="count.more_targets"),
        "where": _count_networks(text, shown),
    }
    if kind is not AlertKind.WITHDRAWAL:
        values["blocked"] = word[:1].upper() + word[1:]
    is_open = kind is not AlertKind.WITHDRAWAL and shown.end is not None and has_end_from_rule_change(shown)
    subject = text("alert.subject_end_unknown" if is_open else f"alert.subject_{kind}", **values)
    lines = []
    if event.emulated:
        subject = f"{text('alert.emulated')}: {subject}"
        lines.append(text("alert.emulated_note"))
    lines += _news(text, kind, kinds, event, before)
    if kind is AlertKind.WITHDRAWAL:
        withdrawn = one_line(finding(shown, text, most=MANY), most=_MAX_LINE_CHARS)
        lines.append(text("alert.was_told", finding=withdrawn))
    else:
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
        lines.append(
            text(
                "alert.new_hosts",
                hosts=shortened(
                    [one_line(host) for host in hosts], text, most=MANY, more="count.more_targets"
                ),
            )
        )
    if not networks and not hosts and {s.series for s in event.spells} - {s.series for s in before.spells}:
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
    lines = [*describe(event, text)]
    controls = _controls(event)
    if controls:
        failed, judged = sum(c.n_blocked for c in controls), sum(c.n_judged for c in controls)
        lines.append(text("alert.control", failed=text.number(failed), judged=text.number(judged)))
    elif any(spell.n_control_unjudged for spell in event.spells):
        lines.append(text("alert.control_unjudged"))
    elif any(spell.n_control_offline for spell in event.spells):
        lines.append(text("alert.control_offline"))
    else:
        lines.append(text("alert.control_none"))
    return [one_line(line, most=_MAX_LINE_CHARS) for line in lines]


def join_notices(text: Text, notices: Sequence[Notice], *, channel: str, site: str) -> Notice:
    """Return one notice for all of them: itself when it is alone, a digest otherwise."""
    why = text("alert.why", channel=channel, site=site)
    if len(notices) == 1:
        return Notice(subject=notices[0].subject, text=f"{notices[0].text}\n\n{why}")
    word = text("alert.emulated")
    subject = text.count("alert.subject_digest", len(notices))
    if all(notice.subject.startswith(f"{word}: ") for notice in notices):
        subject = f"{word}: {subject}"
    parts = [text("alert.digest_intro")]
    parts += [f"{notice.subject}\n{notice.text}" for notice in notices[:_IN_FULL]]
    if rest := notices[_IN_FULL:]:
        parts.append("\n".join(f"{notice.subject} {notice.text.splitlines()[-1]}" for notice in rest))
    return Notice(subject=subject, text="\n\n".join([*parts, why]))


def one_line(name: str, *, most: int = 100) -> str:
    """Return words from elsewhere as they may appear in a subject or line: they cannot begin another one."""
    shown = "".join(char if char.isprintable() else " " for char in name)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _controls(event: Event) -> list[Portion]:
    # The same measurements from outside are compared with every network: count those of a target once.
    widest: dict[str, Portion] = {}
    for spell in event.spells:
        known = widest.get(spell.target)
        if spell.control and (known is None or spell.control.n_judged > known.n_judged):
            widest[spell.target] = spell.control
    return list(widest.values())


def _ended(event: Event) -> list[int]:
    going_on = {spell.asn for spell in event.spells if spell.end is None}
    return [asn for asn in event.networks if asn not in going_on]


def _count_networks(text: Text, event: Event) -> str:
    names = network_names(event)
    return one_line(names[0]) if len(names) == 1 else text.count("count.networks", len(names))


def _list_networks(text: Text, event: Event, asns: Collection[int]) -> str:
    among = replace(event, spells=tuple(spell for spell in event.spells if spell.asn in asns))
    return shortened(
        [one_line(name) for name in network_names(among)], text, most=MANY, more="count.more_networks"
    )
