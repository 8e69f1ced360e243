"""What was seen beside a spell: whether others reached the target, and whether it can be the route."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.events.routing import rule_out_routing
from observatory.model import BLOCKED_STATES, EvidenceKind, Shows, Spell, State
from observatory.reference.neighbours import find_neighbours
from observatory.store import StoreReader
from probes.records import DnsObservation

# A control that measured within this time before is expected to say something of it.
_CONTROL_REACH: Final = timedelta(hours=24)
# The route is asked about so long: what is not ruled out by then is by how long it lasts, or not at all.
_ROUTE_REACH: Final = timedelta(hours=12)
_MANY: Final = 3000
# So many of the first failing measurements must have heard from a hop on the way.
_HOPS: Final = 3


def look_around(store: StoreReader, spell: Spell) -> Spell:
    """Return the spell with what its surroundings say; artefacts speak for themselves. Errors: StoreError."""
    shown = spell.evidence
    if len(shown.artefacts) > 1 or not shown.failing:
        return spell
    since, until = spell.onset.by, spell.end.by if spell.end else None
    ok = frozenset({State.OK})
    reached = store.load_states_elsewhere(spell.series, start=since, end=until, states=ok, limit=1)
    # Only what still failed here after that is more than Telegram's own trouble.
    failed = (
        store.load_states(spell.series, start=reached[0].at, end=until, states=BLOCKED_STATES, limit=1)
        if reached
        else []
    )
    asked = store.load_control_states(
        spell.target,
        emulated=spell.emulated,
        start=since - _CONTROL_REACH,
        end=until or since + _CONTROL_REACH,
    )
    ruled_out = None
    if shown.kind is EvidenceKind.SILENCE and len(shown.failing) > 1:
        rows = store.load_network_states(
            spell.asn,
            emulated=spell.emulated,
            start=since,
            end=min(until, since + _ROUTE_REACH) if until else since + _ROUTE_REACH,
            limit=_MANY,
        )
        neighbours = find_neighbours(spell.target, _addresses_before(store, spell))
        times = (rule_out_routing(spell.target, rows, neighbours), _answered_on_the_way(store, spell))
        ruled_out = min((at for at in times if at is not None), default=None)
    return replace(
        spell,
        evidence=replace(
            shown,
            reached_at=failed[0].at if failed else None,
            asked=bool(asked),
            routing_ruled_out_at=ruled_out,
        ),
    )


def _answered_on_the_way(store: StoreReader, spell: Spell) -> datetime | None:
    """Return when something on the way had answered in the server's place three times: no route does so."""
    first = [w for w in spell.witnesses if w.shows is Shows.FIRST_BLOCKED]
    verdicts = store.load_verdicts([w.measurement_id for w in first])
    at_a_hop = [w for w in first if (v := verdicts.get(w.measurement_id)) and v.acts_at_hop is not None]
    return max(w.at for w in at_a_hop) if len(at_a_hop) >= _HOPS else None


def _addresses_before(store: StoreReader, spell: Spell) -> list[str]:
    """Return where the target was when it was last reached."""
    last = next((w.measurement_id for w in spell.witnesses if w.shows is Shows.LAST_OK), None)
    stored = store.load_measurement(last) if last is not None else None
    if stored is None:
        return []
    target = stored[0].target.lower()
    dns = (o for o in stored[0].observations if isinstance(o, DnsObservation) and o.name.lower() == target)
    return [address for o in dns for answer in o.answers for address in answer.addresses]
