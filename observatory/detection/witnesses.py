"""What shows a spell: exact times, witness measurements and what the control saw, from the raw rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.events.borders import sharpen_end, sharpen_onset
from observatory.analysis.events.tallies import Tally, portion
from observatory.analysis.judging.controls import CONTROL_WINDOW
from observatory.model import BLOCKED_STATES, Interval, Method, Portion, Series, Shows, Spell, State, Witness
from observatory.model.detection import MeasurementState
from observatory.store import StoreReader

HOUR: Final = timedelta(hours=1)
_N_FIRST: Final = 3
_N_LAST: Final = 2
_MOMENT: Final = timedelta(microseconds=1)


def attach_evidence(store: StoreReader, spell: Spell, before: Spell | None = None) -> Spell:
    """Return the spell with exact borders, witnesses and control.

    Shape:  `before` is what was known of the same spell; where the raw rows are gone since, and its borders
            lie within those found now, it is kept.
    Errors: StoreError.
    """
    share = spell.portion.share
    known_onset, known_end = (before.onset, before.end) if before else (None, None)
    onset = _sharpen(store, spell.series, spell.onset, share, sharpen_onset, known_onset)
    end = spell.end and _sharpen(store, spell.series, spell.end, share, sharpen_end, known_end)
    sharp = replace(spell, onset=onset, end=end)
    sharp = replace(sharp, methods=tuple(_sharpen_method(method, sharp) for method in spell.methods))
    witnesses = _find_witnesses(store, sharp)
    if before is not None and not witnesses:
        return replace(sharp, witnesses=before.witnesses, control=before.control)
    return replace(sharp, witnesses=witnesses, control=_ask_controls(store, sharp))


def _sharpen(
    store: StoreReader,
    series: Series,
    border: Interval,
    share: float,
    sharpen: Callable[[Interval, Sequence[Tally], float], Interval],
    known: Interval | None,
) -> Interval:
    rows = store.load_states(series, start=border.after or border.by - HOUR, end=border.by - _MOMENT)
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


def _sharpen_method(method: Method, spell: Spell) -> Method:
    """A method that may have begun or ended together with the spell is taken to have done so."""
    return replace(
        method,
        onset=_narrower(method.onset, spell.onset),
        end=_narrower(method.end, spell.end) if method.end and spell.end else method.end,
    )


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


def _ask_controls(store: StoreReader, spell: Spell) -> Portion | None:
    rows = store.load_control_states(
        spell.target,
        emulated=spell.emulated,
        start=spell.onset.by - CONTROL_WINDOW,
        end=spell.onset.by + CONTROL_WINDOW,
    )
    judged = [row for row in rows if row.state is not State.INSUFFICIENT]
    return portion(sum(row.state is not State.OK for row in judged), len(judged)) if judged else None
