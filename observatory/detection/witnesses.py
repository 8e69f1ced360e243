"""What shows a spell: exact times, witness measurements and what the control saw, from the raw rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.events.borders import sharpen_end, sharpen_onset
from observatory.analysis.events.counting import border_hours, inner_share, recount
from observatory.analysis.events.tallies import Tally, portion
from observatory.analysis.judging.controls import CONTROL_WINDOW
from observatory.model import BLOCKED_STATES, OVERALL, Interval, Series, Shows, Spell, State, Witness
from observatory.model.detection import MeasurementState
from observatory.store import StoreReader

HOUR: Final = timedelta(hours=1)
_N_FIRST: Final = 3
_N_LAST: Final = 2


def attach_evidence(
    store: StoreReader,
    spell: Spell,
    before: Spell | None = None,
    layers: Mapping[Series, Sequence[Tally]] | None = None,
) -> Spell:
    """Return the spell with exact borders and numbers, witnesses and control.

    Shape:  `before` is what was known of the same spell; where the raw rows are gone since, and its borders
            lie within those found now, it is kept. `layers` are the hourly tallies of its series and layers.
    Errors: StoreError.
    """
    tallies = (layers or {}).get(spell.series.of_layer(OVERALL), ())
    share = inner_share(spell, tallies)
    known_onset, known_end = (before.onset, before.end) if before else (None, None)
    onset = _sharpen(store, spell.series, spell.onset, share, sharpen_onset, known_onset)
    end = spell.end and _sharpen(store, spell.series, spell.end, share, sharpen_end, known_end)
    sharp = replace(spell, onset=onset, end=end)
    rows = store.load_judged_rows(sharp.series, border_hours(sharp, tallies))
    sharp = recount(sharp, layers or {}, rows)
    witnesses = _find_witnesses(store, sharp)
    if before is not None and not witnesses:
        # What counted single measurements could tell is not told again by hours.
        return replace(
            sharp,
            witnesses=before.witnesses,
            control=before.control,
            n_control_unjudged=before.n_control_unjudged,
            n_control_offline=before.n_control_offline,
            suspected_at=before.suspected_at,
            confirmed_at=before.confirmed_at or sharp.confirmed_at,
            evidence=before.evidence,
        )
    return _ask_controls(store, replace(sharp, witnesses=witnesses))


def _sharpen(
    store: StoreReader,
    series: Series,
    border: Interval,
    share: float,
    sharpen: Callable[[Interval, Sequence[Tally], float], Interval],
    known: Interval | None,
) -> Interval:
    rows = store.load_states(series, start=border.after or border.by - HOUR, end=border.by)
    if not rows and known is not None:
        return _narrower(border, known)
    return sharpen(border, [_single(row) for row in rows], share)


def _single(row: MeasurementState) -> Tally:
    return Tally(
        at=row.at,
        until=row.at,
        n_ok=int(row.state is State.OK),
        n_blocked=int(row.state in BLOCKED_STATES),
    )


def _narrower(found: Interval, known: Interval) -> Interval:
    """Return the known border where it lies within the one that was found."""
    if (found.after is None) != (known.after is None):
        return found
    lies_within = found.by >= known.by and (
        found.after is None or known.after is None or found.after <= known.after
    )
    return known if lies_within else found


def _find_witnesses(store: StoreReader, spell: Spell) -> tuple[Witness, ...]:
    end = spell.end

    def take(
        shows: Shows,
        n: int,
        states: frozenset[State],
        *,
        start: datetime | None = None,
        until: datetime | None = None,
        newest: bool = False,
    ) -> list[Witness]:
        rows = store.load_states(
            spell.series, start=start, end=until, states=states, newest_first=newest, limit=n
        )
        return [
            Witness(measurement_id=row.id, vantage=row.vantage, at=row.at, shows=shows, state=row.state)
            for row in rows
        ]

    # Borders are exact where there are raw rows; without raw rows there is no witness to show.
    ok = frozenset({State.OK})
    found: list[Witness] = []
    if spell.onset.after is not None:
        found += take(Shows.LAST_OK, 1, ok, start=spell.onset.after, until=spell.onset.after)
    until = end.after if end else None
    found += take(Shows.FIRST_BLOCKED, _N_FIRST, BLOCKED_STATES, start=spell.onset.by, until=until)
    found += take(Shows.LAST_BLOCKED, _N_LAST, BLOCKED_STATES, start=spell.onset.by, until=until, newest=True)
    if end is not None:
        found += take(Shows.FIRST_OK, _N_LAST, ok, start=end.by)
    unique = {(w.measurement_id, w.shows): w for w in found}
    first = {w.measurement_id for w in found if w.shows is Shows.FIRST_BLOCKED}
    return tuple(
        sorted(
            (
                w
                for w in unique.values()
                if w.shows is not Shows.LAST_BLOCKED or w.measurement_id not in first
            ),
            key=lambda w: (w.at, w.shows, w.measurement_id),
        )
    )


def _ask_controls(store: StoreReader, spell: Spell) -> Spell:
    """Return the spell with what controls found while it lasted, where it could be compared with it."""
    counts = store.count_control_states(
        spell.target,
        emulated=spell.emulated,
        start=spell.onset.by - CONTROL_WINDOW,
        end=(spell.counted_until or spell.onset.by) + CONTROL_WINDOW,
    )
    n_judged = counts.n_ok + counts.n_failed
    return replace(
        spell,
        control=portion(counts.n_failed, n_judged) if n_judged else None,
        n_control_unjudged=counts.n_unjudged,
        n_control_offline=counts.n_offline,
    )
