"""Listening sockets inside namespaces, and what all connection handlers have in common."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from lab.linux import inside

_CONNECTION_LIMIT_S: Final = 120.0
_TLS_HANDSHAKE_LIMIT_S: Final = 15.0
_BACKLOG: Final = 512

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DatagramAnswer = Callable[[bytes], bytes | None]


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer: DatagramAnswer) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Python 3.11's own datagram transport is no instance of DatagramTransport.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


@dataclass(slots=True)
class Listeners:
    """Opens servers in namespaces (by name, through open descriptors) and keeps them referenced."""

    namespaces: Mapping[str, int]
    _open: list[object] = field(default_factory=list)

    async def tcp(
        self, namespace: str, address: str, port: int, handler: Handler, tls: ssl.SSLContext | None = None
    ) -> None:
        """Serve TCP, or TLS when a context is given. Errors: OSError when the address is not there."""
        sock = self._bound(namespace, address, port, socket.SOCK_STREAM)
        self._open.append(
            await asyncio.start_server(
                _contained(handler),
                sock=sock,
                ssl=tls,
                backlog=_BACKLOG,
                ssl_handshake_timeout=_TLS_HANDSHAKE_LIMIT_S if tls else None,
            )
        )

    async def udp(self, namespace: str, address: str, port: int, answer: DatagramAnswer) -> None:
        """Serve UDP: one datagram in, at most one out."""
        await self.datagrams(namespace, address, port, lambda: _Datagrams(answer))

    async def datagrams(
        self, namespace: str, address: str, port: int, protocol: Callable[[], asyncio.DatagramProtocol]
    ) -> None:
        """Serve UDP by a protocol of its own."""
        # Bound to the one address: from a router's wildcard socket the answer would leave with another.
        sock = self._bound(namespace, address, port, socket.SOCK_DGRAM)
        self._open.append(await asyncio.get_running_loop().create_datagram_endpoint(protocol, sock=sock))

    def _bound(self, namespace: str, address: str, port: int, kind: socket.SocketKind) -> socket.socket:
        with inside(self.namespaces[namespace]):
            sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            # So that :: and 0.0.0.0 can both be listened on.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        return sock


def _contained(
    handler: Handler,
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client's mistake ends its own connection and nothing else.
        with contextlib.suppress(OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_CONNECTION_LIMIT_S):
                await handler(reader, writer)
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_TLS_HANDSHAKE_LIMIT_S):
                await writer.wait_closed()

    return serve
