"""Where on the path: one payload sent with rising TTL, without any privilege.

    ClientHello, HTTP request   a whole TCP handshake, then one segment whose TTL is t
    DNS query, plain UDP        a datagram whose TTL is t
    SYN                         a connect whose TTL is t

A packet that runs out of hops comes back as an ICMP error; what answers before the server could have seen the
payload stands on the path. The kernel queues the ICMP error on the socket (ip(7), IP_RECVERR); an established
TCP socket is told no router's address, a SYN's and a datagram's is.
"""

import asyncio
import errno
import socket
import struct
import time
from dataclasses import dataclass
from typing import Final

from OpenSSL import SSL

from probes.failures import VantageError, classify_failure
from probes.network import Network
from probes.notebook import Notebook
from probes.records import Endpoint, Failure, Heard, Hop, HopsObservation, Payload, Purpose
from probes.streams import CHUNK_BYTES
from probes.trust import Trust
from probes.wire.dns import encode_query
from probes.wire.icmp import parse_socket_error

# Each wave goes out at once; a far server needs another one, a near one answers in the first.
WAVE_TTLS: Final = 8
MAX_TTL: Final = 24
HOP_TIMEOUT_S: Final = 0.7
TOTAL_TIMEOUT_S: Final = 3.0
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
MSG_ERRQUEUE: Final = 0x2000

HEARD: Final = {
    errno.ECONNRESET: Heard.RESET,
    errno.EPIPE: Heard.RESET,
    errno.ECONNREFUSED: Heard.REFUSED,
}
FAR_END: Final = frozenset({Heard.ANSWER, Heard.REFUSED, Heard.RESET, Heard.CLOSED})
OVER_TCP: Final = frozenset({Payload.CLIENT_HELLO, Payload.HTTP_REQUEST})


@dataclass(frozen=True, slots=True)
class Errors:
    """What sets the TTL and queues ICMP errors, by IP version."""

    level: int
    ttl: int
    receive: int


V4: Final = Errors(socket.IPPROTO_IP, socket.IP_TTL, IP_RECVERR)
V6: Final = Errors(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, IPV6_RECVERR)


async def measure_hops(
    network: Network,
    notebook: Notebook,
    trust: Trust,
    *,
    endpoint: Endpoint,
    payload: Payload,
    name: str = "",
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
) -> HopsObservation:
    """Send one payload with TTL 1, 2, … until the far end answers, and keep what each was answered with.

    Shape:  waves of eight TTLs side by side, at most 24 hops and three seconds; a wave is cut after the
            first TTL that the far end answers.
    Errors: ValueError for a network that carries no packets of our own making (SOCKS5).
    """
    if not network.carries_udp:
        raise ValueError(f"hops: expected a network of our own packets, got {network}")
    entry = notebook.begin(attempt)
    hops: list[Hop] = []
    failure: Failure | None = None
    detail: str | None = None
    content = _content(trust, payload, name)
    try:
        async with notebook.timeout(TOTAL_TIMEOUT_S):
            for first in range(1, MAX_TTL + 1, WAVE_TTLS):
                wave = await asyncio.gather(
                    *(
                        _send(network, endpoint, payload, content, ttl)
                        for ttl in range(first, min(first + WAVE_TTLS, MAX_TTL + 1))
                    )
                )
                hops += wave
                if any(hop.heard in FAR_END for hop in wave):
                    break
    except Exception as error:  # a network failure is data; the hops heard until then stay
        failure, detail = classify_failure(error)
    observation = HopsObservation(
        **entry.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        payload=payload,
        name=name,
        purpose=purpose,
        hops=_cut(hops),
    )
    notebook.add(observation)
    return observation


def _cut(hops: list[Hop]) -> tuple[Hop, ...]:
    """Beyond the first answer from the far end every TTL says the same."""
    last = next((i for i, hop in enumerate(hops) if hop.heard in FAR_END), len(hops))
    return tuple(hops[: last + 1])


