"""Counting what lies inside a spell, measurement by measurement: how many of those that could be judged found
it blocked, for the spell and for each of its methods.

The rule: k of n are the measurements started in [onset.by, end.after], while it goes on in
[onset.by, counted_until]; n could be judged (every state but insufficient), k of them were blocked or likely
blocked. A method counts what its layer (and resolver) was found to be, from its own first sight to its last.
Hours that lie inside whole are taken from their cells, which hold the same measurements; those at the borders
are counted one by one. Pure.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.events.methods import deeper_path
from observatory.analysis.events.tallies import Tally, portion, seems_partial
from observatory.model import BLOCKED_STATES, OVERALL, Interval, Method, Portion, Series, Spell, State
from observatory.model.detection import JudgedRow

HOUR: Final = timedelta(hours=1)
_MOMENT: Final = timedelta(microseconds=1)

Rows = Mapping[datetime, Sequence[JudgedRow]]
"""Single measurements, oldest first, by the hour in which they were started."""


def hour_of(at: datetime) -> datetime:
    """Return the start of the UTC hour that a moment lies in."""
    return at.replace(minute=0, second=0, microsecond=0)


def border_hours(spell: Spell, tallies: Sequence[Tally]) -> set[datetime]:
    """Return the hours that are to be counted one by one: those in which the spell, or one of its methods,
    begins or ends, and of one that goes on the newest.
    """
    intervals = [(spell.onset, spell.end), *((method.onset, method.end) for method in spell.methods)]
    hours = set()
    for onset, end in intervals:
        hours |= {hour_of(onset.by), hour_of(onset.by - _MOMENT)}
        if onset.after is not None:
            hours.add(hour_of(onset.after))
        if end is not None:
            hours |= {hour_of(end.by), hour_of(end.by - _MOMENT), hour_of(end.after or end.by)}
    if spell.end is None and tallies:
        hours.add(tallies[-1].at)
    return hours


def recount(spell: Spell, layers: Mapping[Series, Sequence[Tally]], rows: Rows) -> Spell:
    """Return the spell with its numbers, and those of its methods, counted anew between exact borders.

    Shape:  `spell` has exact borders; `layers` are the hourly tallies of its series and of its layers, `rows`
            the measurements of its border hours. Where those are gone, the whole hour counts and the spell
            says so (`counts_whole_hours`).
    """
    whole = spell.series.of_layer(OVERALL)
    tallies = layers.get(whole, ())
    until = _counted_until(spell, tallies, rows)
    methods = [_sharpen_method(method, spell, rows) for method in spell.methods]
    start = _counted_from(spell, tallies, rows)
    counted = _count(whole, tallies, rows, start, until)
    recounted = []
    for method in methods:
        of = whole.of_layer(method.layer, method.resolver)
        end = method.end.after if method.end and method.end.after else until
        part = _count(of if of in layers else whole, layers.get(of, tallies), rows, method.onset.by, end)
        recounted.append(replace(method, portion=part.portion or method.portion))
    return replace(
        spell,
        methods=tuple(sorted(recounted, key=lambda m: (m.onset.by, m.layer, m.resolver, m.mechanism or ""))),
        portion=counted.portion or spell.portion,
        partial=not spell.windows and seems_partial(counted.n_blocked, counted.n_ok),
        counted_until=until,
        counts_whole_hours=counted.counts_whole_hours or start < spell.onset.by,
    )


@dataclass(slots=True, kw_only=True)
class _Counted:
    n_ok: int = 0
    n_blocked: int = 0
    n_unclear: int = 0
    counts_whole_hours: bool = False

    @property
    def portion(self) -> Portion | None:
        n = self.n_ok + self.n_blocked + self.n_unclear
        return portion(self.n_blocked, n) if n else None


def inner_share(spell: Spell, tallies: Sequence[Tally]) -> float:
    """Return the share blocked in the hours that lie inside a spell whole; of all of it where there are none.

    An hour in which it began or ended holds what was before or after, and would blur the border itself.
    """
    first, last = _inside(tallies, spell.onset.by, spell.end.after if spell.end else None)
    inside = tallies[first:last]
    n_decisive = sum(t.n_decisive for t in inside)
    return sum(t.n_blocked for t in inside) / n_decisive if n_decisive else spell.portion.share


def _counted_from(spell: Spell, tallies: Sequence[Tally], rows: Rows) -> datetime:
    """Return the onset, or where that is known to the hour alone, the start of its hour."""
    by, first = spell.onset.by, hour_of(spell.onset.by - _MOMENT)
    is_hourly = by == hour_of(by) and first not in rows
    return first if is_hourly and any(t.at == first and t.n_blocked for t in tallies) else by


def _counted_until(spell: Spell, tallies: Sequence[Tally], rows: Rows) -> datetime | None:
    if spell.end is not None and spell.end.after is not None:
        return spell.end.after
    if not tallies:
        return None
    newest = rows.get(tallies[-1].at)
    return newest[-1].at if newest else tallies[-1].until - _MOMENT


def _count(
    of: Series, tallies: Sequence[Tally], rows: Rows, start: datetime, end: datetime | None
) -> _Counted:
    first, last = _inside(tallies, start, end)
    whole = tallies[first:last]
    counted = _Counted(
        n_ok=sum(t.n_ok for t in whole),
        n_blocked=sum(t.n_blocked for t in whole),
        n_unclear=sum(t.n_unclear for t in whole),
    )
    borders = [*tallies[max(0, first - 1) : first], *tallies[last : last + 1]]
    for tally in borders:
        if tally.until <= start or (end is not None and tally.at > end):
            continue
        singles = rows.get(tally.at)
        if singles is None:
            counted.n_ok += tally.n_ok
            counted.n_blocked += tally.n_blocked
            counted.n_unclear += tally.n_unclear
            counted.counts_whole_hours = True
            continue
        for row in singles:
            if start <= row.at and (end is None or row.at <= end):
                _add(counted, _said(row, of)[0])
    return counted


def _inside(tallies: Sequence[Tally], start: datetime, end: datetime | None) -> tuple[int, int]:
    """Return from which to which index the tallies, oldest first, lie inside whole; the last exclusive."""
    first = bisect_left(tallies, start, key=lambda t: t.at)
    last = len(tallies) if end is None else bisect_right(tallies, end, key=lambda t: t.until)
    return first, max(first, last)


def _add(counted: _Counted, state: State) -> None:
    if state is State.OK:
        counted.n_ok += 1
    elif state in BLOCKED_STATES:
        counted.n_blocked += 1
    elif state is not State.INSUFFICIENT:
        counted.n_unclear += 1


def _said(row: JudgedRow, of: Series) -> tuple[State, str]:
    """Return what a measurement says of a series: as a whole, of a layer, for DNS of one resolver."""
    if of.layer == OVERALL:
        return row.state, row.mechanism or ""
    if of.resolver and of.resolver != row.resolver:
        return State.INSUFFICIENT, ""
    for finding in row.findings:
        if finding.layer.value == of.layer:
            return finding.state, finding.mechanism or ""
    return State.INSUFFICIENT, ""


def _sharpen_method(method: Method, spell: Spell, rows: Rows) -> Method:
    """Return the method with exact borders; none begins before its spell or ends after it."""
    of = spell.series.of_layer(method.layer, method.resolver)
    judged = [
        (row.at, _shows(method, *said))
        for hour in sorted(rows)
        for row in rows[hour]
        if (said := _said(row, of))[0] is not State.INSUFFICIENT
    ]
    onset = _method_onset(method.onset, spell.onset, judged)
    end = method.end and _method_end(method.end, onset, spell.end, judged)
    return replace(method, onset=onset, end=end)


def _shows(method: Method, state: State, mechanism: str) -> bool:
    return state in BLOCKED_STATES and deeper_path(method.mechanism or "", mechanism) is not None


def _method_onset(found: Interval, spell: Interval, judged: Sequence[tuple[datetime, bool]]) -> Interval:
    since = max(hour_of(found.by - _MOMENT), spell.by)
    sights = [at for at, shows in judged if shows and since <= at <= found.by]
    by, after = found.by, found.after
    if sights:
        by = sights[0]
        others = [at for at, shows in judged if not shows and at < by and (after is None or at >= after)]
        after = others[-1] if others else after
    elif after is None or spell.after is None or after <= spell.after:
        # Its single measurements are gone, and it may have begun with the spell.
        by = min(by, spell.by)
    if by <= spell.by:
        return spell
    if spell.after is not None:
        after = spell.after if after is None else max(after, spell.after)
    return Interval(after=after, by=by)


def _method_end(
    found: Interval, onset: Interval, spell: Interval | None, judged: Sequence[tuple[datetime, bool]]
) -> Interval:
    last = found.after or onset.by
    until = last + HOUR if spell is None or spell.after is None else min(last + HOUR, spell.after)
    sights = [at for at, shows in judged if shows and max(hour_of(last), onset.by) <= at <= until]
    after, by = max(last, onset.by), found.by
    if sights:
        after = sights[-1]
        by = next((at for at, shows in judged if not shows and after < at <= by), by)
    if spell is not None and spell.after is not None and (after >= spell.after or by > spell.by):
        return spell if after >= spell.after or not sights else Interval(after=after, by=spell.by)
    return Interval(after=after, by=by)
