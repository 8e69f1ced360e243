"""DoH (RFC 8484): what both versions of HTTP share, and the link over HTTP/1.1 for servers without HTTP/2."""

import asyncio
from typing import Final

import h11

from probes.failures import ProtocolError
from probes.records import Failure
from probes.transport.budget import Budget
from probes.transport.streams import PlainStream, TlsStream

DOH_PATH: Final = "/dns-query"
DNS_MESSAGE: Final = "application/dns-message"
MAX_REPLY_BYTES: Final = 65535


class StaleLink(Exception):
    """The connection answered earlier queries and ended before this one, which can use another.

    A connection that ended before its first query is a failure instead, so that a server which closes every
    connection is not retried for ever.
    """


class DohLink:
    """One POST at a time over HTTP/1.1; `host` is the server's address as a URL has it."""

    def __init__(self, plain: PlainStream, tls: TlsStream, host: str) -> None:
        self._plain = plain
        self._tls = tls
        self._host = host
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
        request = h11.Request(
            method="POST",
            target=DOH_PATH,
            headers=[
                ("Host", self._host),
                ("Accept", DNS_MESSAGE),
                ("Content-Type", DNS_MESSAGE),
                ("Content-Length", str(len(query))),
            ],
        )
        parts = (request, h11.Data(data=query), h11.EndOfMessage())
        await self._tls.send(b"".join(self._connection.send(part) or b"" for part in parts))
        body = b""
        begun = False
        budget = Budget()
        while True:
            if not await budget.spend():
                raise ProtocolError(Failure.HTTP_BAD_REPLY, "an answer in too many pieces")
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
