"""Stored measurements one after the other, each with what it was judged with; few are in memory at a time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from observatory.analysis.judging.case import Control
from observatory.exports.ooni import export_document
from observatory.model import Verdict
from observatory.model.selection import RowPosition, Selection
from observatory.store import StoreReader
from probes.records import Measurement, TargetKind

PAGE: Final = 200
# A round of ours measures eleven hosts, once each.
_MAX_ON_THE_WAY: Final = 12


def export_stored(store: StoreReader, selection: Selection) -> Iterator[dict[str, Any]]:
    """Yield a document for every stored measurement of a target, oldest first.

    Shape:  the controls of a document are those its stored verdict names.
    Errors: StoreError.
    """
    points = {v.id: v for v in store.load_vantage_status(now=datetime.now(UTC))}
    control_vantages = store.load_control_vantages()

    @lru_cache(maxsize=100)
    def canary_of(vantage: str, round_id: str) -> Measurement | None:
        found = store.load_measurements(vantage=vantage, round_id=round_id, kind=TargetKind.CANARY, limit=1)
        return found[0] if found else None

    @lru_cache(maxsize=100)
    def control_of(id_: str) -> Control | None:
        stored = store.load_measurement(id_)
        if stored is None:
            return None
        seen = stored[0]
        canary = canary_of(seen.vantage, seen.round_id)
        return Control(seen, canary, peer=seen.vantage not in control_vantages)

    def controls_of(verdict: Verdict) -> list[Control]:
        return [c for id_ in verdict.controls if (c := control_of(id_)) is not None]

    after: RowPosition | None = None
    while places := store.load_positions(selection, after=after, limit=PAGE):
        for place in places:
            stored = store.load_measurement(place.id)
            if stored is None or stored[0].target_kind is TargetKind.CANARY:
                continue
            measurement, verdict = stored
            controls = controls_of(verdict)
            beside = {m.id: m for m in _on_the_way(store, measurement, verdict)}
            of_them = store.load_verdicts(beside)
            led_to = [(m, controls_of(of_them[id_])) for id_, m in beside.items() if id_ in of_them]
            compared = [*controls, *(c for _, own in led_to for c in own)]
            named = {measurement.vantage, *(c.measurement.vantage for c in compared)}
            yield export_document(
                measurement,
                canary_of(measurement.vantage, measurement.round_id),
                controls,
                [points[id_] for id_ in sorted(named) if id_ in points],
                led_to,
            )
        after = places[-1]


def _on_the_way(store: StoreReader, measurement: Measurement, verdict: Verdict) -> list[Measurement]:
    """Return what of the same round says where a target leads: those that lead on, and where the way ends."""
    if verdict.leads_to is None:
        return []
    round_id, vantage = measurement.round_id, measurement.vantage
    found = [
        *store.load_measurements(
            target=verdict.leads_to.target, round_id=round_id, vantage=vantage, limit=_MAX_ON_THE_WAY
        ),
        *store.load_measurements(leads_away=True, round_id=round_id, vantage=vantage, limit=_MAX_ON_THE_WAY),
    ]
    return list({m.id: m for m in found if m.id != measurement.id}.values())
