"""Hops: where on the path something acts. One payload sent with rising TTL, without privileges.

    ClientHello, HTTP request   a whole TCP handshake, then one segment whose TTL is t
    DNS query, plain UDP        a datagram whose TTL is t
    SYN                         a connect whose TTL is t

A packet that runs out of hops comes back as an ICMP error; an answer to a payload that cannot have reached
the server comes from the path. The kernel queues the ICMP error on the socket (ip(7), IP_RECVERR): with the
router's address for a SYN or a datagram, without it for an established TCP connection.
"""

import asyncio
import contextlib
import errno
import secrets
import socket
import struct
import time
from typing import Final

from OpenSSL import SSL

from probes.failures import VantageError, classify_failure
from probes.records import Endpoint, Failure, Heard, Hop, HopsObservation, Payload, Purpose
from probes.session import ObservationLog
from probes.transport.error_queue import queue_errors, read_error_queue
from probes.transport.network import Network
from probes.transport.streams import CHUNK_BYTES
from probes.transport.trust import Trust
from probes.wire.dns import encode_query
from probes.wire.icmp import parse_socket_error

# Payloads go out in waves; a near server answers in the first, a far one needs another.
WAVE_TTLS: Final = 8
MAX_TTL: Final = 24
HOP_TIMEOUT_S: Final = 0.7
# Less than the second after which TCP retransmits a SYN: a connect that needs that is given up.
CONNECT_TIMEOUT_S: Final = 0.9
TOTAL_TIMEOUT_S: Final = 3.0
MAX_ERRORS: Final = 16
# An injector answers a packet and lets it go on; the ICMP error of a router follows within this time.
ERROR_GRACE_S: Final = 0.05

# What an error without a queued ICMP message means. An established connection queues none: there running out
# of hops is EHOSTUNREACH, and so is a router's "no such host", which cannot be told apart from it.
HEARD: Final = {
    errno.ECONNRESET: Heard.RESET,
    errno.EPIPE: Heard.RESET,
    errno.ECONNREFUSED: Heard.REFUSED,
    errno.EHOSTUNREACH: Heard.TIME_EXCEEDED,
}
FAR_END: Final = frozenset({Heard.ANSWER, Heard.REFUSED, Heard.RESET, Heard.CLOSED})
OVER_TCP: Final = frozenset({Payload.CLIENT_HELLO, Payload.HTTP_REQUEST})


V4: Final = (socket.IPPROTO_IP, socket.IP_TTL)
V6: Final = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)


async def measure_hops(
    network: Network,
    log: ObservationLog,
    trust: Trust,
    *,
    endpoint: Endpoint,
    payload: Payload,
    name: str = "",
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
) -> HopsObservation:
    """Send one payload with TTL 1, 2, … until the far end answers, and keep the answer to each.

    Shape:  waves of eight TTLs side by side, at most 24 hops and three seconds; a wave is cut after the
            first TTL that the far end answers. A TTL whose payload could not be sent, because its
            connection failed, is left out.
    Errors: ValueError for a network that cannot carry packets of our own (SOCKS5).
    """
    if not network.carries_udp:
        raise ValueError(f"hops: expected a network of our own packets, got {network}")
    step = log.begin(attempt)
    hops: list[Hop] = []
    failure: Failure | None = None
    detail: str | None = None
    content = _content(trust, payload, name)

    async def send(ttl: int) -> OSError | VantageError | None:
        try:
            hops.append(await _send(network, endpoint, payload, content, ttl))
        except (OSError, VantageError) as error:
            return error
        return None

    try:
        async with log.timeout(TOTAL_TIMEOUT_S):
            for first in range(1, MAX_TTL + 1, WAVE_TTLS):
                ttls = range(first, min(first + WAVE_TTLS, MAX_TTL + 1))
                async with asyncio.TaskGroup() as group:
                    wave = [group.create_task(send(ttl)) for ttl in ttls]
                errors = [error for task in wave if (error := task.result()) is not None]
                if len(errors) == len(wave):
                    raise errors[0]
                if any(hop.heard in FAR_END for hop in hops):
                    break
    except Exception as error:  # a network failure is data; the hops heard until then stay
        failure, detail = classify_failure(error)
    observation = HopsObservation(
        **step.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        payload=payload,
        name=name,
        purpose=purpose,
        hops=_cut(sorted(hops, key=lambda hop: hop.ttl)),
    )
    log.add(observation)
    return observation


