"""DNS: our own packets to a literal address, independent of the system's resolver."""

import asyncio
import secrets
import struct
from collections.abc import Awaitable, Callable
from typing import Final

from probes.failures import ProtocolError, classify_failure
from probes.records import DnsAnswer, DnsObservation, Endpoint, Failure, Resolver
from probes.session import ObservationLog
from probes.transport.network import Network
from probes.transport.streams import PlainStream, recv_datagram, recv_message
from probes.wire.dns import answer_failure, encode_query, parse_reply, tcp_length

# Listen on after the first answer: an injector wins the race, the true reply comes a round trip later,
# and the pair is the evidence.
SECOND_ANSWER_WAIT_S: Final = 1.5
UDP_TIMEOUT_S: Final = 2.0
TCP_TIMEOUT_S: Final = 3.5  # room for one retransmitted SYN
MAX_ANSWERS: Final = 8

OnAnswer = Callable[[DnsAnswer], None]
# Takes the bytes received and their hop limit; True when they are an answer to the query.
Keep = Callable[[bytes, int | None], bool]
# Sends a query and hands over what comes back. Errors: whatever the network raised.
Exchange = Callable[[bytes, Keep], Awaitable[None]]


async def measure_dns(
    log: ObservationLog,
    *,
    exchange: Exchange,
    transport: str,
    resolver: Resolver,
    server: Endpoint,
    name: str,
    attempt: int = 1,
    query_type: str = "A",
    on_answer: OnAnswer = lambda answer: None,
) -> DnsObservation:
    """Ask one server once and keep every answer that comes.

    Shape:  `exchange` comes from `over_udp`, `over_tcp` or `SecureResolver.exchange`; over UDP it listens
            until the window for a second answer closes. `on_answer` is called as each answer arrives, so
            that the next steps need not wait for the window.
    """
    step = log.begin(attempt)
    query_id = secrets.randbits(16)
    answers: list[DnsAnswer] = []
    failure: Failure | None = None
    detail: str | None = None

    def keep(wire: bytes, hop_limit: int | None) -> bool:
        answer = parse_reply(
            wire, query_id=query_id, name=name, arrived_s=step.elapsed_s(), hop_limit=hop_limit
        )
        if answer is not None:
            answers.append(answer)
            on_answer(answer)
        return answer is not None

    try:
        await exchange(encode_query(name, query_type, query_id), keep)
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    if answers:
        # The end of the window raises a timeout; after an answer that is no failure.
        failure, detail = answer_failure(answers[0]), None
    observation = DnsObservation(
        **step.fields(),
        failure=failure,
        detail=detail,
        resolver=resolver,
        server=server,
        transport=transport,
        name=name,
        query_type=query_type,
        answers=tuple(answers),
    )
    log.add(observation)
    return observation


def over_udp(
    network: Network, log: ObservationLog, server: Endpoint, *, wait_s: float = UDP_TIMEOUT_S
) -> Exchange:
    """Return an exchange over one datagram: wait `wait_s` for an answer, then on for a second one."""

    async def exchange(query: bytes, keep: Keep) -> None:
        loop = asyncio.get_running_loop()
        n_kept = 0
        with network.open_udp(server) as sock:
            async with log.timeout(wait_s) as window:
                await loop.sock_sendall(sock, query)
                while n_kept < MAX_ANSWERS:
                    if not keep(*await recv_datagram(sock)):
                        # A flood of unrelated datagrams must not keep the event loop from its timers.
                        await asyncio.sleep(0)
                        continue
                    n_kept += 1
                    if n_kept == 1:
                        on_s = min(SECOND_ANSWER_WAIT_S, log.left_s())
                        window.reschedule(loop.time() + max(0.0, on_s))

    return exchange


def over_tcp(network: Network, log: ObservationLog, server: Endpoint) -> Exchange:
    """Return an exchange over its own connection. TCP retransmits: packet loss does not look like silence."""

    async def exchange(query: bytes, keep: Keep) -> None:
        async with log.timeout(TCP_TIMEOUT_S):
            with PlainStream(await network.connect_tcp(server)) as stream:
                await stream.send(struct.pack(">H", len(query)) + query)
                reply = await recv_message(stream, tcp_length)
                if not keep(reply, None):
                    raise ProtocolError(Failure.DNS_BAD_REPLY, f"{len(reply)} bytes, no reply to the query")

    return exchange
