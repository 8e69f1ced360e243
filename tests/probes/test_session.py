"""How each step knows whether the prober itself stood still meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from probes.records import DnsObservation, Endpoint, Failure, Resolver
from probes.session import LoopLag, ObservationLog
from probes.techniques.dns import measure_dns, over_udp
from probes.transport.network import Network
from tests.probes.techniques.test_dns import udp_server


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[ObservationLog, LoopLag]]:
    lag = LoopLag()
    task = asyncio.create_task(lag.watch())
    await asyncio.sleep(0)
    try:
        yield ObservationLog(deadline_s=9, lag=lag), lag
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_only_steps_that_a_standstill_fell_into_carry_it() -> None:
    async with watched() as (log, lag):
        before = log.begin()
        await asyncio.sleep(0.02)
        before_s = before.fields()["lag_s"]
        during = log.begin()
        time.sleep(0.4)  # noqa: ASYNC251  the loop stands still, as when the process is stopped
        at_once_s = during.fields()["lag_s"]
        await asyncio.sleep(0.15)
        later_s = during.fields()["lag_s"]
        after = log.begin()
        await asyncio.sleep(0.15)
        after_s = after.fields()["lag_s"]
    assert (before_s, after_s) == (0.0, 0.0)
    assert 0.25 < at_once_s < 0.6 and 0.25 < later_s < 0.6
    assert 0.25 < lag.worst_s < 0.6


async def test_without_a_watch_nothing_is_noted() -> None:
    step = ObservationLog(deadline_s=9).begin()
    time.sleep(0.15)  # noqa: ASYNC251
    assert step.fields()["lag_s"] == 0.0


async def test_a_silence_heard_while_standing_still_says_so() -> None:
    async def ask(log: ObservationLog, server: Endpoint) -> DnsObservation:
        return await measure_dns(
            log,
            exchange=over_udp(Network(), log, server, wait_s=0.2),
            transport="udp",
            resolver=Resolver.VANTAGE,
            server=server,
            name="t.me",
        )

    async with udp_server(lambda q: []) as (_, server), watched() as (log, _lag):
        asking = asyncio.create_task(ask(log, server))
        await asyncio.sleep(0.05)
        time.sleep(0.5)  # noqa: ASYNC251
        busy = await asking
        idle = await ask(log, server)
    assert (busy.failure, idle.failure) == (Failure.TIMEOUT, Failure.TIMEOUT)
    assert busy.lag_s > 0.3 and idle.lag_s == 0.0
