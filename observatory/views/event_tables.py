"""The tables of one event: what happened on each line, how, and the measurements that show it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from observatory.analysis.events.publication import is_proven
from observatory.model import Certainty, Event, Method, Revision, Shows, Spell, State, load_zone
from observatory.text import Text
from observatory.text.events import MANY, end_words, event_zone, how_words, onset_words, shortened
from observatory.views.addresses import measurement_address
from observatory.views.event_words import (
    cause_words,
    control_words,
    difference_words,
    spell_end_words,
    spell_onset_words,
    versions_words,
)
from observatory.views.rows import Line, Section, TableCell
from observatory.views.spell_rows import (
    SpellRow,
    by_network,
    share_words,
    state_words,
    target_words,
)

# The first sights come first: on a phone the other columns are off the screen.
SHOWS = (Shows.FIRST_BLOCKED, Shows.LAST_OK, Shows.LAST_BLOCKED, Shows.FIRST_OK)


def spell_sections(rows: Sequence[SpellRow], text: Text, vantages: Mapping[str, str]) -> list[Section]:
    """Return what happened on each line; `vantages` are names by id."""
    return _sections(rows, lambda row: _spell_lines(row, text, vantages))


def method_sections(rows: Sequence[SpellRow], text: Text) -> list[Section]:
    """Return every method that was used on each line, in order of time."""
    return _sections(rows, lambda row: _method_lines(row, text))


def evidence_sections(rows: Sequence[SpellRow], text: Text) -> list[Section]:
    """Return links to the measurements that show what is said of the first target of each line."""
    return _sections(rows, lambda row: _evidence_lines(row, text))


def revision_section(revisions: Sequence[Revision], text: Text) -> Section:
    """Return all revisions, the newest first, with what each changed."""
    before: list[Event | None] = [None, *(revision.event for revision in revisions)]
    lines = [
        Line(
            name=text.number(revision.number),
            entries=(
                TableCell(word=text.moment(revision.at, event_zone(revision.event))),
                TableCell(word=cause_words(revision.causes, text)),
                TableCell(word=difference_words(old, revision.event, text)),
            ),
        )
        for revision, old in zip(revisions, before, strict=False)
    ]
    return Section(name="", lines=tuple(reversed(lines)))


def _sections(rows: Sequence[SpellRow], lines: Callable[[SpellRow], Iterable[Line]]) -> list[Section]:
    return [
        Section(name=name, lines=tuple(line for row in own for line in lines(row)))
        for name, own in by_network(rows)
    ]


def _names(row: SpellRow, text: Text) -> tuple[str, ...]:
    return (
        (shortened(row.targets, text, most=MANY, more="count.more_targets"),) if len(row.targets) > 1 else ()
    )


def _spell_lines(row: SpellRow, text: Text, vantages: Mapping[str, str]) -> Iterable[Line]:
    for number, spell in enumerate(row.spells):
        zone, alike = load_zone(spell.zone), row.alike(number)
        measured_from = [vantages.get(v, v) for v in dict.fromkeys(v for s in alike for v in s.vantages)]
        versions = sorted({version for s in alike for version in s.versions})
        share = share_words(alike, partial=spell.partial, text=text)
        yield Line(
            name=target_words(row, text),
            small=_names(row, text),
            entries=(
                TableCell(word=state_words(spell, text), look=_look(spell)),
                TableCell(word=spell_onset_words(spell, zone, text)),
                TableCell(word=spell_end_words(spell, zone, text)),
                TableCell(word=share),
                TableCell(word=control_words(alike, text)),
                TableCell(word=shortened(measured_from, text, most=MANY)),
                TableCell(word=versions_words(versions, text)),
            ),
        )


def _look(spell: Spell) -> str:
    if spell.certainty is Certainty.SUSPECTED:
        return State.INSUFFICIENT
    return State.BLOCKED if is_proven(spell) else State.LIKELY_BLOCKED


def _method_lines(row: SpellRow, text: Text) -> Iterable[Line]:
    for spell in row.spells:
        for method in sorted(spell.methods, key=lambda method: method.onset.by):
            yield _first_line(row, _method_entries(method, spell, text), text)


def _first_line(row: SpellRow, entries: tuple[TableCell, ...], text: Text) -> Line:
    """Return a line named by its first target, and how many there are."""
    small = (text.count("spells.targets", len(row.targets)),) if len(row.targets) > 1 else ()
    return Line(name=row.targets[0], small=small, entries=entries)


def _method_entries(method: Method, spell: Spell, text: Text) -> tuple[TableCell, ...]:
    zone = load_zone(spell.zone)
    end = end_words(method.end, zone, text) if method.end else text("event.method_end_none")
    if method.end and spell.end_from_rule_change:
        end = text("spells.not_known")
    layer = f"layer.{method.layer}"
    return (
        TableCell(word=how_words(method.mechanism, text) if method.mechanism else text("event.how_unknown")),
        TableCell(word=text(layer) if text.has(layer) else method.layer),
        TableCell(word=onset_words(method.onset, zone, text)),
        TableCell(word=end),
        TableCell(word=method.resolver or "–"),
    )


def _evidence_lines(row: SpellRow, text: Text) -> Iterable[Line]:
    for spell in row.spells:
        zone = load_zone(spell.zone)
        entries = []
        for shows in SHOWS:
            own = [witness for witness in spell.witnesses if witness.shows is shows]
            links = tuple(
                (text.moment(witness.at, zone), measurement_address(witness.measurement_id, text.language))
                for witness in own
            )
            entries.append(TableCell(word="" if links else text("event.evidence_none"), links=links))
        yield _first_line(row, tuple(entries), text)