def _content(trust: Trust, payload: Payload, name: str) -> bytes:
    match payload:
        case Payload.CLIENT_HELLO:
            connection = trust.new_connection(name, [])
            try:
                connection.do_handshake()
            except SSL.WantReadError:
                return connection.bio_read(CHUNK_BYTES)
            raise RuntimeError("a handshake ended before it began")
        case Payload.HTTP_REQUEST:
            host = name.encode("idna") if name else b""
            return b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
        case Payload.DNS_QUERY:
            return encode_query(name, "A", int(time.monotonic_ns()) & 0xFFFF)
        case Payload.UDP:
            return b"\0" * 24
        case Payload.SYN:
            return b""


async def _send(network: Network, endpoint: Endpoint, payload: Payload, content: bytes, ttl: int) -> Hop:
    started = time.monotonic()
    heard, router = Heard.SILENCE, None
    try:
        async with asyncio.timeout(HOP_TIMEOUT_S):
            if payload in OVER_TCP:
                heard, router = await _over_connection(network, endpoint, content, ttl)
            elif payload is Payload.SYN:
                heard, router = await _syn(network, endpoint, ttl)
            else:
                heard, router = await _datagram(network, endpoint, content, ttl)
    except TimeoutError:
        pass
    rtt_s = None if heard is Heard.SILENCE else round(time.monotonic() - started, 6)
    return Hop(ttl=ttl, heard=heard, router=router, rtt_s=rtt_s)


async def _over_connection(
    network: Network, endpoint: Endpoint, content: bytes, ttl: int
) -> tuple[Heard, str | None]:
    loop = asyncio.get_running_loop()
    sock = await network.connect_tcp(endpoint)
    try:
        _limit(sock, ttl)
        await loop.sock_sendall(sock, content)
        try:
            return (Heard.ANSWER if await loop.sock_recv(sock, CHUNK_BYTES) else Heard.CLOSED), None
        except OSError as error:
            return _hear(sock, error)
    finally:
        _abort(sock)


async def _syn(network: Network, endpoint: Endpoint, ttl: int) -> tuple[Heard, str | None]:
    loop = asyncio.get_running_loop()
    sock = network.open_tcp(endpoint)
    try:
        _limit(sock, ttl)
        try:
            await loop.sock_connect(sock, (endpoint.address, endpoint.port))
        except OSError as error:
            return _hear(sock, error)
        return Heard.ANSWER, None
    finally:
        _abort(sock)


async def _datagram(
    network: Network, endpoint: Endpoint, content: bytes, ttl: int
) -> tuple[Heard, str | None]:
    loop = asyncio.get_running_loop()
    with network.open_udp(endpoint) as sock:
        _limit(sock, ttl)
        try:
            await loop.sock_sendall(sock, content)
            await loop.sock_recv(sock, CHUNK_BYTES)
        except OSError as error:
            return _hear(sock, error)
        return Heard.ANSWER, None


def _limit(sock: socket.socket, ttl: int) -> None:
    errors = V6 if sock.family == socket.AF_INET6 else V4
    sock.setsockopt(errors.level, errors.ttl, ttl)
    sock.setsockopt(errors.level, errors.receive, 1)


def _hear(sock: socket.socket, error: OSError) -> tuple[Heard, str | None]:
    """Return what an error means; the queued ICMP message tells more than its number."""
    if isinstance(error, VantageError):
        raise error
    try:
        _, ancillary, _, _ = sock.recvmsg(512, 512, MSG_ERRQUEUE)
    except OSError:
        ancillary = []
    for level, kind, data in ancillary:
        if (level, kind) in ((V4.level, V4.receive), (V6.level, V6.receive)):
            told = parse_socket_error(data)
            if told is not None:
                return told
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        # On a connection the kernel keeps no ICMP message, and running out of hops is EHOSTUNREACH.
        return Heard.TIME_EXCEEDED, None
    return HEARD.get(error.errno or 0, Heard.UNREACHABLE), None


def _abort(sock: socket.socket) -> None:
    """Close with a reset, at a TTL that reaches the server: nothing is retransmitted, nothing lingers."""
    errors = V6 if sock.family == socket.AF_INET6 else V4
    sock.setsockopt(errors.level, errors.ttl, 64)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
