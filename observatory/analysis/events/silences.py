"""Stretches of a series without data: a silence is neither an onset nor an end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_high
from typing import Final

from observatory.analysis.events.tallies import Tally
from observatory.model import Silence

# A silence is so many times longer than the usual step between measurements.
_TIMES_USUAL: Final = 3.5
_MIN_SILENCE: Final = timedelta(hours=3)


def find_silences(tallies: Sequence[Tally], *, until: datetime | None = None) -> tuple[Silence, ...]:
    """Return the stretches without a measurement that says anything, oldest first.

    Shape:  each is longer than three hours, and than three and a half times the usual step between
            measurements. `until` ends the last one: the time from the last measurement to then counts too.
    """
    measured = [(t.at, t.until) for t in tallies if t.n_judged]
    if not measured:
        return ()
    if until is not None and until > measured[-1][1]:
        measured.append((until, until))
    steps = [later[0] - earlier[0] for earlier, later in pairwise(measured)]
    if not steps:
        return ()
    longest = max(_MIN_SILENCE, _TIMES_USUAL * median_high(steps))
    offline = [t.at for t in tallies if t.n_offline]
    unjudged = [t.at for t in tallies if t.n_unjudged]
    return tuple(
        Silence(
            start=earlier[1],
            end=later[0],
            offline=any(earlier[1] <= at < later[0] for at in offline),
            unjudged=any(earlier[1] <= at < later[0] for at in unjudged),
        )
        for (earlier, later), step in zip(pairwise(measured), steps, strict=True)
        if step > longest
    )
