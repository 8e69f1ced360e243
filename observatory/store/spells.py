"""What the tests found: one target blocked in one network, from onset to end."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select

from observatory.model import Series, Spell
from observatory.model.codec import encode_spell, parse_spell
from observatory.store.database import Database
from observatory.store.schema_events import spells
from observatory.store.series import chunks, columns_of, is_one_of, series_of


class SpellReader(Database):
    """Spells found so far."""

    def load_spells(self, series: Collection[Series] | None = None) -> list[Spell]:
        """Return the spells found so far, of all series or of some, oldest onset first."""
        c = spells.c
        with self._reading() as connection:
            found: list[Spell] = []
            for chunk in [None] if series is None else chunks(sorted(series)):
                query = select(spells.c.body).order_by(c.onset_by, c.number)
                if chunk is not None:
                    query = query.where(is_one_of(spells, chunk))
                found += [parse_spell(body) for body in connection.execute(query).scalars()]
            return found

    def load_open_series(self) -> list[Series]:
        """Return the series with an open spell."""
        c = spells.c
        query = select(c.asn, c.target, c.emulated).where(c.end_by.is_(None)).distinct()
        with self._reading() as connection:
            return [series_of(row) for row in connection.execute(query)]


def replace_spells(connection: Connection, found: Mapping[Series, Sequence[Spell]]) -> None:
    """Keep these spells, and no others, of each of these series."""
    for chunk in chunks(sorted(found)):
        connection.execute(delete(spells).where(is_one_of(spells, chunk)))
    rows = [
        columns_of(spell.series)
        | {
            "onset_by": spell.onset.by,
            "end_by": spell.end.by if spell.end else None,
            "body": encode_spell(spell),
        }
        for those in found.values()
        for spell in those
    ]
    if rows:
        connection.execute(insert(spells), rows)
