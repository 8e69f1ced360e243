"""The steps for a Telegram data centre: every port counts, k of n, never "one is enough"."""

import asyncio

from probes.mtproto import measure_mtproto
from probes.network import Network
from probes.notebook import Notebook
from probes.records import Endpoint, Target
from probes.tcp import measure_tcp
from probes.wire.mtproto import Transport

RETRY_PAUSE_S = 0.3
# The retry speaks the other framing, so that a filter on one of them does not pass for a dead server.
TRANSPORTS = (Transport.ABRIDGED, Transport.INTERMEDIATE)


async def measure_centre(network: Network, notebook: Notebook, target: Target) -> None:
    """Measure each (address, port) of a data centre; what fails is tried once more."""
    async with asyncio.TaskGroup() as group:
        for address in target.addresses:
            for port in target.ports:
                group.create_task(_measure_port(network, notebook, Endpoint(address=address, port=port)))


async def _measure_port(network: Network, notebook: Notebook, endpoint: Endpoint) -> None:
    for attempt, transport in enumerate(TRANSPORTS, start=1):
        if attempt > 1:
            await asyncio.sleep(min(RETRY_PAUSE_S, max(0.0, notebook.left_s())))
        if notebook.left_s() <= 0:
            return
        _, stream = await measure_tcp(network, notebook, endpoint=endpoint, attempt=attempt)
        if stream is None:
            continue
        with stream:
            observation = await measure_mtproto(
                notebook, stream=stream, endpoint=endpoint, transport=transport, attempt=attempt
            )
        if observation.failure is None:
            return
