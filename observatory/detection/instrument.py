"""Whether a spell began with a change of our own instrument: a prober with which a target fails everywhere.

New rules and new reference data are known to each cell; the version of the prober only to the measurement.
"""

from typing import Final

from observatory.model import Shows, Spell, State
from observatory.store import StoreReader

# Of what others measured since: so many are asked which software they ran.
_MOST_ASKED: Final = 5


def began_with_new_software(store: StoreReader, spell: Spell) -> bool:
    """Return whether the prober changed between the last good and the first failing measurement of a spell,
    and nobody reached the target with the new one, though others measured it, too.

    Shape:  measurements of others' origin say nothing about our software.
    Errors: StoreError.
    """
    before = _software(store, spell, Shows.LAST_OK)
    after = _software(store, spell, Shows.FIRST_BLOCKED)
    if before is None or after is None or before == after:
        return False
    end = spell.end.by if spell.end else None
    others = store.load_states_elsewhere(spell.series, start=spell.onset.by, end=end, limit=1)
    if not others:
        return False
    ok = frozenset({State.OK})
    reached = store.load_states_elsewhere(
        spell.series, start=spell.onset.by, end=end, states=ok, newest_first=True, limit=_MOST_ASKED
    )
    return after not in {stored[0].software for row in reached if (stored := store.load_measurement(row.id))}


def _software(store: StoreReader, spell: Spell, shows: Shows) -> str | None:
    ids = [witness.measurement_id for witness in spell.witnesses if witness.shows is shows]
    stored = store.load_measurement(ids[0]) if ids else None
    return None if stored is None or stored[0].origin or not stored[0].software else stored[0].software
