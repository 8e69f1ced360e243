"""QUIC: does a server that speaks it answer on UDP? Version negotiation shows that without a handshake.

With a server name the step is one handshake instead (techniques/quic_handshake.py).
"""

import asyncio
import secrets
from typing import Final

from probes.failures import classify_failure
from probes.records import Endpoint, Failure, Purpose, QuicObservation
from probes.session import ObservationLog
from probes.techniques.quic_handshake import measure_quic_handshake
from probes.transport.network import Network
from probes.transport.streams import recv_datagram
from probes.transport.trust import Trust
from probes.wire.quic import encode_unknown_version, parse_version_negotiation

# Nothing retransmits UDP but we ourselves: with four datagrams a loss of 5 % does no harm.
SEND_AT_S: Final = (0.0, 0.3, 0.7, 1.2)
WAIT_S: Final = 2.2


async def measure_quic(
    network: Network,
    log: ObservationLog,
    trust: Trust,
    *,
    endpoint: Endpoint,
    server_name: str | None = None,
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
) -> QuicObservation:
    """Negotiate a version, or with a server name make one handshake and one GET over HTTP/3."""
    if server_name is None:
        return await _negotiate_version(network, log, endpoint=endpoint, attempt=attempt)
    return await measure_quic_handshake(
        network, log, trust, endpoint=endpoint, server_name=server_name, purpose=purpose, attempt=attempt
    )


async def _negotiate_version(
    network: Network, log: ObservationLog, *, endpoint: Endpoint, attempt: int
) -> QuicObservation:
    """Send a packet of an unknown version until a Version Negotiation comes back or the time is up."""
    step = log.begin(attempt)
    destination_id, source_id = secrets.token_bytes(8), secrets.token_bytes(8)
    packet = encode_unknown_version(destination_id, source_id)
    versions: tuple[int, ...] | None = None
    failure: Failure | None = None
    detail: str | None = None
    n_sent = 0
    loop = asyncio.get_running_loop()
    try:
        with network.open_udp(endpoint) as sock:
            async with log.timeout(WAIT_S):
                while versions is None:
                    if n_sent < len(SEND_AT_S) and step.elapsed_s() >= SEND_AT_S[n_sent]:
                        await loop.sock_sendall(sock, packet)
                        n_sent += 1
                    wait_s = SEND_AT_S[n_sent] - step.elapsed_s() if n_sent < len(SEND_AT_S) else WAIT_S
                    try:
                        async with asyncio.timeout(max(0.0, wait_s)) as pause:
                            reply, _ = await recv_datagram(sock)
                    except TimeoutError:
                        if not pause.expired():
                            raise
                        continue
                    versions = parse_version_negotiation(
                        reply, destination_id=destination_id, source_id=source_id
                    )
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    observation = QuicObservation(
        **step.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        n_sent=n_sent,
        versions=versions or (),
    )
    log.add(observation)
    return observation
