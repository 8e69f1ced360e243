"""The web app's own connection: to fronts that speak WebSocket by another library, and to others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_web_socket
from websockets.typing import Subprotocol

from lab.services.data_centre import serve_data_centre
from probes.records import Endpoint, Failure, MtprotoObservation
from probes.session import ObservationLog
from probes.techniques.mtproto import measure_mtproto
from probes.techniques.tcp import measure_tcp
from probes.transport.network import Network
from probes.wire.mtproto import Transport
from tests.probes.local import Serve, close, reset, say_nothing, serve

FRONT = "venus.web.telegram.org"


async def ask(port: int, *, patience_s: float = 5.0) -> MtprotoObservation:
    log, endpoint = ObservationLog(deadline_s=patience_s), Endpoint(address="127.0.0.1", port=port)
    _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
    assert stream is not None
    with stream:
        return await measure_mtproto(
            log, stream=stream, endpoint=endpoint, transport=Transport.WEBSOCKET, server_name=FRONT
        )


class Messages:
    """What a data centre says, as messages; a ping comes before each."""

    def __init__(self, connection: ServerConnection, n_fragments: int) -> None:
        self._connection = connection
        self._n_fragments = n_fragments
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._waiting.append(data)

    async def drain(self) -> None:
        waiting, self._waiting = b"".join(self._waiting), []
        size = -(-len(waiting) // self._n_fragments)
        await self._connection.ping()
        await self._connection.send([waiting[i : i + size] for i in range(0, len(waiting), size)])


@asynccontextmanager
async def front(n_fragments: int = 1) -> AsyncIterator[int]:
    """A data centre behind the server of the library `websockets`."""

    async def serve_connection(connection: ServerConnection) -> None:
        assert connection.request is not None
        assert connection.request.path == "/apiws" and connection.request.headers["Host"] == FRONT
        reader = asyncio.StreamReader()
        serving = asyncio.create_task(serve_data_centre(reader, Messages(connection, n_fragments)))
        async for message in connection:
            assert isinstance(message, bytes)
            reader.feed_data(message)
        serving.cancel()

    async with serve_web_socket(
        serve_connection, "127.0.0.1", 0, subprotocols=[Subprotocol("binary")]
    ) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("n_fragments", [1, 3])
async def test_the_data_centre_behind_a_front_echoes_the_nonce(n_fragments: int) -> None:
    async with front(n_fragments) as port:
        observation = await ask(port)
    assert observation.nonce_echoed and observation.failure is None
    assert (observation.transport, observation.server_name, observation.status) == ("websocket", FRONT, 101)


def say(*parts: bytes) -> Serve:
    """Say one part for each piece that the client sends."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            await reader.read(65536)
            writer.write(part)
        await reader.read()

    return handler


FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nNo!"
PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHi!"
# It names no key, so that it cannot be an answer to ours.
FALSE_UPGRADE = b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


@pytest.mark.parametrize(
    ("handler", "failure", "status"),
    [
        (reset, Failure.CONNECTION_RESET, None),
        (close, Failure.EOF, None),
        (say(FORBIDDEN), Failure.MTPROTO_BAD_REPLY, 403),
        (say(PAGE), Failure.MTPROTO_BAD_REPLY, 200),
        (say(FALSE_UPGRADE), Failure.MTPROTO_BAD_REPLY, None),
        (say(b"\x16\x03\x01 not HTTP at all\r\n\r\n"), Failure.MTPROTO_BAD_REPLY, None),
    ],
)
async def test_a_server_that_does_not_upgrade(handler: Serve, failure: Failure, status: int | None) -> None:
    async def after_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if handler in (reset, close):
            await reader.readuntil(b"\r\n\r\n")
        await handler(reader, writer)

    async with serve(after_request) as port:
        observation = await ask(port)
    assert (observation.failure, observation.status) == (failure, status)
    assert not observation.nonce_echoed


async def test_silence_after_the_request_is_a_timeout() -> None:
    async with serve(say_nothing) as port:
        observation = await ask(port, patience_s=0.2)
    assert (observation.failure, observation.status) == (Failure.TIMEOUT, None)


@pytest.mark.parametrize("leave", [True, False])
async def test_a_front_that_upgrades_and_then_hears_nothing(leave: bool) -> None:
    async def mute(connection: ServerConnection) -> None:
        await connection.recv()
        if not leave:
            await connection.wait_closed()

    async with serve_web_socket(mute, "127.0.0.1", 0, subprotocols=[Subprotocol("binary")]) as server:
        observation = await ask(server.sockets[0].getsockname()[1], patience_s=5.0 if leave else 0.5)
    assert observation.failure is (Failure.EOF if leave else Failure.TIMEOUT)
    assert observation.status == 101
