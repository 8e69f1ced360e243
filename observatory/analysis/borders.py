"""Where in a series a block began and ended, as intervals: what was last seen before, first seen after.

Every border between two tallies is a candidate. The likely ones are those whose likelihood is within e³ of
the best: a full block has exactly one, a block of every fifth measurement may have many, and the interval
says so.

Source: Hinkley, "Inference about the change-point in a sequence of random variables", 1970.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import log
from typing import Final

from observatory.analysis.cells import Tally
from observatory.model import Interval

_WITHIN: Final = 3.0
_LEAST_SHARE: Final = 0.1
_MOST_SHARE: Final = 0.97
_LEAST_CLEAN: Final = 0.003
_MOST_CLEAN: Final = 0.05
_LOOK_BACK: Final = 500


def find_onset(tallies: Sequence[Tally], first: int, sure: int, last: int) -> tuple[Interval, int]:
    """Return when a block began, and the number of the tally that most likely was its first.

    Shape:  it began between the tallies `first` and `sure`, and lasted to `last` at least; `tallies` reaches
            back further. `after` is None when nothing before was ok.
    """
    # What follows a border is blocked: its score is all that comes after it.
    behind = list(accumulate(reversed(_scores(tallies, first, last))))[::-1][: sure - first + 1]
    likely = [n for n, score in enumerate(behind) if score >= max(behind) - _WITHIN]
    best = first + behind.index(max(behind))
    seen_ok = [t.at for t in tallies[: first + likely[0]] if t.n_ok]
    by = next(t.until for t in tallies[first + likely[-1] :] if t.n_blocked)
    return Interval(after=seen_ok[-1] if seen_ok else None, by=by), best


def find_end(tallies: Sequence[Tally], first: int, last: int) -> tuple[Interval, int]:
    """Return when a block ended, and the number of the tally that most likely was its last.

    Shape:  looked for from tally `first`, which is blocked for certain, to `last`, after which it was over.
    """
    before = list(accumulate(_scores(tallies, first, last)))
    likely = [n for n, score in enumerate(before) if score >= max(before) - _WITHIN]
    best = first + before.index(max(before))
    seen_blocked = [t.at for t in tallies[: first + likely[0] + 1] if t.n_blocked]
    seen_ok = [t.until for t in tallies[first + likely[-1] + 1 : last + 1] if t.n_ok]
    by = seen_ok[0] if seen_ok else tallies[last].until
    return Interval(after=seen_blocked[-1] if seen_blocked else tallies[first].at, by=by), best


def sharpen_onset(onset: Interval, singles: Sequence[Tally], share: float) -> Interval:
    """Return the onset by the single measurements inside it, oldest first.

    Shape:  `share` of the measurements that were blocked from then on. Without any, the onset as it is.
    """
    if not singles:
        return onset
    behind = list(accumulate(reversed(_log_ratios(singles, share, _LEAST_CLEAN))))[::-1]
    likely = [n for n, score in enumerate(behind) if score >= max(behind) - _WITHIN]
    seen_ok = [t.at for t in singles[: likely[0]] if t.n_ok]
    seen_blocked = [t.at for t in singles[likely[-1] :] if t.n_blocked]
    return Interval(
        after=seen_ok[-1] if seen_ok else onset.after, by=seen_blocked[0] if seen_blocked else onset.by
    )


def sharpen_end(end: Interval, singles: Sequence[Tally], share: float) -> Interval:
    """Return the end by the single measurements inside it, oldest first. Shape: as `sharpen_onset`."""
    if not singles:
        return end
    before = list(accumulate(_log_ratios(singles, share, _LEAST_CLEAN)))
    likely = [n for n, score in enumerate(before) if score >= max(before) - _WITHIN]
    seen_blocked = [t.at for t in singles[: likely[0] + 1] if t.n_blocked]
    seen_ok = [t.at for t in singles[likely[-1] + 1 :] if t.n_ok]
    return Interval(
        after=seen_blocked[-1] if seen_blocked else end.after, by=seen_ok[0] if seen_ok else end.by
    )


def _scores(tallies: Sequence[Tally], first: int, last: int) -> list[float]:
    """How much better each tally is explained by a block than by health."""
    inside, outside = tallies[first : last + 1], tallies[max(0, first - _LOOK_BACK) : first]
    failing_places = [n for n, t in enumerate(inside) if t.n_blocked]
    core = inside[failing_places[0] : failing_places[-1] + 1]
    share = sum(t.n_blocked for t in core) / sum(t.n_judged for t in core)
    clean = (sum(t.n_blocked for t in outside) + 0.5) / (sum(t.n_judged for t in outside) + 50)
    return _log_ratios(inside, share, min(max(clean, _LEAST_CLEAN), _MOST_CLEAN))


def _log_ratios(tallies: Sequence[Tally], share: float, clean: float) -> list[float]:
    share = min(max(share, _LEAST_SHARE), _MOST_SHARE)
    failing, working = log(share / clean), log((1 - share) / (1 - clean))
    return [t.n_blocked * failing + t.n_ok * working for t in tallies]
