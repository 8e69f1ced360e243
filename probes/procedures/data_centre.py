"""The steps for a Telegram data centre: every port and transport counts (k of n), never "one is enough"."""

import asyncio
from typing import Final

from probes import registry
from probes.records import Endpoint, Payload, Target
from probes.session import N_ATTEMPTS, ObservationLog
from probes.transport.network import Network
from probes.transport.trust import Trust
from probes.wire.mtproto import Transport

# What the app itself uses, and what is easiest to recognise: a filter may know only one of them.
FIRST: Final = (Transport.OBFUSCATED, Transport.ABRIDGED)
# Tried where one of these fails, so that a filter on one framing does not look like a dead server.
REST: Final = (Transport.INTERMEDIATE, Transport.PADDED, Transport.HTTP)


async def measure_data_centre(network: Network, log: ObservationLog, trust: Trust, target: Target) -> None:
    """Measure each (address, port) of a data centre over two transports; a transport that fails is tried
    once more, and the remaining ones once."""
    steps = DataCentreSteps(network, log, trust)
    async with asyncio.TaskGroup() as group:
        for address in target.addresses:
            for port in target.ports:
                group.create_task(steps.run(Endpoint(address=address, port=port)))


class DataCentreSteps:
    """One measurement of one data centre. Hops are measured once, where a connect fails."""

    def __init__(self, network: Network, log: ObservationLog, trust: Trust) -> None:
        self._network = network
        self._log = log
        self._trust = trust
        self._located = False

    async def run(self, endpoint: Endpoint) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._try(endpoint, transport, 1)) for transport in FIRST]
        failures = {transport: task.result() for transport, task in zip(FIRST, tasks, strict=True)}
        if not any(failures.values()) or not await self._log.may_retry():
            return
        again = [t for t, failed in failures.items() if failed is not None]
        if set(failures.values()) == {"tcp"}:
            # Without a connection every transport would fail alike.
            if await self._try(endpoint, FIRST[0], N_ATTEMPTS) == "tcp":
                await self._locate(endpoint)
            return
        async with asyncio.TaskGroup() as group:
            for transport in again:
                group.create_task(self._try(endpoint, transport, N_ATTEMPTS))
            for transport in REST:
                group.create_task(self._try(endpoint, transport, 1))

    async def _try(self, endpoint: Endpoint, transport: Transport, attempt: int) -> str | None:
        """Return the layer that failed; None when none did."""
        _, stream = await registry.TCP.measure(self._network, self._log, endpoint=endpoint, attempt=attempt)
        if stream is None:
            return "tcp"
        with stream:
            observation = await registry.MTPROTO.measure(
                self._log, stream=stream, endpoint=endpoint, transport=transport, attempt=attempt
            )
        return None if observation.failure is None else "mtproto"

    async def _locate(self, endpoint: Endpoint) -> None:
        if self._located or not self._network.carries_udp or self._log.left_s() <= 0:
            return
        self._located = True
        await registry.HOPS.measure(
            self._network, self._log, self._trust, endpoint=endpoint, payload=Payload.SYN
        )
