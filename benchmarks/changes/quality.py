"""How soon onsets are found, how many are missed and how often there was none, next to the yardstick."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from benchmarks.changes import cusum
from benchmarks.changes.years import HOURS, ONSET, WEEKS, Block, Counts, Health, make_years
from benchmarks.figure import Figure, show
from observatory.analysis.sequential import START, first_beliefs, follow, trace

SEED: Final = 20170714
N_HEALTHY: Final = 1000
N_BLOCKED: Final = 200

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


def find_marks(n_ok: Counts, n_blocked: Counts, *, confirmed: bool) -> list[list[tuple[int, int | None]]]:
    """Our own test, by the hours at which it suspects or confirms."""
    blocked, beliefs = follow(first_beliefs(n_ok.shape[1]), n_ok, n_blocked)
    found = []
    for series in range(n_ok.shape[1]):
        heard = np.flatnonzero(n_ok[:, series] + n_blocked[:, series])
        _, marks = trace(
            START, beliefs[series].tolist(), heard, blocked[heard, series], n_blocked[heard, series]
        )
        at = [(m.confirmed if confirmed else m.suspected, m.over) for m in marks]
        found.append([(hour, over) for hour, over in at if hour is not None])
    return found


METHODS: Final[dict[str, Detect]] = {
    "suspected": lambda ok, blocked: find_marks(ok, blocked, confirmed=False),
    "confirmed": lambda ok, blocked: find_marks(ok, blocked, confirmed=True),
    "CUSUM": cusum.find_onsets,
}


async def bench_quality() -> list[Figure]:
    """Delay (median, 95 %), missed events, and events that never were, per 1,000 series-weeks."""
    figures = [*_false_events(), *_delays()]
    return figures


def _false_events() -> Iterable[Figure]:
    for per_hour in (1, 6):
        years = make_years(N_HEALTHY, seed=SEED, per_hour=per_hour, health=Health(), block=None)
        for name, detect in METHODS.items():
            n = sum(len(found) for found in detect(*years))
            what = f"{N_HEALTHY:,} healthy years, {per_hour} an hour: false events, {name}"
            bound = 1.0 if name == "confirmed" else None
            yield show(Figure(what=what, value=1000 * n / (N_HEALTHY * WEEKS), unit="/ksw", bound=bound))


def _delays() -> Iterable[Figure]:
    for number, (what, block, per_hour, every_h, most) in enumerate(BLOCKS):
        n_ok, n_blocked = make_years(
            N_BLOCKED, seed=SEED + number, per_hour=per_hour, every_h=every_h, health=Health(), block=block
        )
        end = min(ONSET + 24 * block.days, HOURS)
        for name, detect in METHODS.items():
            hours, failures = [], []
            for series, found in enumerate(detect(n_ok, n_blocked)):
                # One that was declared before and still stands when the block begins has found it too.
                at = [max(h, ONSET) for h, over in found if h < end and (over is None or over > ONSET)]
                if at:
                    hours.append(at[0] - ONSET + 1)
                    failures.append(int(n_blocked[ONSET : at[0] + 1, series].sum()))
            missed = N_BLOCKED - len(hours)
            label = f"{what}: {name}"
            yield show(Figure(what=f"{label}: missed of {N_BLOCKED}", value=missed, unit=""))
            if not hours:
                continue
            yield show(Figure(what=f"{label}: delay, median", value=float(np.median(hours)), unit="h"))
            yield show(Figure(what=f"{label}: delay, 95 %", value=float(np.percentile(hours, 95)), unit="h"))
            bound = most if name == "suspected" else None
            middle = float(np.percentile(failures, 95))
            yield show(
                Figure(what=f"{label}: failing measurements, 95 %", value=middle, unit="", bound=bound)
            )
