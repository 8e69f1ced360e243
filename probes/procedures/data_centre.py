"""The steps for a Telegram data centre: every port and transport counts (k of n), never "one is enough"."""

import asyncio
from typing import Final

from probes import registry
from probes.records import SPARE_PORT, Endpoint, Payload, Target
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
    once more, and the remaining ones once. Where every port of an address fails, the spare one is tried."""
    async with asyncio.TaskGroup() as group:
        steps = DataCentreSteps(network, log, trust, group)
        for address in target.addresses:
            group.create_task(steps.run(address, target.ports))


class DataCentreSteps:
    """One measurement of one data centre.

    Hops are measured once, where a connect fails, in a task of `group`: nothing waits for them.
    """

    def __init__(self, network: Network, log: ObservationLog, trust: Trust, group: asyncio.TaskGroup) -> None:
        self._network = network
        self._log = log
        self._trust = trust
        self._group = group
        self._located = False

    async def run(self, address: str, ports: tuple[int, ...]) -> None:
        """Measure one address; an IP version for which this machine has no route is tried once."""
        endpoints = [Endpoint(address=address, port=port) for port in ports]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._measure(endpoint)) for endpoint in endpoints]
        if any(task.result() for task in tasks) or not self._network.has_route(endpoints[0]):
            return
        if await self._log.may_retry():
            await self._measure(Endpoint(address=address, port=SPARE_PORT))

    async def _measure(self, endpoint: Endpoint) -> bool:
        """Say whether any transport was answered with our nonce."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._try(endpoint, transport, 1)) for transport in FIRST]
        failures = {transport: task.result() for transport, task in zip(FIRST, tasks, strict=True)}
        works = None in failures.values()
        if not any(failures.values()) or not self._network.has_route(endpoint):
            return works
        if not await self._log.may_retry():
            return works
        if set(failures.values()) == {"tcp"}:
            # Without a connection every transport would fail alike.
            outcome = await self._try(endpoint, FIRST[0], N_ATTEMPTS)
            if outcome == "tcp":
                self._group.create_task(self._locate(endpoint))
            return outcome is None
        again = [t for t, failed in failures.items() if failed is not None]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._try(endpoint, transport, N_ATTEMPTS)) for transport in again]
            tasks += [group.create_task(self._try(endpoint, transport, 1)) for transport in REST]
        return works or any(task.result() is None for task in tasks)

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
