"""How soon onsets are found, how many are missed and how often there was none, next to the yardstick."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final

import numpy as np

from benchmarks.changes import cusum
from benchmarks.changes.networks import count_false_events, make_network_year
from benchmarks.changes.promptness import measure_promptness
from benchmarks.changes.years import HOURS, ONSET, WEEKS, Block, Counts, Health, make_years
from benchmarks.figure import Figure, show
from observatory.analysis.events.evidence import Watch, spread_out
from observatory.analysis.events.marks import Mark, combine
from observatory.analysis.events.sequential import START, first_beliefs, follow, trace
from observatory.analysis.events.spells import HOUR, REJOIN, confirmed_at
from observatory.model import EvidenceKind

# Another one shows other years: BENCH_SEED=7 make bench ARGS=changes
SEED: Final = int(os.environ.get("BENCH_SEED", "20170714"))
N_HEALTHY: Final = 1000
N_BLOCKED: Final = 200
NETWORKS: Final = 14
N_COUNTRIES: Final = int(os.environ.get("BENCH_COUNTRIES", "3"))
_HOUR: Final = HOUR // timedelta(microseconds=1)

# What is blocked, how often it is measured, and within how many failing measurements it is to be suspected.
BLOCKS: Final[tuple[tuple[str, Block, int, int, float | None], ...]] = (
    ("all, hourly", Block(), 1, 1, 3),
    ("all, six an hour", Block(), 6, 1, 6),
    ("all, one a day", Block(days=60), 1, 24, 3),
    ("all, one in 36 hours", Block(days=60), 1, 36, 3),
    ("50 %, hourly", Block(share=0.5), 1, 1, None),
    ("35 %, hourly", Block(share=0.35), 1, 1, None),
    ("20 %, hourly", Block(share=0.2, days=60), 1, 1, None),
    ("50 %, six an hour", Block(share=0.5), 6, 1, None),
    ("20 %, six an hour", Block(share=0.2), 6, 1, None),
    ("two windows of 3 h a day, hourly", Block(days=20, hours=(2, 3, 4, 12, 13, 14)), 1, 1, None),
    ("two windows of 3 h a day, six an hour", Block(days=20, hours=(2, 3, 4, 12, 13, 14)), 6, 1, None),
)
# Hours at which a block is declared, and over.
Found = Sequence[tuple[int, int | None]]
Detect = Callable[[Counts, Counts], Sequence[Found]]


def find_suspected(n_ok: Counts, n_blocked: Counts, kind: EvidenceKind = EvidenceKind.SILENCE) -> list[Found]:
    """Our own tests, by the hours at which they suspect. Shape: (hours, series); all that fails is `kind`."""
    return [[(mark.suspected, mark.over) for mark in marks] for marks in _find_marks(n_ok, n_blocked, kind)]


def find_confirmed(n_ok: Counts, n_blocked: Counts, kind: EvidenceKind = EvidenceKind.SILENCE) -> list[Found]:
    """Our own tests, by the hours at which they confirm. Shape: as `find_suspected`."""
    is_silent = kind is EvidenceKind.SILENCE
    found: list[Found] = []
    for marks in _find_marks(n_ok, n_blocked, kind):
        clusters: list[list[Mark]] = []
        for mark in marks:
            last = clusters[-1][-1].over if clusters else None
            if last is not None and mark.watched - last <= REJOIN // HOUR:
                clusters[-1].append(mark)
            else:
                clusters.append([mark])
        confirmed = [(confirmed_at(cluster, silent=is_silent), cluster[-1].over) for cluster in clusters]
        found.append([(at[1], over) for at, over in confirmed if at is not None])
    return found


def _find_marks(n_ok: Counts, n_blocked: Counts, kind: EvidenceKind) -> Iterator[list[Mark]]:
    hours = np.arange(n_ok.shape[0], dtype=np.int64) * _HOUR
    blocked, beliefs = follow(first_beliefs(n_ok.shape[1]), hours, n_ok, n_blocked)
    for series in range(n_ok.shape[1]):
        good, failing = n_ok[:, series], n_blocked[:, series]
        heard = np.flatnonzero(good + failing)
        silent = failing[heard] if kind is EvidenceKind.SILENCE else np.zeros_like(failing[heard])
        after = beliefs.chances[series].tolist()
        _, shares = trace(START, after, hours[heard], blocked[heard, series], failing[heard], silent)
        seen: list[Mark] = []
        # Health fails by silence alone, of which single measurements prove nothing.
        if kind is not EvidenceKind.SILENCE:
            watch = Watch()
            for hour in heard.tolist():
                counts = {kind: int(failing[hour])} if hour >= ONSET else {}
                watch.see(spread_out(hour * _HOUR, 0, int(good[hour]), counts))
            seen = watch.marks()
        yield [_in_hours(mark) for mark in combine(shares, seen, width=0)]


def _in_hours(mark: Mark) -> Mark:
    return replace(
        mark,
        watched=mark.watched // _HOUR,
        suspected=mark.suspected // _HOUR,
        confirmed=None if mark.confirmed is None else mark.confirmed // _HOUR,
        over=None if mark.over is None else mark.over // _HOUR,
    )


METHODS: Final[dict[str, Detect]] = {
    "suspected": find_suspected,
    "confirmed": find_confirmed,
    "CUSUM": cusum.find_onsets,
}
# How soon, by what the failing measurements of a block saw.
BY_KIND: Final[dict[str, Detect]] = {
    "artefact, suspected": partial(find_suspected, kind=EvidenceKind.ARTEFACT),
    "confirmed": partial(find_confirmed, kind=EvidenceKind.ARTEFACT),
    "silence, suspected": find_suspected,
    "confirmed ": find_confirmed,
    "CUSUM": cusum.find_onsets,
}


async def bench_quality() -> list[Figure]:
    """Delay (median, 95 %), missed events, and events that never were, per 1,000 series-weeks."""
    return [*_false_events(), *_false_events_of_networks(), *_delays(), *measure_promptness(SEED)]


def _false_events() -> Iterable[Figure]:
    for per_hour in (1, 6):
        years = make_years(N_HEALTHY, seed=SEED, per_hour=per_hour, health=Health(), block=None)
        for name, detect in METHODS.items():
            n = sum(len(found) for found in detect(*years))
            what = f"{N_HEALTHY:,} healthy years, {per_hour} an hour, false per 1,000 series-weeks: {name}"
            bound = 1.0 if name == "confirmed" else None
            yield show(Figure(what=what, value=1000 * n / (N_HEALTHY * WEEKS), unit="", bound=bound))


def _false_events_of_networks() -> Iterable[Figure]:
    """Faults that all targets of a network share, in years of whole networks; an interval of 95 % with it."""
    n = 0
    for country in range(N_COUNTRIES):
        first = SEED + 1000 * country
        n += count_false_events([make_network_year(first + number) for number in range(NETWORKS)])
        _say(f"  {(country + 1) * NETWORKS} of {N_COUNTRIES * NETWORKS} network-years, {n} false events")
    n_weeks = N_COUNTRIES * NETWORKS * WEEKS
    # Byar's approximation of the exact limit for counts; Breslow and Day, "Statistical Methods in Cancer
    # Research", volume 2, 1987, page 69.
    upper = (n + 1) * (1 - 1 / (9 * (n + 1)) + 1.96 / (3 * (n + 1) ** 0.5)) ** 3
    most = 1000 * upper / n_weeks
    what = f"{n_weeks:,.0f} network-weeks with shared faults, false per 1,000 (at most {most:.2f} by 95 %)"
    yield show(Figure(what=what, value=1000 * n / n_weeks, unit="", bound=0.1))


def _delays() -> Iterable[Figure]:
    titles = "".join(f"{name:>20} median   95 % missed" for name in BY_KIND)
    _say(f"{f'of {N_BLOCKED} blocks; delay in hours':<40}{titles}")
    for number, (what, block, per_hour, every_h, most) in enumerate(BLOCKS):
        years = make_years(
            N_BLOCKED, seed=SEED + number, per_hour=per_hour, every_h=every_h, health=Health(), block=block
        )
        line = f"{what:<40}"
        for name, detect in BY_KIND.items():
            delays = _find_delays(detect(*years), min(ONSET + 24 * block.days, HOURS))
            known = [d for d in delays if d is not None]
            spread = (
                f"{np.median(known):>27.0f}{np.percentile(known, 95):>7.0f}"
                if known
                else f"{'-':>27}{'-':>7}"
            )
            line += f"{spread}{len(delays) - len(known):>7}"
            if name == "artefact, suspected" and most is not None:
                failing = [
                    int(years[1][ONSET : ONSET + d, s].sum()) for s, d in enumerate(delays) if d is not None
                ]
                value = float(np.percentile(failing, 95))
                yield Figure(what=f"{what}: failing, 95 %", value=value, unit="", bound=most)
        _say(line)


def _find_delays(found: Sequence[Found], end: int) -> list[int | None]:
    """Return after how many hours each block was declared; None where it was not, before its end."""
    delays: list[int | None] = []
    for declared in found:
        # One that was declared before and is still open when the block begins has found it too.
        at = [max(h, ONSET) for h, over in declared if h < end and (over is None or over > ONSET)]
        delays.append(at[0] - ONSET + 1 if at else None)
    return delays


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
