"""Where in a series a block began and ended, as intervals: what was last seen before, first seen after.

Every border between two tallies is a candidate. The likely ones are those whose log-likelihood is within 3.4
of the best: a full block has exactly one, a block of every fifth measurement may have many, and the interval
says so.

Source: Hinkley, "Inference about the change-point in a sequence of random variables", 1970.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import log
from typing import Final

from observatory.analysis.events.tallies import Tally
from observatory.model import Interval

_WITHIN: Final = 3.4
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
    likely, best = _find(tallies[first : last + 1], _clean_share(tallies, first), sure - first)
    seen_ok = [t.at for t in tallies[: first + likely[0]] if t.n_ok]
    by = next(t.until for t in tallies[first + likely[-1] :] if t.n_blocked)
    return Interval(after=seen_ok[-1] if seen_ok else None, by=by), first + best


def find_end(tallies: Sequence[Tally], first: int, last: int) -> tuple[Interval, int]:
    """Return when a block ended, and the number of the tally that most likely was its last.

    Shape:  looked for from tally `first`, which is blocked for certain, to `last`, after which it was over.
    """
    # An end is an onset seen from the other side of time.
    likely, best = _find(tallies[first : last + 1][::-1], _clean_share(tallies, first), last - first)
    seen_blocked = [t.at for t in tallies[: last - likely[-1] + 1] if t.n_blocked]
    seen_ok = [t.until for t in tallies[last - likely[0] + 1 : last + 1] if t.n_ok]
    by = seen_ok[0] if seen_ok else tallies[last].until
    return Interval(after=seen_blocked[-1] if seen_blocked else tallies[first].at, by=by), last - best


def _find(tallies: Sequence[Tally], clean: float, latest: int) -> tuple[list[int], int]:
    """Return the likely first tallies of a block that lasts to the end, and the likeliest; up to `latest`."""
    n_blocked, n_ok = sum(t.n_blocked for t in tallies), sum(t.n_ok for t in tallies)
    outside, fits, shares = 0.0, [], []
    for tally in tallies[: latest + 1]:
        share = _bounded(n_blocked / max(n_blocked + n_ok, 1))
        fits.append(outside + n_blocked * log(share) + n_ok * log(1 - share))
        shares.append(share)
        outside += tally.n_blocked * log(clean) + tally.n_ok * log(1 - clean)
        n_blocked, n_ok = n_blocked - tally.n_blocked, n_ok - tally.n_ok
    # The share of the best border is then that of all: a full block must not pass for nearly full.
    best = fits.index(max(fits))
    behind = list(accumulate(reversed(_log_ratios(tallies, shares[best], clean))))[::-1][: latest + 1]
    return _likely(behind), best


def _bounded(share: float) -> float:
    return min(max(share, _LEAST_SHARE), _MOST_SHARE)


def _clean_share(tallies: Sequence[Tally], first: int) -> float:
    before = tallies[max(0, first - _LOOK_BACK) : first]
    share = (sum(t.n_blocked for t in before) + 0.5) / (sum(t.n_judged for t in before) + 50)
    return min(max(share, _LEAST_CLEAN), _MOST_CLEAN)


def _likely(scores: Sequence[float]) -> list[int]:
    best = max(scores)
    return [n for n, score in enumerate(scores) if score >= best - _WITHIN]


def sharpen_onset(onset: Interval, singles: Sequence[Tally], share: float) -> Interval:
    """Return the onset by the single measurements inside it, oldest first.

    Shape:  `share` of the measurements that were blocked from then on. Without any, the onset as it is.
    """
    if not singles:
        return onset
    likely = _likely(list(accumulate(reversed(_log_ratios(singles, share, _LEAST_CLEAN))))[::-1])
    seen_ok = [t.at for t in singles[: likely[0]] if t.n_ok]
    seen_blocked = [t.at for t in singles[likely[-1] :] if t.n_blocked]
    return Interval(
        after=seen_ok[-1] if seen_ok else onset.after, by=seen_blocked[0] if seen_blocked else onset.by
    )


def sharpen_end(end: Interval, singles: Sequence[Tally], share: float) -> Interval:
    """Return the end by the single measurements inside it, oldest first. Shape: as `sharpen_onset`."""
    if not singles:
        return end
    likely = _likely(list(accumulate(_log_ratios(singles, share, _LEAST_CLEAN))))
    seen_blocked = [t.at for t in singles[: likely[0] + 1] if t.n_blocked]
    seen_ok = [t.at for t in singles[likely[-1] + 1 :] if t.n_ok]
    return Interval(
        after=seen_blocked[-1] if seen_blocked else end.after, by=seen_ok[0] if seen_ok else end.by
    )


def _log_ratios(tallies: Sequence[Tally], share: float, clean: float) -> list[float]:
    """How much better each tally is explained by the block than by health."""
    inside = _bounded(share)
    failing, working = log(inside / clean), log((1 - inside) / (1 - clean))
    return [t.n_blocked * failing + t.n_ok * working for t in tallies]
