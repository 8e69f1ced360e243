"""What pages say of events besides the sentences of `observatory.text.events`. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from observatory.analysis.events.publication import Publication, judge_publication, publishable
from observatory.model import AlertKind, Certainty, Event, Revision, Silence, Spell
from observatory.text import Text
from observatory.text.events import MANY, describe, end_words, finding, onset_words, shortened


def headline(event: Event, text: Text, *, publication: Publication | None = None) -> str:
    """Return the finding as a sentence, after what a reader must know first: emulated, withdrawn.

    Shape:  `publication` is that of the newest revision, where `event` is an earlier one.
    """
    sentence = finding(event, text)
    if (publication or judge_publication(event)) is not Publication.PUBLISHED:
        sentence = text("feed.withdrawn", finding=sentence)
    return text("feed.emulated", finding=sentence) if event.emulated else sentence


def sentences(event: Event, text: Text) -> tuple[str, ...]:
    """Return all that an event says besides its headline; of a withdrawn one, what had been published."""
    lines: list[str] = []
    publication = judge_publication(event)
    if publication is not Publication.PUBLISHED:
        lines.append(text(f"feed.is_{publication}"))
    if publication is Publication.WITHDRAWN:
        lines.append(text("feed.was_told"))
    part = publishable(event)
    # The first sentence has more names than the headline, if there are any.
    lines += [line for line in describe(part, text) if line != finding(part, text)]
    by_rules = {spell.isp or f"AS{spell.asn}" for spell in event.spells if spell.end_from_rule_change}
    if by_rules and not all(spell.end_from_rule_change for spell in event.spells):
        lines.append(
            text(
                "event.end_from_rule_change_on",
                networks=shortened(sorted(by_rules), text, most=MANY, more="count.more_networks"),
            )
        )
    n_suspected = sum(spell.certainty is Certainty.SUSPECTED for spell in event.spells)
    if n_suspected and event.certainty is Certainty.CONFIRMED:
        lines.append(text.count("event.also_suspected", n_suspected))
    return tuple(lines)


def spell_onset_words(spell: Spell, zone: ZoneInfo, text: Text) -> str:
    if spell.onset_from_rule_change:
        return text("spells.not_known")
    return onset_words(spell.onset, zone, text)


def spell_end_words(spell: Spell, zone: ZoneInfo, text: Text) -> str:
    """Return when it ended, or that no end was seen, or that the end is not known."""
    if spell.end is None:
        return text("event_words.no_end")
    if spell.end_from_rule_change:
        return text("spells.not_known")
    return end_words(spell.end, zone, text)


def control_words(spells: Sequence[Spell], text: Text) -> str:
    """Return how often controls reached the targets all the while, and how often they could not tell."""
    known = [spell.control for spell in spells if spell.control is not None]
    n_judged = sum(control.n_judged for control in known)
    n_ok = n_judged - sum(control.n_blocked for control in known)
    parts = [text("event.control", ok=text.number(n_ok), n=text.number(n_judged))] if n_judged else []
    others = {
        "event.control_unjudged": sum(spell.n_control_unjudged for spell in spells),
        "event.control_offline": sum(spell.n_control_offline for spell in spells),
    }
    parts += [text(key, n=text.number(n)) for key, n in others.items() if n]
    return "; ".join(parts) or text("event.control_none")


def silence_words(silence: Silence, zone: ZoneInfo, text: Text) -> str:
    """Return whether no measurement came, none could be judged, or there was no connection, and when."""
    key = "event.silence_offline" if silence.offline else "event.silence"
    if silence.unjudged:
        key = "event.silence_both" if silence.offline else "event.silence_unjudged"
    return text(key, span=text.span(silence.start, silence.end, zone))


def cause_words(causes: Iterable[AlertKind], text: Text) -> str:
    """Return what was new in a revision of an event, starting with a capital."""
    listed = text.listed([text(f"event.cause_{cause}") for cause in causes])
    return listed[:1].upper() + listed[1:]


def difference_words(before: Event | None, after: Event, text: Text) -> str:
    """Return in short what a revision changed: `+5 networks, +1 method`."""
    old, new = count_parts(before), count_parts(after)
    parts = [
        text.count(f"event.count_{name}", abs(n), sign="+" if n > 0 else "−")
        for name in new
        if (n := new[name] - old[name])
    ]
    if before is not None and before.withdrawn != after.withdrawn:
        parts.append(text("event.change_withdrawn" if after.withdrawn else "event.change_restored"))
    return ", ".join(parts) or text("event.change_times")


def citation(revision: Revision, text: Text, *, zone: ZoneInfo, address: str, accessed_at: datetime) -> str:
    """Return a reference that can be copied: what, which revision, where, under which licence."""
    return text(
        "event.citation",
        site=text("app.title"),
        finding=headline(revision.event, text),
        id=revision.event.id,
        number=text.number(revision.number),
        at=text.moment(revision.at, zone),
        address=address,
        accessed=text.date(accessed_at),
    )


def count_parts(event: Event | None) -> dict[str, int]:
    """Return how many there are of each thing that a revision can change."""
    spells = event.spells if event else ()
    return {
        "networks": len({spell.asn for spell in spells}),
        "targets": len({spell.target for spell in spells}),
        "spells": len(spells),
        "methods": len({(m.layer, m.mechanism) for spell in spells for m in spell.methods}),
        "ended": sum(spell.end is not None and not spell.end_from_rule_change for spell in spells),
        "confirmed": sum(spell.certainty is Certainty.CONFIRMED for spell in spells),
    }


def versions_words(versions: Iterable[tuple[str, str]], text: Text) -> str:
    """Return which rules and reference data judged."""
    return text.listed(
        [text("events.versions", rules=rules, reference=reference) for rules, reference in versions]
    )
