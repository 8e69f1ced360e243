"""Which spells share a line: targets of one network to which everything happened at the same time. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from observatory.analysis.events.publication import is_proven
from observatory.model import Certainty, Interval, Portion, Spell
from observatory.text import Text

# A round measures its targets one after another: what differs by no more than that changed at one time.
SAME_TIME: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpellRow:
    """Targets of one network whose spells are alike.

    Shape:  `members` holds the spells of each of `targets`, in order of time; `spells` are those of the
            first, which represent all of them.
    """

    asn: int
    isp: str
    targets: tuple[str, ...]
    members: tuple[tuple[Spell, ...], ...]

    @property
    def spells(self) -> tuple[Spell, ...]:
        return self.members[0]

    def alike(self, number: int) -> tuple[Spell, ...]:
        """Return the n-th spell of every target."""
        return tuple(member[number] for member in self.members)


def group_rows(
    spells: Iterable[Spell], names: Mapping[int, str], *, each: bool = False
) -> tuple[SpellRow, ...]:
    """Return the lines of a chart or table, by network in the order of `names`, then by onset.

    Shape:  with `each`, one line for every target, alike or not, by name. Networks that are not in `names`
            are left out.
    """
    series: dict[int, dict[str, list[Spell]]] = {asn: {} for asn in names}
    for spell in sorted(spells, key=lambda spell: (spell.target, spell.onset.by)):
        if spell.asn in series:
            series[spell.asn].setdefault(spell.target, []).append(spell)
    rows: list[SpellRow] = []
    for asn, targets in series.items():
        found: list[dict[str, tuple[Spell, ...]]] = []
        for target, own in targets.items():
            group = next((g for g in found if not each and _alike(next(iter(g.values())), own)), None)
            if group is None:
                found.append(group := {})
            group[target] = tuple(own)
        lines = [
            SpellRow(asn=asn, isp=names[asn], targets=tuple(g), members=tuple(g.values())) for g in found
        ]
        rows += lines if each else sorted(lines, key=lambda row: row.spells[0].onset.by)
    return tuple(rows)


def by_network(rows: Iterable[SpellRow]) -> list[tuple[str, tuple[SpellRow, ...]]]:
    """Return the rows of each network with its name."""
    return [(name, tuple(own)) for name, own in groupby(rows, key=lambda row: row.isp)]


def target_words(row: SpellRow, text: Text) -> str:
    """Return the target, or how many there are."""
    return row.targets[0] if len(row.targets) == 1 else text.count("spells.targets", len(row.targets))


def state_words(spell: Spell, text: Text) -> str:
    """Return the word that the evidence of one spell allows."""
    if spell.certainty is Certainty.SUSPECTED:
        word = text("event_words.suspected")
    else:
        word = text("event_words.proven" if is_proven(spell) else "event_words.compared")
    return text("event_words.in_part", blocked=word) if spell.partial else word


def share_words(spells: Iterable[Spell], *, partial: bool, text: Text) -> str:
    """Return k of n, and where only a part was blocked, between which bounds its share lies.

    Shape:  says so where hours count whole because their single measurements are gone.
    """
    shown = tuple(spells)
    share = _share([spell.portion for spell in shown], partial=partial, text=text)
    gone = any(spell.counts_whole_hours for spell in shown)
    return text("spells.whole_hours", share=share) if gone else share


def _share(own: Sequence[Portion], *, partial: bool, text: Text) -> str:
    counts = {
        "blocked": text.number(sum(portion.n_blocked for portion in own)),
        "judged": text.number(sum(portion.n_judged for portion in own)),
    }
    if not partial:
        return text("spells.share", **counts)
    low, high = min(portion.low for portion in own), max(portion.high for portion in own)
    key = "spells.share_part" if len(own) == 1 else "spells.share_parts"
    return text(key, **counts, low=text.percent(low), high=text.percent(high))


def _alike(one: Sequence[Spell], other: Sequence[Spell]) -> bool:
    return len(one) == len(other) and all(
        _shape(a) == _shape(b)
        and all(abs(x - y) <= SAME_TIME for x, y in zip(_edges(a), _edges(b), strict=True))
        for a, b in zip(one, other, strict=True)
    )


def _shape(spell: Spell) -> tuple[object, ...]:
    """Return all that is not a time: spells of the same shape have as many edges."""
    return (
        *(
            spell.certainty,
            spell.partial,
            is_proven(spell),
            spell.onset_from_rule_change,
            spell.end_from_rule_change,
        ),
        *(_form(spell.onset), _form(spell.end), spell.windows),
        tuple((m.layer, m.mechanism, m.resolver, _form(m.onset), _form(m.end)) for m in spell.methods),
        tuple((silence.offline, silence.unjudged) for silence in spell.silences),
    )


def _form(interval: Interval | None) -> tuple[bool, bool]:
    return interval is None, interval is None or interval.after is None


def _edges(spell: Spell) -> list[datetime]:
    intervals = [spell.onset, spell.end]
    for method in spell.methods:
        intervals += [method.onset, method.end]
    edges = [at for i in intervals if i is not None for at in (i.after, i.by) if at is not None]
    return edges + [at for silence in spell.silences for at in (silence.start, silence.end)]
