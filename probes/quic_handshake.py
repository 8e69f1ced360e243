"""QUIC: one handshake with a chosen server name, and one GET over HTTP/3, over our own socket.

The library verifies nothing here: the chain presented is kept and judged against the same authorities as over
TCP, so that a bad one is recorded instead of ending the handshake.
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Final

from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, QuicEvent
from aioquic.quic.packet import QuicErrorCode
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from probes.failures import ProtocolError, classify_failure
from probes.http import USER_AGENT
from probes.network import Network
from probes.notebook import Notebook
from probes.records import Certificate, Endpoint, Failure, Purpose, QuicObservation
from probes.streams import recv_datagram
from probes.trust import MAX_CHAIN, Trust, certificate_failure, describe_certificate, describe_errors

HANDSHAKE_TIMEOUT_S: Final = 3.0
# What follows a finished handshake is a courtesy of the server's; it is not waited for as long.
PAGE_TIMEOUT_S: Final = 1.0
MAX_DATAGRAMS: Final = 256


async def measure_quic_handshake(
    network: Network,
    notebook: Notebook,
    trust: Trust,
    *,
    endpoint: Endpoint,
    server_name: str,
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
) -> QuicObservation:
    """Shake hands once, then GET `/`; `failure` speaks of the handshake, `status` of the page."""
    entry = notebook.begin(attempt)
    visit = _Visit(server_name, endpoint)
    failure: Failure | None = None
    detail: str | None = None
    try:
        with network.open_udp(endpoint) as sock:
            async with notebook.timeout(HANDSHAKE_TIMEOUT_S):
                await visit.run(sock)
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    if visit.finished:
        failure, detail = None, None
    chain = visit.chain() if visit.finished else ()
    errors: tuple[str, ...] = ()
    if chain:
        codes = trust.find_chain_errors(tuple(c.der for c in chain))
        errors = describe_errors(codes, chain[0], server_name)
    observation = QuicObservation(
        **entry.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        n_sent=visit.n_sent,
        server_name=server_name,
        purpose=purpose,
        version=visit.version,
        alpn=visit.alpn,
        chain=chain,
        certificate_failure=certificate_failure(errors),
        certificate_errors=errors,
        status=visit.status,
    )
    notebook.add(observation)
    return observation


class _Visit:
    """One connection: datagrams in and out, and what became of it."""

    def __init__(self, server_name: str, endpoint: Endpoint) -> None:
        configuration = QuicConfiguration(
            alpn_protocols=H3_ALPN, server_name=server_name, verify_mode=ssl.CERT_NONE
        )
        self._quic = QuicConnection(configuration=configuration)
        self._server_name = server_name
        self._address = (endpoint.address, endpoint.port)
        self._h3: H3Connection | None = None
        self._ended: str | None = None
        self.n_sent = 0
        self.alpn: str | None = None
        self.version: int | None = None
        self.status: int | None = None

    @property
    def finished(self) -> bool:
        return self.version is not None

    async def run(self, sock: socket.socket) -> None:
        """Go on until the page's status is there. Errors: OSError, ProtocolError, TimeoutError."""
        loop = asyncio.get_running_loop()
        self._quic.connect(self._address, now=loop.time())
        page_by_s: float | None = None
        try:
            for _ in range(MAX_DATAGRAMS):
                await self._flush(sock)
                if self.finished and page_by_s is None:
                    page_by_s = loop.time() + PAGE_TIMEOUT_S
                await self._receive(sock, page_by_s)
                self._take_events()
                if self.status is not None or (page_by_s is not None and loop.time() >= page_by_s):
                    return
        finally:
            self._quic.close(error_code=ErrorCode.H3_NO_ERROR)
            with contextlib.suppress(OSError):
                self._send_now(sock)

    async def _flush(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for data, _ in self._quic.datagrams_to_send(now=loop.time()):
            await loop.sock_sendall(sock, data)
            self.n_sent += 1

    def _send_now(self, sock: socket.socket) -> None:
        """The goodbye; whether it gets out is no matter."""
        for data, _ in self._quic.datagrams_to_send(now=asyncio.get_running_loop().time()):
            sock.send(data)

    async def _receive(self, sock: socket.socket, page_by_s: float | None) -> None:
        """Take one datagram, or let the library's timer run out (it then sends again)."""
        loop = asyncio.get_running_loop()
        timer_s = self._quic.get_timer()
        until_s = min((t for t in (timer_s, page_by_s) if t is not None), default=None)
        try:
            async with asyncio.timeout_at(until_s) as pause:
                data, _ = await recv_datagram(sock)
        except TimeoutError:
            if not pause.expired():
                raise
            if timer_s is not None and loop.time() >= timer_s:
                self._quic.handle_timer(now=loop.time())
        else:
            self._quic.receive_datagram(data, self._address, now=loop.time())

    def _take_events(self) -> None:
        while (event := self._quic.next_event()) is not None:
            self._take(event)

    def _take(self, event: QuicEvent) -> None:
        match event:
            case HandshakeCompleted():
                # The library keeps both to itself; the requirement is bounded for that.
                self.version = self._quic._version
                self.alpn = event.alpn_protocol
                if event.alpn_protocol in H3_ALPN:
                    self._ask()
            case ConnectionTerminated():
                no_version = (
                    event.error_code == QuicErrorCode.INTERNAL_ERROR and "version" in event.reason_phrase
                )
                raise ProtocolError(
                    Failure.QUIC_BAD_REPLY if no_version else Failure.QUIC_CLOSED,
                    f"closed with {event.error_code:#x} {event.reason_phrase[:200]}",
                )
            case _ if self._h3 is not None:
                for answer in self._h3.handle_event(event):
                    if isinstance(answer, HeadersReceived):
                        self._read_status(answer)

    def _ask(self) -> None:
        self._h3 = H3Connection(self._quic)
        self._h3.send_headers(
            self._quic.get_next_available_stream_id(),
            [
                (b":method", b"GET"),
                (b":scheme", b"https"),
                (b":authority", self._server_name.encode("idna")),
                (b":path", b"/"),
                (b"user-agent", USER_AGENT.encode()),
            ],
            end_stream=True,
        )

    def _read_status(self, answer: HeadersReceived) -> None:
        for name, value in answer.headers:
            if name == b":status" and value.isdigit() and len(value) == 3:
                self.status = int(value)

    def chain(self) -> tuple[Certificate, ...]:
        """Return what the server presented, leaf first."""
        tls = self._quic.tls
        leaf: x509.Certificate | None = tls._peer_certificate
        presented = [c for c in (leaf, *tls._peer_certificate_chain) if c is not None]
        return tuple(describe_certificate(c.public_bytes(Encoding.DER)) for c in presented[:MAX_CHAIN])
