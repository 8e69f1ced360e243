"""Rounds: wall time, processor time, memory, and whether measuring together changes a verdict."""

import resource
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import observatory.runtime.up  # noqa: F401  (the prober's memory includes what the service loads)
from benchmarks.figure import Figure, show
from lab.control import LabControl
from observatory.config.vantage_points import load_config
from observatory.model import Config, Role, VantagePoint
from observatory.vantage.once import measure_now, select_targets
from observatory.vantage.rounds import measure_vantage
from probes.techniques.dns import SECOND_ANSWER_WAIT_S

CONFIG = Path(__file__).parents[1] / "lab" / "vantage_points.yaml"
VANTAGE = "smartfren"
N_ROUNDS = 5
# The same round before it held comparisons (DoT, DoH, the sink, IPv6, QUIC handshakes, two transports), on
# 2 cores with Python 3.11: they may cost as much again.
WITHOUT_COMPARISONS_S = 0.035


def load() -> tuple[Config, VantagePoint]:
    config = load_config(CONFIG)
    return config, next(v for v in config.vantage_points if v.id == VANTAGE)


async def _time_rounds(n: int) -> tuple[list[float], list[float]]:
    """Wall and processor seconds of n rounds of all targets from one vantage point, after one to warm up."""
    config, vantage = load()
    targets = select_targets([])
    walls, cpus = [], []
    for _ in range(n + 1):
        wall, cpu = time.monotonic(), time.process_time()
        await measure_vantage(config.settings, vantage, targets)
        walls.append(time.monotonic() - wall)
        cpus.append(time.process_time() - cpu)
    return walls[1:], cpus[1:]


async def bench_clean_round() -> list[Figure]:
    """11 hosts and 6 data centres, nothing wrong, no delay."""
    LabControl().reset()
    walls, cpus = await _time_rounds(N_ROUNDS)
    return [
        show(
            Figure(
                what="clean round, wall beyond the second-answer window (worst)",
                value=max(walls) - SECOND_ANSWER_WAIT_S,
                unit="s",
                bound=0.5,
            )
        ),
        show(
            Figure(
                what="clean round, processor (median)",
                value=statistics.median(cpus),
                unit="s",
                bound=2 * WITHOUT_COMPARISONS_S,
            )
        ),
    ]


async def bench_delayed_round() -> list[Figure]:
    """The same at 100 ms round-trip time."""
    rtt_s = 0.1
    lab = LabControl()
    lab.switch(VANTAGE, "delay", True, ms=1000 * rtt_s)
    try:
        walls, _ = await _time_rounds(3)
    finally:
        lab.reset()
    return [
        show(
            Figure(
                what="round at 100 ms RTT, beyond the second-answer window (worst)",
                value=(max(walls) - SECOND_ANSWER_WAIT_S) / rtt_s,
                unit="RTT",
                bound=12,
            )
        )
    ]


async def bench_dropped_round() -> list[Figure]:
    """The same where every packet is silently dropped."""
    lab = LabControl()
    lab.switch(VANTAGE, "vantage_offline", True)
    try:
        config, vantage = load()
        wall = time.monotonic()
        await measure_vantage(config.settings, vantage, select_targets([]))
        wall = time.monotonic() - wall
    finally:
        lab.reset()
    return [show(Figure(what="round where everything is dropped, wall", value=wall, unit="s", bound=11))]


async def _verdicts(config: Config, vantage_points: Sequence[VantagePoint]) -> dict[tuple[str, str], str]:
    results, errors = await measure_now(config, vantage_points, select_targets([]))
    if errors:
        raise RuntimeError("; ".join(errors))
    return {(r.vantage.id, r.measurement.target): f"{r.verdict.state} {r.verdict.mechanism}" for r in results}


async def bench_many_vantage_points() -> list[Figure]:
    """14 vantage points, every third with a censor, at the same time and one at a time."""
    config, _ = load()
    everyone = [v for v in config.vantage_points if v.role is Role.PROBE][:14]
    lab = LabControl()
    censors = ("sni_reset", "dns_blockpage", "ip_blackhole", "tls_mitm", "dns_injection")
    for vantage, censor in zip(everyone[::3], censors, strict=False):
        lab.switch(vantage.id, censor, True)
    try:
        wall = time.monotonic()
        together = await _verdicts(config, everyone)
        wall = time.monotonic() - wall
        apart: dict[tuple[str, str], str] = {}
        for vantage in everyone:
            apart |= await _verdicts(config, [vantage])
    finally:
        lab.reset()
    differing = {key: (together[key], apart[key]) for key in apart if together[key] != apart[key]}
    for key, pair in differing.items():
        show(Figure(what=f"  differs: {key} together {pair[0]}, apart {pair[1]}", value=1, unit=""))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        show(Figure(what=f"{len(everyone)} vantage points at once, wall", value=wall, unit="s")),
        show(Figure(what="verdicts that differ from one at a time", value=len(differing), unit="", bound=0)),
        show(Figure(what="prober, peak resident memory", value=peak_mb, unit="MB", bound=120)),
    ]
