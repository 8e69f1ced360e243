"""When a block began and ended, as intervals: between the last sight of how it was before and the first sight
of how it was then.

Every border between two tallies is a candidate. The likely ones are those whose log-likelihood is within 3.4
of the best: a full block has exactly one, a block of every fifth measurement may have many, and then the
interval is wide.

Source: Hinkley, "Inference about the change-point in a sequence of random variables", 1970.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import log
from typing import Final

from observatory.analysis.events.tallies import Tally
from observatory.model import Interval

# How far below the best log-likelihood a border is still likely.
_SLACK: Final = 3.4
_MIN_SHARE: Final = 0.1
_MAX_SHARE: Final = 0.97
_MIN_CLEAN: Final = 0.003
_MAX_CLEAN: Final = 0.05
_CLEAN_TALLIES: Final = 500


def find_onset(tallies: Sequence[Tally], first: int, sure: int, last: int) -> tuple[Interval, int]:
    """Return when a block began, and the index of the tally that was most likely its first.

    Shape:  it began between the tallies `first` and `sure`, and lasted to `last` at least; `tallies` reaches
            back further. `after` is None when nothing was ok before.
    """
    inside = tallies[first : last + 1]
    last_blocked = max(number for number, tally in enumerate(inside) if tally.n_blocked)
    likely, best = _find(inside, _clean_share(tallies, first), min(sure - first, last_blocked))
    seen_ok = [t.at for t in tallies[: first + likely[0]] if t.n_ok]
    by = next(t.until for t in tallies[first + likely[-1] :] if t.n_blocked)
    return Interval(after=seen_ok[-1] if seen_ok else None, by=by), first + best


def find_end(tallies: Sequence[Tally], first: int, last: int) -> tuple[Interval, int]:
    """Return when a block ended, and the index of the tally that was most likely its last.

    Shape:  it ended between the tallies `first`, certainly blocked, and `last`, after which it was over.
    """
    # An end is an onset seen from the other side of time.
    likely, best = _find(tallies[first : last + 1][::-1], _clean_share(tallies, first), last - first)
    seen_blocked = [t.at for t in tallies[: last - likely[-1] + 1] if t.n_blocked]
    seen_ok = [t.until for t in tallies[last - likely[0] + 1 : last + 1] if t.n_ok]
    by = seen_ok[0] if seen_ok else tallies[last].until
    return Interval(after=seen_blocked[-1] if seen_blocked else tallies[first].at, by=by), last - best


def _find(tallies: Sequence[Tally], clean: float, latest: int) -> tuple[list[int], int]:
    """Return the likely first tallies, and the most likely one, of a block that lasts to the end.

    Shape:  indices up to `latest`.
    """
    n_blocked, n_ok = sum(t.n_blocked for t in tallies), sum(t.n_ok for t in tallies)
    outside, fits, shares = 0.0, [], []
    for tally in tallies[: latest + 1]:
        share = _bounded(n_blocked / max(n_blocked + n_ok, 1))
        fits.append(outside + n_blocked * log(share) + n_ok * log(1 - share))
        shares.append(share)
        outside += tally.n_blocked * log(clean) + tally.n_ok * log(1 - clean)
        n_blocked, n_ok = n_blocked - tally.n_blocked, n_ok - tally.n_ok
    # All borders are then compared by the share of the best: a full block must not pass for nearly full.
    best = fits.index(max(fits))
    behind = list(accumulate(reversed(_log_ratios(tallies, shares[best], clean))))[::-1][: latest + 1]
    return _likely(behind), best


def _bounded(share: float) -> float:
    return min(max(share, _MIN_SHARE), _MAX_SHARE)


def _clean_share(tallies: Sequence[Tally], first: int) -> float:
    before = tallies[max(0, first - _CLEAN_TALLIES) : first]
    share = (sum(t.n_blocked for t in before) + 0.5) / (sum(t.n_decisive for t in before) + 50)
    return min(max(share, _MIN_CLEAN), _MAX_CLEAN)


def _likely(scores: Sequence[float]) -> list[int]:
    best = max(scores)
    return [n for n, score in enumerate(scores) if score >= best - _SLACK]


def sharpen_onset(onset: Interval, singles: Sequence[Tally], share: float) -> Interval:
    """Return the onset, made more precise by the single measurements inside it.

    Shape:  `singles` oldest first; without any, the onset as it is. `share` of the measurements were blocked
            from then on.
    """
    if not singles:
        return onset
    likely = _likely(list(accumulate(reversed(_log_ratios(singles, share, _MIN_CLEAN))))[::-1])
    seen_ok = [t.at for t in singles[: likely[0]] if t.n_ok]
    seen_blocked = [t.at for t in singles[likely[-1] :] if t.n_blocked]
    return Interval(
        after=seen_ok[-1] if seen_ok else onset.after, by=seen_blocked[0] if seen_blocked else onset.by
    )


def sharpen_end(end: Interval, singles: Sequence[Tally], share: float) -> Interval:
    """Return the end, made more precise by the single measurements inside it. Shape: as `sharpen_onset`."""
    if not singles:
        return end
    likely = _likely(list(accumulate(_log_ratios(singles, share, _MIN_CLEAN))))
    seen_blocked = [t.at for t in singles[: likely[0] + 1] if t.n_blocked]
    seen_ok = [t.at for t in singles[likely[-1] + 1 :] if t.n_ok]
    return Interval(
        after=seen_blocked[-1] if seen_blocked else end.after, by=seen_ok[0] if seen_ok else end.by
    )


def _log_ratios(tallies: Sequence[Tally], share: float, clean: float) -> list[float]:
    """Return by how much a block explains each tally better than a healthy network does."""
    inside = _bounded(share)
    failing, working = log(inside / clean), log((1 - inside) / (1 - clean))
    return [t.n_blocked * failing + t.n_ok * working for t in tallies]
