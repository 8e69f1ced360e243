"""DNS over TLS and over HTTPS to a public resolver's address: answers that the path cannot forge.

The queries of a round share a few connections, since handshakes are expensive. Nothing is asked over a
connection whose certificate is not valid for the address.
"""

import asyncio
import struct
from typing import Final, Protocol, Self

import h11

from probes.failures import ProtocolError
from probes.records import Endpoint, Failure
from probes.session import ObservationLog
from probes.techniques.dns import Exchange, Keep
from probes.transport.network import Network
from probes.transport.streams import PlainStream, TlsStream
from probes.transport.trust import Trust, certificate_failure, describe_chain, describe_errors

CONNECT_TIMEOUT_S: Final = 3.5  # room for one retransmitted SYN
ANSWER_TIMEOUT_S: Final = 3.0
MAX_REPLY_BYTES: Final = 65535
# HTTP/1.1 answers one question at a time; a few connections side by side keep a round short far away.
DOH_LANES: Final = 2
PORTS: Final = {"dot": 853, "doh": 443}
DOH_PATH: Final = "/dns-query"


class StaleLink(Exception):
    """The connection answered earlier queries and ended before this one, which can use another.

    A connection that ended before its first query is a failure instead, so that a server which closes every
    connection is not retried for ever.
    """


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


class DohLink:
    """One POST at a time (RFC 8484)."""

    def __init__(self, plain: PlainStream, tls: TlsStream, host: str) -> None:
        self._plain = plain
        self._tls = tls
        self._host = f"[{host}]" if ":" in host else host
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=32768)
        self._turn = asyncio.Lock()
        self._n_answered = 0
        self._broken = False

    @property
    def ended(self) -> bool:
        return not self._turn.locked() and self._is_over

    @property
    def _is_over(self) -> bool:
        over = (h11.MUST_CLOSE, h11.CLOSED)
        return self._broken or self._connection.our_state in over or self._connection.their_state in over

    async def ask(self, query: bytes) -> bytes:
        async with self._turn:
            if self._is_over:
                raise StaleLink
            if self._connection.our_state is h11.DONE:
                self._connection.start_next_cycle()
            try:
                reply = await self._post(query)
            except h11.RemoteProtocolError as error:
                self._broken = True
                raise ProtocolError(Failure.HTTP_BAD_REPLY, str(error)) from error
            except BaseException:
                # Given up half-way: the rest of this answer would be read as the next one's.
                self._broken = True
                raise
            self._n_answered += 1
            return reply

    async def _post(self, query: bytes) -> bytes:
        kind = "application/dns-message"
        request = h11.Request(
            method="POST",
            target=DOH_PATH,
            headers=[
                ("Host", self._host),
                ("Accept", kind),
                ("Content-Type", kind),
                ("Content-Length", str(len(query))),
            ],
        )
        parts = (request, h11.Data(data=query), h11.EndOfMessage())
        await self._tls.send(b"".join(self._connection.send(part) or b"" for part in parts))
        body = b""
        begun = False
        while True:
            match event := self._connection.next_event():
                case h11.NEED_DATA:
                    data = await self._tls.recv()
                    if not data and not begun:
                        # A server may close a persistent connection at any time (RFC 9112 section 9.3.1).
                        raise StaleLink if self._n_answered else EOFError("closed before a response")
                    begun = True
                    self._connection.receive_data(data)
                case h11.Response() if event.status_code != 200:
                    # The rest is not read, so the connection cannot be used again.
                    raise ProtocolError(Failure.HTTP_BAD_REPLY, f"DoH answered {event.status_code}")
                case h11.Data():
                    body += event.data
                    if len(body) > MAX_REPLY_BYTES:
                        raise ProtocolError(Failure.DNS_BAD_REPLY, "longer than a DNS message can be")
                case h11.EndOfMessage():
                    return body

    def close(self) -> None:
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
                alpn = (b"http/1.1",) if self.transport == "doh" else ()
                tls = TlsStream(plain, self._trust, self.server.address, alpn=alpn)
                await tls.handshake()
                self._check(tls)
            except BaseException:
                plain.close()
                raise
        return DohLink(plain, tls, self.server.address) if self.transport == "doh" else DotLink(plain, tls)

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
            if isinstance(result, DotLink | DohLink):
                result.close()
