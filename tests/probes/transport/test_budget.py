"""A server that sends its answer in ever so many pieces: its own measurement is over, others go on."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_web_socket
from websockets.typing import Subprotocol

from probes.records import Endpoint, Failure, HttpObservation
from probes.session import ObservationLog
from probes.techniques.http import MAX_BODY_BYTES, measure_http
from probes.techniques.mtproto import measure_mtproto
from probes.techniques.tcp import measure_tcp
from probes.transport.budget import MAX_EVENTS, Budget
from probes.transport.network import Network
from probes.wire.mtproto import Transport
from tests.probes.local import serve

EMPTY_PING = b"\x89\x00"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def turns_beside(work: Awaitable[object]) -> int:
    """Return how often another task got its turn meanwhile."""
    n_turns = 0

    async def bystander() -> None:
        nonlocal n_turns
        while True:
            n_turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(bystander())
    await work
    beside.cancel()
    return n_turns


async def page_of(sent: bytes) -> HttpObservation:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(sent)
                await writer.drain()

    async with serve(answer) as port:
        log, endpoint = ObservationLog(deadline_s=20.0), Endpoint(address="127.0.0.1", port=port)
        _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
        assert stream is not None
        with stream:
            return await measure_http(
                log, stream=stream, endpoint=endpoint, over_tls=False, host="t.me", timeout_s=20.0
            )


async def test_a_body_that_comes_byte_by_byte_is_truncated() -> None:
    page = await page_of(HEAD + b"1\r\nx\r\n" * MAX_BODY_BYTES)
    assert (page.status, page.failure, page.body_truncated) == (200, None, True)
    assert 0 < page.received_bytes < MAX_EVENTS


async def test_frames_without_an_end_are_no_answer() -> None:
    async def flood(connection: ServerConnection) -> None:
        connection.transport.write(EMPTY_PING * 10_000)
        await connection.wait_closed()

    server = await serve_web_socket(flood, "127.0.0.1", 0, subprotocols=[Subprotocol("binary")])
    async with server:
        port = server.sockets[0].getsockname()[1]
        log, endpoint = ObservationLog(deadline_s=20.0), Endpoint(address="127.0.0.1", port=port)
        _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
        assert stream is not None
        with stream:
            asked = await measure_mtproto(
                log, stream=stream, endpoint=endpoint, transport=Transport.WEBSOCKET, server_name="t.me"
            )
    assert asked.failure is Failure.MTPROTO_BAD_REPLY


async def test_others_get_their_turn_between_the_pieces() -> None:
    async def spend(call: Callable[[], Awaitable[bool]]) -> None:
        while await call():
            pass

    assert await turns_beside(spend(Budget(6400).spend)) >= 100
