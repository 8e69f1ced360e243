"""Where a series has no data: neither an onset nor an end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_high
from typing import Final

from observatory.analysis.events.tallies import Tally
from observatory.model import Silence

_TIMES_USUAL: Final = 3.5
_SHORTEST: Final = timedelta(hours=3)


def find_silences(tallies: Sequence[Tally], *, until: datetime | None = None) -> tuple[Silence, ...]:
    """Return the stretches in which no measurement could speak, oldest first.

    Shape:  longer than three and a half times the usual distance between measurements, and than three hours.
            `until` closes the last one: what came after the last measurement up to then counts as well.
    """
    heard = [(t.at, t.until) for t in tallies if t.n_judged or t.n_unclear]
    if not heard:
        return ()
    if until is not None and until > heard[-1][1]:
        heard.append((until, until))
    steps = [later[0] - earlier[0] for earlier, later in pairwise(heard)]
    if not steps:
        return ()
    longest = max(_SHORTEST, _TIMES_USUAL * median_high(steps))
    offline = [t.at for t in tallies if t.n_offline]
    return tuple(
        Silence(start=earlier[1], end=later[0], offline=any(earlier[1] <= at < later[0] for at in offline))
        for (earlier, later), step in zip(pairwise(heard), steps, strict=True)
        if step > longest
    )
