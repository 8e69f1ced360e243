"""TCP: one connect."""

from typing import Final

from probes.failures import classify_failure
from probes.records import Endpoint, Failure, TcpObservation
from probes.session import ObservationLog
from probes.transport.network import Network
from probes.transport.streams import PlainStream

# Linux sends a SYN at 0, 1 and 3 s: two of them fit, so one lost packet does not look like silence.
CONNECT_TIMEOUT_S: Final = 2.5


async def measure_tcp(
    network: Network, log: ObservationLog, *, endpoint: Endpoint, attempt: int = 1
) -> tuple[TcpObservation, PlainStream | None]:
    """Connect once. The stream is the caller's to close; None when the connect failed."""
    step = log.begin(attempt)
    stream: PlainStream | None = None
    failure: Failure | None = None
    detail: str | None = None
    try:
        async with log.timeout(CONNECT_TIMEOUT_S):
            stream = PlainStream(await network.connect_tcp(endpoint))
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    observation = TcpObservation(**step.fields(), failure=failure, detail=detail, endpoint=endpoint)
    log.add(observation)
    return observation, stream
