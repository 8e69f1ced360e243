"""`python -m benchmarks [NAME…]`: run the benchmarks across the emulated internet.

Exit codes: 0 every figure within its bound, 1 one is over, 2 unknown name.
"""

import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Iterable

from benchmarks import blackbox, judging, rounds
from benchmarks.figure import Figure
from benchmarks.matrix.play import bench_matrix


async def bench_changes() -> Iterable[Figure]:
    # Loaded when it is asked for: the memory of a prober is measured in this process, and it has no numpy.
    from benchmarks.changes.quality import bench_quality

    return await bench_quality()


async def bench_recompute() -> Iterable[Figure]:
    from benchmarks.changes.speed import bench_speed

    return await bench_speed()


BENCHMARKS: dict[str, Callable[[], Awaitable[Iterable[Figure]]]] = {
    "round": rounds.bench_clean_round,
    "delay": rounds.bench_delayed_round,
    "dropped": rounds.bench_dropped_round,
    "together": rounds.bench_many_vantage_points,
    "judging": judging.bench_judging,
    "matrix": bench_matrix,
    "changes": bench_changes,
    "recompute": bench_recompute,
    "blackbox": blackbox.bench_beside_blackbox,
}


async def run(names: list[str]) -> bool:
    good = True
    for name in names:
        sys.stdout.write(f"\n{name}\n")
        for figure in await BENCHMARKS[name]():
            good = good and figure.good
    return good


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.stderr.write(f"benchmarks: expected {', '.join(BENCHMARKS)}; got {', '.join(unknown)}\n")
        return 2
    if "LAB_CONTROL" not in os.environ:
        command = [sys.executable, "-m", "benchmarks", *names]
        os.execv(sys.executable, [sys.executable, "-m", "lab", "--", *command])
    sys.stdout.write(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, ")
    sys.stdout.write(f"Python {platform.python_version()}, {platform.system()} {platform.release()}\n")
    return 0 if asyncio.run(run(names)) else 1


if __name__ == "__main__":
    sys.exit(main())
