"""What is said of an event, as sentences in one language. Pure.

Weak evidence changes the word: "blocked" only where each network and target left a trace of a filter, "likely
blocked" where it rests on comparison, "suspected to be blocked" before it is confirmed.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from observatory.analysis.events.publication import has_end_from_rule_change, is_proven, publishable
from observatory.model import Certainty, Event, Interval, load_zone
from observatory.text import Text
from observatory.text.reasons import why_sentence

# How many names fit in a sentence: in a headline, and where there is room.
FEW: Final = 2
MANY: Final = 12


def finding(event: Event, text: Text, *, most: int = FEW) -> str:
    """Return what happened as one sentence: `t.me is blocked on Telkomsel, XL and 4 more networks.`

    Shape:  in the past once all of it ended; at most `most` names of networks, and of targets, and a count
            of the others.
    """
    event = publishable(event)
    targets = event.targets
    key = "event_words.blocked_now"
    if event.end is not None:
        key = "event_words.blocked_once" if has_end_from_rule_change(event) else "event_words.blocked_then"
    return text.count(
        key,
        len(targets),
        targets=shortened(targets, text, most=most, more="count.more_targets"),
        blocked=blocked_words(event, text),
        networks=shortened(network_names(event), text, most=most, more="count.more_networks"),
    )


def describe(event: Event, text: Text) -> tuple[str, ...]:
    """Return everything to say about an event, a sentence each: what, where, when, how sure, how."""
    event = publishable(event)
    sentences = [finding(event, text, most=MANY)]
    if len({spell.series for spell in event.spells}) < len(event.networks) * len(event.targets):
        sentences.append(text("event_words.not_each"))
    partial = [spell.partial for spell in event.spells]
    if any(partial) and not all(partial):
        sentences.append(text("event_words.partial_some"))
    sentences += [onset_sentence(event, text), end_sentence(event, text)]
    if windows := windows_sentence(event, text):
        sentences.append(windows)
    gone = any(spell.counts_whole_hours for spell in event.spells)
    return (
        *sentences,
        certainty_sentence(event, text),
        *([why] if (why := why_sentence(event, text)) else []),
        basis_sentence(event, text),
        *([text("event_words.whole_hours")] if gone else []),
        how_sentence(event, text),
    )


def blocked_words(event: Event, text: Text) -> str:
    """Return the word that the evidence allows: `blocked`, `likely blocked`, `suspected to be blocked` …"""
    if event.certainty is Certainty.SUSPECTED:
        word = text("event_words.suspected")
    else:
        word = text(_by_proof(event, "event_words.proven", "event_words.mixed", "event_words.compared"))
    return text("event_words.in_part", blocked=word) if all(s.partial for s in event.spells) else word


def onset_words(onset: Interval, zone: ZoneInfo, text: Text) -> str:
    """Return `since before …`, or between when and when, in UTC and in a zone."""
    if onset.after is None:
        return text("event_words.since_before", by=text.moment(onset.by, zone))
    return text.span(onset.after, onset.by, zone)


def end_words(end: Interval, zone: ZoneInfo, text: Text) -> str:
    """Return `before …`, or between when and when, in UTC and in a zone."""
    if end.after is None:
        return text("event_words.before", by=text.moment(end.by, zone))
    return text.span(end.after, end.by, zone)


def onset_sentence(event: Event, text: Text) -> str:
    """Return the sentence on the onset."""
    if event.spells and all(spell.onset_from_rule_change for spell in event.spells):
        return text("event_words.onset_from_rule_change")
    when = onset_words(event.onset, event_zone(event), text)
    key = "event_words.first_seen" if event.onset.after is None else "event_words.began"
    return text(key, when=when)


def end_sentence(event: Event, text: Text) -> str:
    """Return the sentence on the end, or on the networks where it has ended, or that no end was seen."""
    zone, end = event_zone(event), event.end
    if end is not None:
        if has_end_from_rule_change(event):
            return text("event_words.end_from_rule_change")
        return text("event_words.ended", when=end_words(end, zone, text))
    ongoing = {spell.asn for spell in event.spells if spell.end is None}
    over = [name for asn, name in names_by_asn(event).items() if asn not in ongoing]
    if over:
        return text(
            "event_words.ended_some", networks=shortened(over, text, most=MANY, more="count.more_networks")
        )
    return text("event_words.no_end")


def windows_sentence(event: Event, text: Text) -> str:
    """Return the sentence on the times of day at which it is blocked; empty when it is blocked all day."""
    spans = dict.fromkeys(
        f"{text.clock(window.start)}–{text.clock(window.to)} ({spell.zone})"
        for spell in event.spells
        for window in spell.windows
    )
    return text("event_words.windows", spans=shortened(tuple(spans), text, most=MANY)) if spans else ""


def certainty_sentence(event: Event, text: Text) -> str:
    """Return how sure it is, and on what kind of evidence."""
    if event.certainty is Certainty.SUSPECTED:
        return text("event_words.is_suspected")
    return text(_by_proof(event, "event_words.is_proven", "event_words.is_mixed", "event_words.is_compared"))


def basis_sentence(event: Event, text: Text) -> str:
    """Return how many measurements found it blocked, of those that could be judged."""
    return text(
        "event_words.basis",
        blocked=text.number(sum(spell.portion.n_blocked for spell in event.spells)),
        judged=text.number(sum(spell.portion.n_judged for spell in event.spells)),
    )


def how_sentence(event: Event, text: Text) -> str:
    """Return the mechanisms in plain words, the most frequent first."""
    words = [how_words(mechanism, text) for mechanism in event.mechanisms]
    if not words:
        return text("event_words.how_unknown")
    return text("event_words.how", how="; ".join(dict.fromkeys(words)))


def how_words(mechanism: str, text: Text) -> str:
    """Return a mechanism in plain words; of an unknown path, those of its nearest known parent."""
    path = mechanism
    while path:
        if text.has(f"mechanism.{path}"):
            return text(f"mechanism.{path}")
        path = path.rpartition(".")[0]
    return mechanism


def shortened(names: Sequence[str], text: Text, *, most: int = FEW, more: str = "count.more") -> str:
    """Return a list of at most `most` names and a count of the others; a single one more is named too."""
    if len(names) <= most + 1:
        return text.listed(names)
    return text.listed([*names[:most], text.count(more, len(names) - most)])


def network_names(event: Event) -> tuple[str, ...]:
    """Return what to call the networks, in the order in which they began.

    Shape:  the ISP's name; with its ASN where two networks share it; the ASN alone where there is no name.
    """
    return tuple(names_by_asn(event).values())


def names_by_asn(event: Event) -> dict[int, str]:
    """Return what to call each network, in the order in which they began. Shape: as `network_names`."""
    networks = event.networks
    shared = Counter(networks.values())
    return {
        asn: f"AS{asn}" if not name else f"{name} (AS{asn})" if shared[name] > 1 else name
        for asn, name in networks.items()
    }


def event_zone(event: Event) -> ZoneInfo:
    """Return the time zone of most of its spells; UTC where this machine does not know it."""
    counted = Counter(spell.zone for spell in event.spells)
    return load_zone(counted.most_common(1)[0][0]) if counted else load_zone("UTC")


def _by_proof(event: Event, all_proven: str, some_proven: str, none_proven: str) -> str:
    proven = [is_proven(spell) for spell in event.spells]
    return all_proven if all(proven) else some_proven if any(proven) else none_proven
