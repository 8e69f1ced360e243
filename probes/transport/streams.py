"""Byte streams over our own sockets: plain TCP, and TLS through memory buffers, so that one handshake is
enough to connect, keep the chain and verify it."""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Protocol, Self

from OpenSSL import SSL

from probes.transport.arrivals import Arrivals
from probes.transport.tls_records import first_record_bytes
from probes.transport.trust import HTTP_ALPN, Trust

CHUNK_BYTES = 65536
HOP_LIMIT_MESSAGES = {
    (socket.IPPROTO_IP, socket.IP_TTL),
    (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT),
}


class Stream(Protocol):
    async def send(self, data: bytes) -> None: ...

    async def recv(self) -> bytes:
        """Return the next bytes; empty at the end of the stream."""
        ...


class TimedStream(Stream, Protocol):
    """A stream that knows when its socket delivered what."""

    @property
    def arrivals(self) -> Arrivals: ...


class PlainStream:
    """TCP. Use as a context manager: leaving it closes the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.arrivals = Arrivals()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def recv(self) -> bytes:
        # sock_recv returns buffered bytes without a pause: under a flood no timer would ever run.
        await asyncio.sleep(0)
        data = await self._loop.sock_recv(self._sock, CHUNK_BYTES)
        self.arrivals.note(time.monotonic(), len(data))
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        # Close with a reset: a round leaves no sockets in TIME_WAIT and waits for no FIN that got lost.
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()


class TlsStream:
    """TLS over a plain stream. `handshake()` never fails for a bad chain: its errors are kept."""

    def __init__(
        self, inner: PlainStream, trust: Trust, server_name: str, *, alpn: tuple[bytes, ...] = HTTP_ALPN
    ) -> None:
        self._inner = inner
        self._errors: list[int] = []
        self._sending = asyncio.Lock()
        # Records are fed one by one: so it is known which of them brought the first bytes of an answer.
        self._unread = b""
        self._answered = False
        self.connection = trust.new_connection(server_name, self._errors, alpn=alpn)

    @property
    def chain_errors(self) -> tuple[int, ...]:
        """Return the X509_V_ERR numbers of OpenSSL's verification of the chain, in order, without repeats."""
        return tuple(dict.fromkeys(self._errors))

    @property
    def arrivals(self) -> Arrivals:
        """When the socket delivered what: TLS included, but not the session tickets before an answer."""
        return self._inner.arrivals

    async def handshake(self) -> None:
        while True:
            try:
                self.connection.do_handshake()
            except SSL.WantReadError:
                await self._flush()
                await self._fill()
            except SSL.Error:
                await self._flush()  # the peer is to get the alert
                raise
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        await self._flush()
        self._answered = False

    async def recv(self) -> bytes:
        while True:
            try:
                data = self.connection.recv(CHUNK_BYTES)
            except SSL.WantReadError:
                await self._flush()
                if not self._answered:
                    self._forget_what_was_read()
                try:
                    await self._fill()
                except EOFError:
                    return b""
            except SSL.ZeroReturnError:
                if not self._answered:
                    self._forget_what_was_read()
                return b""
            else:
                self._answered = True
                return data

    def _forget_what_was_read(self) -> None:
        """The record brought no answer. A ticket may come long before it: that is no part of its time."""
        last_s = self.arrivals.last_s
        self.arrivals.restart()
        if last_s is not None:
            self.arrivals.note(last_s, len(self._unread))

    async def _flush(self) -> None:
        # A reader may flush too (key updates): records must not be interleaved.
        async with self._sending:
            while True:
                try:
                    data = self.connection.bio_read(CHUNK_BYTES)
                except SSL.WantReadError:
                    return
                await self._inner.send(data)

    async def _fill(self) -> None:
        """Feed the next whole record. Errors: EOFError at the end of the stream."""
        while not (end := first_record_bytes(self._unread)):
            data = await self._inner.recv()
            if not data:
                raise EOFError("connection closed")
            self._unread += data
        self.connection.bio_write(self._unread[:end])
        self._unread = self._unread[end:]


async def recv_datagram(sock: socket.socket) -> tuple[bytes, int | None]:
    """Return the next datagram of a non-blocking socket and the hop limit (IP TTL) it arrived with.

    Errors: OSError, such as an ICMP error that arrived instead.
    """
    await asyncio.sleep(0)  # as in PlainStream.recv
    while True:
        try:
            data, ancillary, _, _ = sock.recvmsg(CHUNK_BYTES, 128)
        except (BlockingIOError, InterruptedError):
            await _readable(sock)
            continue
        for level, kind, value in ancillary:
            if (level, kind) in HOP_LIMIT_MESSAGES:
                return data, int.from_bytes(value[:4], sys.byteorder)
        return data, None


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)


async def recv_message(stream: Stream, measure: Callable[[bytes], tuple[int, int] | None]) -> bytes:
    """Return one length-prefixed message.

    Shape:  `measure` returns (bytes of header, bytes of message) from the bytes so far, None if too few.
    Errors: EOFError when the stream ends first. Bytes after the message are dropped: every protocol here
            answers one question at a time.
    """
    data = b""
    while True:
        sizes = measure(data)
        if sizes is not None and len(data) >= sum(sizes):
            header, length = sizes
            return data[header : header + length]
        chunk = await stream.recv()
        if not chunk:
            raise EOFError(f"closed after {len(data)} bytes")
        data += chunk