def _cut(hops: list[Hop]) -> tuple[Hop, ...]:
    """Return the hops up to the first answer from the far end; beyond it every TTL says the same."""
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
            return encode_query(name, "A", secrets.randbelow(65536))
        case Payload.UDP:
            return b"\0" * 24
        case Payload.SYN:
            return b""


class _Report:
    """The answer to one payload. What comes after an ICMP error counts more: an injector acts on a packet
    that then still runs out of hops, and may be slower than the router."""

    def __init__(self) -> None:
        self.heard = Heard.SILENCE
        self.router: str | None = None
        self.at_s: float | None = None

    def note(self, heard: Heard, router: str | None = None) -> None:
        if self.at_s is None or heard in FAR_END:
            self.heard, self.at_s = heard, time.monotonic()
        self.router = self.router or router

    def note_router(self, sock: socket.socket) -> None:
        """Add the router whose ICMP error came after the answer, if one did."""
        self.router = next((router for _, router in _read_errors(sock) if router), None)

    def note_error(self, sock: socket.socket, error: OSError) -> None:
        """Note an error by its queued ICMP messages, which say more than its number."""
        errors = _read_errors(sock)
        for heard, router in errors:
            self.note(heard, router)
        if not errors:
            self.note(HEARD.get(error.errno or 0, Heard.UNREACHABLE))


async def _send(network: Network, endpoint: Endpoint, payload: Payload, content: bytes, ttl: int) -> Hop:
    """Send the payload once with this TTL. Errors: OSError, VantageError when it could not be sent."""
    report = _Report()
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        sock = await _open(network, endpoint, payload)
    try:
        _limit(sock, ttl)
        started = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOP_TIMEOUT_S):
                if payload is Payload.SYN:
                    await _connect(sock, endpoint, report)
                else:
                    await _listen(sock, content, report)
        if payload not in OVER_TCP and report.heard is Heard.ANSWER and report.router is None:
            await asyncio.sleep(ERROR_GRACE_S)
            report.note_router(sock)
    finally:
        _abort(sock)
    rtt_s = None if report.at_s is None else round(report.at_s - started, 6)
    return Hop(ttl=ttl, heard=report.heard, router=report.router, rtt_s=rtt_s)


async def _open(network: Network, endpoint: Endpoint, payload: Payload) -> socket.socket:
    if payload in OVER_TCP:
        return await network.connect_tcp(endpoint)
    return network.open_tcp(endpoint) if payload is Payload.SYN else network.open_udp(endpoint)


async def _connect(sock: socket.socket, endpoint: Endpoint, report: _Report) -> None:
    try:
        await asyncio.get_running_loop().sock_connect(sock, (endpoint.address, endpoint.port))
    except OSError as error:
        report.note_error(sock, error)
    else:
        report.note(Heard.ANSWER)


async def _listen(sock: socket.socket, content: bytes, report: _Report) -> None:
    """Send, then listen until an answer comes that is not an ICMP error, or the time is up."""
    loop = asyncio.get_running_loop()
    is_stream = sock.type == socket.SOCK_STREAM
    try:
        await loop.sock_sendall(sock, content)
    except OSError as error:
        report.note_error(sock, error)
    # TCP retransmits, and each retransmission may bring another ICMP error.
    for _ in range(MAX_ERRORS):
        if report.heard in FAR_END:
            return
        try:
            data = await loop.sock_recv(sock, CHUNK_BYTES)
        except OSError as error:
            report.note_error(sock, error)
        else:
            report.note(Heard.CLOSED if is_stream and not data else Heard.ANSWER)


def _limit(sock: socket.socket, ttl: int) -> None:
    _set_ttl(sock, ttl)
    queue_errors(sock)


def _set_ttl(sock: socket.socket, ttl: int) -> None:
    sock.setsockopt(*(V6 if sock.family == socket.AF_INET6 else V4), ttl)


def _read_errors(sock: socket.socket) -> list[tuple[Heard, str | None]]:
    """Empty the socket's queue of ICMP errors."""
    errors = [parse_socket_error(data) for data in read_error_queue(sock)]
    return [error for error in errors if error is not None]


def _abort(sock: socket.socket) -> None:
    """Close with a reset, at a TTL that reaches the server: no retransmission, no lingering socket."""
    _set_ttl(sock, 64)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
