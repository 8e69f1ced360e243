"""QUIC: one handshake with a chosen server name, and one GET over HTTP/3, over our own socket.

The library's own verification is off: the chain is verified against the same authorities as over TCP, so that
a bad one is recorded instead of ending the handshake.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from typing import Final

from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection, QuicConnectionState
from aioquic.quic.events import HandshakeCompleted, QuicEvent
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from probes.failures import ProtocolError, classify_failure
from probes.records import Certificate, Endpoint, Failure, Purpose, QuicObservation
from probes.session import ObservationLog
from probes.techniques.http import USER_AGENT
from probes.transport.network import Network
from probes.transport.streams import recv_datagram
from probes.transport.trust import MAX_CHAIN, Trust, certificate_failure, describe_errors, keep_certificate

# The library logs what hostile servers do; that belongs in observations, not on a terminal.
logging.getLogger("quic").addHandler(logging.NullHandler())

HANDSHAKE_TIMEOUT_S: Final = 3.0
# After the handshake the page is a bonus; the wait for it is shorter.
PAGE_TIMEOUT_S: Final = 1.0
MAX_DATAGRAMS: Final = 256


async def measure_quic_handshake(
    network: Network,
    log: ObservationLog,
    trust: Trust,
    *,
    endpoint: Endpoint,
    server_name: str,
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
) -> QuicObservation:
    """Make one handshake, then GET `/`; `failure` is about the handshake, `status` about the page."""
    step = log.begin(attempt)
    client = QuicClient(server_name, endpoint)
    failure: Failure | None = None
    detail: str | None = None
    try:
        with network.open_udp(endpoint) as sock:
            async with log.timeout(HANDSHAKE_TIMEOUT_S):
                await _run(client, sock)
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    if client.finished:
        failure, detail = None, None
    chain = client.chain() if client.finished else ()
    errors: tuple[str, ...] = ()
    if chain:
        errors = describe_errors(trust.find_chain_errors(tuple(c.der for c in chain)), chain[0], server_name)
    observation = QuicObservation(
        **step.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        n_sent=client.n_sent,
        server_name=server_name,
        purpose=purpose,
        version=client.version,
        alpn=client.alpn,
        chain=chain,
        certificate_failure=certificate_failure(errors),
        certificate_errors=errors,
        status=client.status,
    )
    log.add(observation)
    return observation


async def _run(client: "QuicClient", sock: socket.socket) -> None:
    """Exchange datagrams until the page's status is known. Errors: OSError, ProtocolError, TimeoutError."""
    loop = asyncio.get_running_loop()
    client.start(loop.time())
    page_by_s: float | None = None
    try:
        for _ in range(MAX_DATAGRAMS):
            for data in client.datagrams(loop.time()):
                await loop.sock_sendall(sock, data)
                client.n_sent += 1
            if client.finished and page_by_s is None:
                page_by_s = loop.time() + PAGE_TIMEOUT_S
            until_s = min((t for t in (client.timer_s(), page_by_s) if t is not None), default=None)
            try:
                async with asyncio.timeout_at(until_s) as pause:
                    data, _ = await recv_datagram(sock)
            except TimeoutError:
                if not pause.expired():
                    raise
                client.wake(loop.time())
            else:
                client.receive(data, loop.time())
            if client.status is not None or (page_by_s is not None and loop.time() >= page_by_s):
                return
        raise ProtocolError(Failure.QUIC_BAD_REPLY, f"no handshake in {MAX_DATAGRAMS} datagrams")
    finally:
        # Announce the end; it does not matter whether that can still be sent.
        with contextlib.suppress(OSError):
            for data in client.close(loop.time()):
                sock.send(data)


class QuicClient:
    """One connection without its socket: what to send, when to wake, and how it ended."""

    def __init__(self, server_name: str, endpoint: Endpoint) -> None:
        configuration = QuicConfiguration(
            alpn_protocols=H3_ALPN, server_name=server_name, verify_mode=ssl.CERT_NONE
        )
        self._quic = QuicConnection(configuration=configuration)
        self._server_name = server_name
        self._address = (endpoint.address, endpoint.port)
        self._h3: H3Connection | None = None
        self.n_sent = 0
        self.alpn: str | None = None
        self.version: int | None = None
        self.status: int | None = None

    @property
    def finished(self) -> bool:
        return self.version is not None

    def start(self, now_s: float) -> None:
        self._quic.connect(self._address, now=now_s)

    def datagrams(self, now_s: float) -> list[bytes]:
        """Return the datagrams to send now."""
        return [data for data, _ in self._quic.datagrams_to_send(now=now_s)]

    def close(self, now_s: float) -> list[bytes]:
        """Close the connection and return the datagrams that announce it."""
        self._quic.close(error_code=ErrorCode.H3_NO_ERROR)
        return self.datagrams(now_s)

    def timer_s(self) -> float | None:
        """Return when to wake (the loop's clock); None for never."""
        return self._quic.get_timer()

    def wake(self, now_s: float) -> None:
        """Fire the library's timer if it is due; it then retransmits."""
        timer_s = self.timer_s()
        if timer_s is not None and now_s >= timer_s:
            self._quic.handle_timer(now=now_s)
            self._take_events()

    def receive(self, data: bytes, now_s: float) -> None:
        """Take one datagram.

        Errors: ProtocolError: `quic_connection_closed` when the peer closed it, `quic_invalid_response` when
        what it sent forced a close.
        """
        try:
            self._quic.receive_datagram(data, self._address, now=now_s)
        except x509.InvalidVersion as error:
            # The library turns every other fault of a certificate into an alert of its own.
            raise ProtocolError(Failure.QUIC_BAD_REPLY, f"certificate: {error}") from error
        self._take_events()
        # The library reports a close only after a while, and does not report who closed.
        ended = self._quic._close_event
        if ended is not None:
            by_peer = self._quic._state is QuicConnectionState.DRAINING
            raise ProtocolError(
                Failure.QUIC_CLOSED if by_peer else Failure.QUIC_BAD_REPLY,
                f"{ended.error_code:#x} {ended.reason_phrase[:200]}",
            )

    def _take_events(self) -> None:
        while (event := self._quic.next_event()) is not None:
            self._take(event)

    def _take(self, event: QuicEvent) -> None:
        match event:
            case HandshakeCompleted():
                # Private in the library, like the close and the chain: requirements.txt bounds its version.
                self.version = self._quic._version
                self.alpn = event.alpn_protocol
                if event.alpn_protocol in H3_ALPN:
                    self._ask()
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
        """Return the certificates that the server presented, leaf first."""
        tls = self._quic.tls
        leaf: x509.Certificate | None = tls._peer_certificate
        presented = [c for c in (leaf, *tls._peer_certificate_chain) if c is not None]
        return tuple(keep_certificate(c.public_bytes(Encoding.DER)) for c in presented[:MAX_CHAIN])
