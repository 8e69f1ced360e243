"""TCP: one connect."""

import errno
from typing import Final

from probes.failures import ConnectError, classify_failure
from probes.records import Endpoint, Failure, TcpObservation
from probes.session import ObservationLog
from probes.transport.network import Network
from probes.transport.streams import PlainStream
from probes.wire.icmp import find_icmp_error

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
        failure, detail = _classify(error)
    observation = TcpObservation(**step.fields(), failure=failure, detail=detail, endpoint=endpoint)
    log.add(observation)
    return observation, stream


def _classify(error: Exception) -> tuple[Failure, str]:
    """Return the failure that an ICMP message stands for, where one came, and its raw text.

    One from the very address we connect from was made by this machine's own firewall. So was a "permission
    denied" that no message brought: a local rule, or a route that prohibits.
    """
    failure, text = classify_failure(error)
    if not isinstance(error, ConnectError):
        return failure, text
    icmp = find_icmp_error(error.queued)
    if icmp is None:
        return Failure.VANTAGE if error.errno == errno.EACCES else failure, text
    text = f"{text}; {icmp}"[:300]
    if icmp.sender is not None and icmp.sender == error.own_address:
        return Failure.VANTAGE, text
    return failure if icmp.failure is Failure.UNKNOWN else icmp.failure, text
