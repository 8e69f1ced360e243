"""A local network for probes: addresses that lead to servers of this process, and servers that misbehave."""

import asyncio
import datetime
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from probes.records import Endpoint
from probes.transport.network import Network

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
# Decides by a client's first bytes what to do with the connection.
Filter = Callable[[bytes], "Serve | None"]
HANDSHAKE_FAILURE = bytes.fromhex("15030300020228")


@dataclass(frozen=True, slots=True)
class LocalNetwork(Network):
    """Every address outside `ports` refuses. TCP only, as through a proxy."""

    ports: Mapping[Endpoint, int] = field(default_factory=dict)

    @property
    def carries_udp(self) -> bool:
        return False

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        # Not super(): a dataclass with slots is another class than the one the method was written in.
        return await Network.connect_tcp(
            self, Endpoint(address="127.0.0.1", port=self.ports.get(endpoint, 1))
        )


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def alert(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HANDSHAKE_FAILURE)
    await writer.drain()


@asynccontextmanager
async def serve(handler: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free local port until the block ends; connections end with it."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def serve_udp(answers: Callable[[bytes], Iterable[bytes]]) -> AsyncIterator[int]:
    """Answer each datagram on a free local port with some others until the block ends."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))

        async def run() -> None:
            while True:
                data, client = await loop.sock_recvfrom(sock, 65536)
                for reply in answers(data):
                    await loop.sock_sendto(sock, reply, client)

        task = asyncio.create_task(run())
        try:
            yield sock.getsockname()[1]
        finally:
            task.cancel()
            await asyncio.wait([task])


@asynccontextmanager
async def filtered(port: int, decide: Filter) -> AsyncIterator[int]:
    """Filter a server's connections: `decide` sees a client's first bytes, and None lets them through."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        act = decide(first)
        if act is not None:
            await act(reader, writer)
            return
        behind_reader, behind = await asyncio.open_connection("127.0.0.1", port)
        behind.write(first)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, behind))
                group.create_task(_pump(behind_reader, writer))
        except* OSError:
            pass
        finally:
            behind.close()

    async with serve(handler) as own:
        yield own


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def answer(pages: Callable[[str], bytes | None]) -> Serve:
    """Serve one request a connection: `pages` maps a Host to a whole response, None to silence."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        host = head.partition("Host: ")[2].partition("\r\n")[0]
        page = pages(host)
        if page is None:
            await reader.read()
            return
        writer.write(page)
        await writer.drain()

    return handler


def page(status: str = "200 OK", *headers: str, body: bytes = b"hello") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    """Return the context of a server that is its own authority, and the file of that authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "t.me")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("t.me")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context, str(folder / "ca.pem")
