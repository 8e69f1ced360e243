"""Marks: times of suspicion in one series, as the tests set them, and two tests' marks as one list."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What the watch over single measurements saw of a mark. Units: microseconds since 1970.

    Shape:  `after` is the last good measurement before, `last` the last failing one, `first_good` the first
            good one after it, both only once it is over; `steady`: none was good in between; `exact`: from
            single measurements rather than from cells. The others as in
            `observatory.model.SpellEvidence`.
    """

    after: int | None
    last: int | None
    first_good: int | None
    steady: bool
    artefacts: tuple[int, ...]
    pairs: tuple[int, ...]
    failing: tuple[int, ...]
    outlasts: int | None
    contradicted_by: tuple[str, ...]
    exact: bool

    @property
    def is_speaking(self) -> bool:
        """Whether any measurement saw more than silence."""
        return bool(self.artefacts or self.pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A time of suspicion in one series, in microseconds since 1970.

    `watched` is when it began to look wrong, `suspected` and `confirmed` when it was enough, `over` when it
    no longer was; None: not yet. Without `traces` these are the starts of the cells after which it was so,
    with them the times of measurements. `by_share`: the test of hourly shares suspected it, too,
    at `sure`.
    """

    watched: int
    suspected: int
    confirmed: int | None = None
    over: int | None = None
    by_share: bool = True
    sure: int | None = None
    traces: Traces | None = None


def combine(shares: Sequence[Mark], seen: Sequence[Mark], *, width: int) -> tuple[Mark, ...]:
    """Return the marks of both tests of one series as one list, oldest first.

    Shape:  `shares` by cells, each `width` microseconds long, `seen` by single measurements. Where an
            artefact or a pair was seen, or a silence without exception, its own mark says from when to when;
            another silence is part of the mark that the shares gave.
    """
    left = list(shares)
    marks: list[Mark] = []
    for mark in sorted(seen, key=lambda m: m.watched):
        beside = [other for other in left if _overlap(mark, other, width)]
        if not beside or _decides(mark):
            left = [other for other in left if other not in beside]
            marks.append(_with(mark, beside, width))
        else:
            left[left.index(beside[0])] = _within(mark, beside[0], width)
    return tuple(sorted([*marks, *left], key=lambda m: (m.watched, m.suspected)))


def _overlap(seen: Mark, other: Mark, width: int) -> bool:
    starts_before_end = other.over is None or seen.watched < other.over + width
    return starts_before_end and (seen.over is None or other.watched <= seen.over)


def _decides(seen: Mark) -> bool:
    traces = seen.traces
    return traces is not None and (traces.is_speaking or (traces.steady and len(traces.failing) > 3))


def _with(mark: Mark, beside: Sequence[Mark], width: int) -> Mark:
    """Return the mark, confirmed as soon as one of those beside it was."""
    times = [_confirmed_at(other, width) for other in beside]
    known = [at for at in times if at is not None and (mark.over is None or at <= mark.over + width)]
    own = [mark.confirmed] if mark.confirmed is not None else []
    sure = beside[0].suspected if beside else None
    return replace(mark, confirmed=min(own + known, default=None), by_share=bool(beside), sure=sure)


def _within(mark: Mark, wider: Mark, width: int) -> Mark:
    suspected = wider.suspected if wider.traces else wider.suspected + width
    return replace(
        wider,
        watched=min(mark.watched, wider.watched),
        suspected=min(mark.suspected, suspected),
        confirmed=_confirmed_at(wider, width),
        over=None if wider.over is None else max(wider.over, mark.over or 0),
        sure=wider.suspected if wider.sure is None else wider.sure,
        traces=wider.traces or (replace(mark.traces, steady=False) if mark.traces else None),
    )


def _confirmed_at(mark: Mark, width: int) -> int | None:
    return mark.confirmed if mark.confirmed is None or mark.traces else mark.confirmed + width
