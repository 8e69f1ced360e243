"""A SOCKS5 proxy (RFC 1928, CONNECT only) that listens on loopback and leaves through a vantage's network."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from probes.failures import classify_failure
from probes.records import Endpoint, Failure
from probes.transport.network import Network

REPLIES = {
    Failure.NETWORK_UNREACHABLE: 3,
    Failure.HOST_UNREACHABLE: 4,
    Failure.CONNECTION_REFUSED: 5,
}


@contextlib.asynccontextmanager
async def socks_proxy(network: Network) -> AsyncIterator[str]:
    """Serve until the context ends; yields host:port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _serve_one(network, reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve_one(network: Network, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    _, n_methods = await reader.readexactly(2)
    await reader.readexactly(n_methods)
    writer.write(b"\x05\x00")
    _, command, _, kind = await reader.readexactly(4)
    assert command == 1 and kind in (1, 4)
    family, n_bytes = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
    address = socket.inet_ntop(family, await reader.readexactly(n_bytes))
    port = int.from_bytes(await reader.readexactly(2), "big")
    try:
        sock = await network.connect_tcp(Endpoint(address=address, port=port))
    except OSError as error:
        code = REPLIES.get(classify_failure(error)[0], 1)
        writer.write(bytes([5, code, 0, 1]) + bytes(6))
        return
    writer.write(b"\x05\x00\x00\x01" + bytes(6))
    inner_reader, inner_writer = await asyncio.open_connection(sock=sock)
    try:
        await asyncio.gather(_pump(reader, inner_writer), _pump(inner_reader, writer))
    finally:
        inner_writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()
