"""DNS over TLS and over HTTPS to a public resolver's address: answers that the path cannot forge.

The queries of a round share a few connections, since handshakes are expensive. Nothing is asked over a
connection whose certificate is not valid for the address.
"""

import asyncio
import struct
from typing import Final, Protocol, Self

from probes.failures import ProtocolError
from probes.records import Endpoint, Failure
from probes.session import ObservationLog
from probes.techniques.dns import Exchange, Keep
from probes.techniques.doh import DohLink, StaleLink
from probes.techniques.doh_h2 import ALPN as HTTP2
from probes.techniques.doh_h2 import Http2Link
from probes.transport.network import Network
from probes.transport.streams import PlainStream, TlsStream
from probes.transport.trust import Trust, certificate_failure, describe_chain, describe_errors

CONNECT_TIMEOUT_S: Final = 3.5  # room for one retransmitted SYN
ANSWER_TIMEOUT_S: Final = 3.0
# HTTP/1.1 answers one question at a time; a few connections side by side keep a round short far away.
DOH_LANES: Final = 2
PORTS: Final = {"dot": 853, "doh": 443}


class Link(Protocol):
    """One authenticated connection, shared by many queries."""

    @property
    def ended(self) -> bool: ...

    async def ask(self, query: bytes) -> bytes:
        """Return the reply. Errors: StaleLink; whatever the network raised."""
        ...

    def close(self) -> None: ...


class DotLink:
    """Queries are sent as they come, replies matched by their id (RFC 7858 section 3.3)."""

    def __init__(self, plain: PlainStream, tls: TlsStream) -> None:
        self._plain = plain
        self._tls = tls
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._n_asked = 0
        self._error: Exception = EOFError("the connection has ended")
        self._reader = asyncio.create_task(self._read())

    @property
    def ended(self) -> bool:
        return self._reader.done()

    async def ask(self, query: bytes) -> bytes:
        if self.ended:
            raise StaleLink if self._n_asked else self._error
        # Ids of the connection's own: random ones would collide in one round of a hundred.
        ticket = struct.pack(">H", self._n_asked & 0xFFFF)
        self._n_asked += 1
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = reply
        try:
            await self._tls.send(struct.pack(">H", len(query)) + ticket + query[2:])
            return query[:2] + (await reply)[2:]
        finally:
            self._waiting.pop(ticket, None)

    async def _read(self) -> None:
        data = b""
        try:
            while chunk := await self._tls.recv():
                data += chunk
                while len(data) >= 2 and len(data) >= (end := 2 + int.from_bytes(data[:2], "big")):
                    self._deliver(data[2:end])
                    data = data[end:]
        except Exception as failed:  # fails every query that waits
            self._error = failed
        finally:
            for reply in self._waiting.values():
                if not reply.done():
                    reply.set_exception(self._error)

    def _deliver(self, message: bytes) -> None:
        reply = self._waiting.get(message[:2])
        if reply is not None and not reply.done():
            reply.set_result(message)

    def close(self) -> None:
        self._reader.cancel()
        self._plain.close()


class SecureResolver:
    """A public resolver for one round; leaving the context closes its connections.

    Shape:  `transport` is dot or doh. Queries of one attempt share connections; a second attempt gets fresh
            ones, so a broken connection fails what waits on it and nothing later.
    """

    def __init__(self, network: Network, trust: Trust, address: str, transport: str) -> None:
        self.server = Endpoint(address=address, port=PORTS[transport])
        self.transport = transport
        self._network = network
        self._trust = trust
        self._lanes = DOH_LANES if transport == "doh" else 1
        self._links: dict[tuple[int, int], asyncio.Task[Link]] = {}
        self._n_asked = 0

    def exchange(self, log: ObservationLog, attempt: int = 1) -> Exchange:
        async def exchange(query: bytes, keep: Keep) -> None:
            async with log.timeout(CONNECT_TIMEOUT_S + ANSWER_TIMEOUT_S):
                reply = await self._ask(query, attempt)
            if not keep(reply, None):
                raise ProtocolError(Failure.DNS_BAD_REPLY, f"{len(reply)} bytes, no reply to the query")

        return exchange

    async def _ask(self, query: bytes, attempt: int) -> bytes:
        self._n_asked += 1
        lane = (attempt, self._n_asked % self._lanes)
        while True:
            # Shielded: a query that gives up must not cancel the connection for the others.
            link = await asyncio.shield(self._link(lane))
            try:
                return await link.ask(query)
            except StaleLink:
                continue

    def _link(self, lane: tuple[int, int]) -> asyncio.Task[Link]:
        task = self._links.get(lane)
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            if not task.result().ended:
                return task
            task.result().close()
            task = None
        if task is None:
            task = self._links[lane] = asyncio.create_task(self._open())
        return task

    async def _open(self) -> Link:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            plain = PlainStream(await self._network.connect_tcp(self.server))
            try:
                alpn = (HTTP2, b"http/1.1") if self.transport == "doh" else ()
                tls = TlsStream(plain, self._trust, self.server.address, alpn=alpn)
                await tls.handshake()
                self._check(tls)
            except BaseException:
                plain.close()
                raise
        if self.transport == "dot":
            return DotLink(plain, tls)
        address = self.server.address
        host = f"[{address}]" if ":" in address else address
        if tls.connection.get_alpn_proto_negotiated() == HTTP2:
            return Http2Link(plain, tls, host)
        return DohLink(plain, tls, host)

    def _check(self, tls: TlsStream) -> None:
        chain = describe_chain(tls.connection)
        errors = describe_errors(tls.chain_errors, chain[0] if chain else None, self.server.address)
        failure = certificate_failure(errors)
        if failure is not None:
            raise ProtocolError(failure, f"certificate of {self.server}: {', '.join(errors)}")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._links.values():
            task.cancel()
        for result in await asyncio.gather(*self._links.values(), return_exceptions=True):
            if isinstance(result, DotLink | DohLink | Http2Link):
                result.close()
