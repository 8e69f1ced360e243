"""How a block was done, and when the method changed while it went on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from observatory.analysis.events.tallies import Tally, portion_of
from observatory.model import OVERALL, Interval, Method, Series, Spell

# A mechanism is named once it was met so often, or as often as anything was.
_MIN_BLOCKED: Final = 3
_MARGIN: Final = timedelta(hours=1)


def find_methods(key: Series, layers: Mapping[Series, Sequence[Tally]], spell: Spell) -> tuple[Method, ...]:
    """Return the mechanisms of a spell in the order in which they began.

    Shape:  `layers` holds the tallies of the series and, where they were kept, of its layers; each layer and
            each resolver that was asked has methods of its own. Without layers, the mechanism of the whole
            names the layer.
    """
    of_layers = {other: tallies for other, tallies in layers.items() if other.layer != OVERALL}
    methods: list[Method] = []
    for other, tallies in (of_layers or {key: layers[key]}).items():
        methods += _find_runs(other, _within(tallies, spell), spell)
    return tuple(sorted(methods, key=lambda m: (m.onset.by, m.layer, m.resolver, m.mechanism or "")))


def _within(tallies: Sequence[Tally], spell: Spell) -> list[Tally]:
    start = spell.onset.after
    end = spell.end.by if spell.end else None
    return [
        t
        for t in tallies
        if (start is None or t.at >= start - _MARGIN) and (end is None or t.at <= end + _MARGIN)
    ]


def _find_runs(key: Series, tallies: Sequence[Tally], spell: Spell) -> list[Method]:
    runs: list[tuple[str, list[int]]] = []
    enough = min(_MIN_BLOCKED, sum(tally.n_blocked for tally in tallies))
    for mechanism, places in _runs(tallies):
        if runs and (same := deeper_path(runs[-1][0], mechanism)) is not None:
            runs[-1] = (same, runs[-1][1] + places)
        elif sum(tallies[n].n_blocked for n in places) >= enough:
            runs.append((mechanism, places))
    return [
        _describe(key, mechanism, places, tallies, spell, is_last=number == len(runs) - 1)
        for number, (mechanism, places) in enumerate(runs)
    ]


def _runs(tallies: Sequence[Tally]) -> list[tuple[str, list[int]]]:
    """Return the stretches with the same most frequent mechanism, without those too short to count."""
    runs: list[tuple[str, list[int]]] = []
    counted: Counter[str] = Counter()
    for tally in tallies:
        for mechanism, n in tally.mechanisms.items():
            counted[mechanism] += n
    for number, tally in enumerate(tallies):
        if not tally.n_blocked:
            continue
        mechanism = max(tally.mechanisms, key=lambda m: (tally.mechanisms[m], counted[m], m))
        if runs and runs[-1][0] == mechanism:
            runs[-1][1].append(number)
        else:
            runs.append((mechanism, [number]))
    return [run for run in runs if sum(tallies[n].n_blocked for n in run[1]) >= _MIN_BLOCKED] or runs


def deeper_path(one: str, other: str) -> str | None:
    """Return the deeper of two paths of which one begins with the other, `tls.reset` and `tls.reset.sni`.

    Shape:  None where neither does.
    """
    deeper, other = (one, other) if len(one) > len(other) else (other, one)
    return deeper if f"{deeper}.".startswith(f"{other}.") or not other else None


def _describe(
    key: Series,
    mechanism: str,
    places: Sequence[int],
    tallies: Sequence[Tally],
    spell: Spell,
    *,
    is_last: bool,
) -> Method:
    first, last = places[0], places[-1]
    # Before the first sight of it: what was judged and did not show it, inside the spell or just before.
    before = [t.at for t in tallies[:first] if t.n_decisive]
    after = [t.until for t in tallies[last + 1 :] if t.n_decisive]
    onset = Interval(after=before[-1] if before else spell.onset.after, by=tallies[first].until)
    end = (
        Interval(after=tallies[last].at, by=after[0])
        if after and (not is_last or len(after) >= _MIN_BLOCKED)
        else None
    )
    return Method(
        layer=key.layer if key.layer != OVERALL else mechanism.partition(".")[0],
        mechanism=mechanism or None,
        resolver=key.resolver,
        onset=onset,
        end=end or (spell.end if is_last else None),
        portion=portion_of(tallies[first : last + 1]),
    )
