"""Short tables next to the list of events: what is suspected, and what only our own rules changed. Pure."""

from collections.abc import Iterable
from typing import Final

from observatory.analysis.events.publication import may_be_routing
from observatory.model import Spell, load_zone
from observatory.text import Text
from observatory.text.events import onset_words
from observatory.text.reasons import contradiction_words
from observatory.views.event_words import versions_words
from observatory.views.rows import Line, Section, TableCell
from observatory.views.spell_rows import share_words, state_words

# Nobody reads a longer list on a page.
_MOST_LINES: Final = 200


def suspicion_section(spells: Iterable[Spell], text: Text) -> Section:
    """Return the newest suspicions first: where, since when, what was found."""

    def found(spell: Spell) -> TableCell:
        share = share_words([spell], partial=False, text=text)
        routing = (text("events.suspected_routing"),) if may_be_routing(spell) else ()
        contradicted = contradiction_words(spell, text)
        small = (state_words(spell, text), *routing, *([contradicted] if contradicted else []))
        return TableCell(word=share, small=small)

    return _section(_line(spell, found(spell), text) for spell in _newest(spells))


def rule_change_section(spells: Iterable[Spell], text: Text) -> Section:
    """Return the newest changes first: where, when, under which versions of rules and reference data."""
    return _section(
        _line(spell, TableCell(word=versions_words(spell.versions, text)), text) for spell in _newest(spells)
    )


def _newest(spells: Iterable[Spell]) -> list[Spell]:
    return sorted(spells, key=lambda spell: spell.onset.by, reverse=True)[:_MOST_LINES]


def _line(spell: Spell, found: TableCell, text: Text) -> Line:
    when = TableCell(word=onset_words(spell.onset, load_zone(spell.zone), text))
    return Line(name=spell.isp or f"AS{spell.asn}", small=(spell.target,), entries=(when, found))


def _section(lines: Iterable[Line]) -> Section:
    return Section(name="", lines=tuple(lines))
