"""Why it is as sure as it is, in a sentence: what was seen how often, on how many networks, and the control.

`36 forged answers in 2 rounds on 3 networks; none at the control.` Pure.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.events.publication import publishable
from observatory.model import Confirmation, Event, EvidenceKind, Portion, Spell
from observatory.text import Text

# What an artefact is called, by how its mechanism begins; anything else, and several together, are traces.
_NAMES: Final = (
    ("dns.injection", "why.forged_answers"),
    ("dns.", "why.refusals"),
    ("http.", "why.block_pages"),
    ("tls.mitm", "why.certificates"),
)
_OTHERS: Final = {
    EvidenceKind.ARTEFACT: "why.traces",
    EvidenceKind.PAIR: "why.pairs",
    EvidenceKind.SILENCE: "why.silences",
}
_REMARKS: Final = {
    Confirmation.ROUTING_RULED_OUT: "why.routing_ruled_out",
    Confirmation.OUTLASTS_FAULTS: "why.outlasts_faults",
    Confirmation.SHARE: "why.share",
}


def why_sentence(event: Event, text: Text) -> str:
    """Return what made an event more than a suspicion, or what a suspicion rests on; empty where not kept.

    Shape:  of measurements, those up to the round in which it was confirmed; of an event that holds spells
            of several kinds, the strongest kind alone.
    """
    spells = publishable(event).spells
    times = {id(spell): _times(spell) for spell in spells}
    kind = min((s.evidence.kind for s in spells if times[id(s)]), key=list(EvidenceKind).index, default=None)
    if kind is None:
        return ""
    counted = [spell for spell in spells if times[id(spell)] and spell.evidence.kind is kind]
    confirmed = [spell.confirmed_at for spell in counted if spell.confirmed_at is not None]
    until = min(confirmed) + _half_a_round(times[id(s)] for s in counted) if confirmed else None
    seen = {id(s): [at for at in times[id(s)] if until is None or at <= until] for s in counted}
    counted = [spell for spell in counted if seen[id(spell)]]
    n = sum(len(seen[id(spell)]) for spell in counted)
    if not n:
        return ""
    sentence = text(
        "why.sentence",
        seen=text.count(_name(kind, counted), n),
        rounds=text.count("why.rounds", max(len(seen[id(spell)]) for spell in counted)),
        networks=text.count("count.networks", len({spell.asn for spell in counted})),
        control=_control_words(counted, text),
    )
    rule = _first_rule(counted)
    remark = None if rule is None else _REMARKS.get(rule)
    return f"{sentence} {text(remark)}" if remark else sentence


def contradiction_words(spell: Spell, text: Text) -> str:
    """Return which vantage points of the same network reached the target meanwhile; empty where none did."""
    names = spell.evidence.contradicted_by
    return text("why.contradicted", names=text.listed(names)) if names else ""


def _times(spell: Spell) -> tuple[datetime, ...]:
    shown = spell.evidence
    return shown.artefacts or shown.pairs or shown.failing


def _half_a_round(times: Iterable[tuple[datetime, ...]]) -> timedelta:
    """The rest of the round that was enough was seen as well: targets are not all measured at one moment."""
    return min((known[1] - known[0] for known in times if len(known) > 1), default=timedelta()) / 2


def _name(kind: EvidenceKind, spells: Iterable[Spell]) -> str:
    if kind is not EvidenceKind.ARTEFACT:
        return _OTHERS[kind]
    first = [spell.methods[0].mechanism or "" for spell in spells if spell.methods]
    names = {next((name for start, name in _NAMES if m.startswith(start)), _OTHERS[kind]) for m in first}
    return names.pop() if len(names) == 1 else _OTHERS[kind]


def _first_rule(spells: Iterable[Spell]) -> Confirmation | None:
    known = [(s.confirmed_at, s.confirmed_by) for s in spells if s.confirmed_at and s.confirmed_by]
    return min(known)[1] if known else None


def _control_words(spells: Iterable[Spell], text: Text) -> str:
    # The same measurements from outside are compared with every network: count those of a target once.
    widest: dict[str, Portion] = {}
    for spell in spells:
        known = widest.get(spell.target)
        if spell.control and (known is None or spell.control.n_judged > known.n_judged):
            widest[spell.target] = spell.control
    judged = sum(control.n_judged for control in widest.values())
    failed = sum(control.n_blocked for control in widest.values())
    if not judged:
        return text("why.control_unknown")
    if not failed:
        return text("why.control_none")
    return text("why.control_some", failed=text.number(failed), judged=text.number(judged))
