"""How fast measurements are judged: real ones, made across the lab, with their controls."""

import time
from collections.abc import Callable
from typing import Final

from benchmarks.figure import Figure, show
from benchmarks.rounds import load
from lab.control import LabControl
from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.reference import load_reference
from observatory.vantage.once import JudgedMeasurement, measure_now, select_targets, select_vantage_points

N_JUDGED: Final = 5_000
# One network that blocks nothing, and three that block every name in another way.
CENSORS: Final = {"smartfren": None, "xl": "sni_reset", "tri": "dns_injection", "biznet": "ip_blackhole"}


async def bench_judging() -> list[Figure]:
    """Seconds of one core for 5,000 measurements, each judged anew from its observations."""
    config, _ = load()
    lab = LabControl()
    lab.reset()
    for isp, censor in CENSORS.items():
        if censor is not None:
            lab.switch(isp, censor, True)
    try:
        vantage_points = select_vantage_points(config, [*CENSORS, "control-sg"])
        results, errors = await measure_now(config, vantage_points, select_targets([]))
    finally:
        lab.reset()
    if errors:
        raise RuntimeError("; ".join(errors))
    controls = {r.measurement.target: r for r in results if r.vantage.id == "control-sg"}
    figures = []
    for isp, censor in CENSORS.items():
        jobs = [_job(r, controls[r.measurement.target]) for r in results if r.vantage.id == isp]
        figures.append(
            show(
                Figure(
                    what=f"judging {N_JUDGED:,} measurements, {censor or 'nothing wrong'}, processor",
                    value=_time(jobs),
                    unit="s",
                    bound=1,
                )
            )
        )
    return figures


def _job(result: JudgedMeasurement, control: JudgedMeasurement) -> Callable[[], object]:
    reference = load_reference()
    return lambda: judge_measurement(
        result.measurement,
        result.canary,
        [Control(control.measurement, control.canary)],
        reference=reference,
    )


def _time(jobs: list[Callable[[], object]]) -> float:
    started = time.process_time()
    for n in range(N_JUDGED):
        jobs[n % len(jobs)]()
    return time.process_time() - started
