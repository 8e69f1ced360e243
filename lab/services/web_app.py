"""The web app's way to a data centre: WebSocket at `/apiws` of a front, MTProto inside its binary messages.

Source: core.telegram.org/mtproto/transports.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Final

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Opening
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from lab.services.data_centre import Sink, serve_data_centre
from lab.services.web import Request, Response, Upgrade, encode_whole_response

PATH: Final = "/apiws"
_READ_BYTES: Final = 65536


class Interference(StrEnum):
    """What befalls a network's clients when they ask for the upgrade, or after it."""

    SWALLOW = "swallow"
    RESET = "reset"
    REFUSE = "refuse"
    MUTE = "mute"


def new_web_app(read_interference: Callable[[Request], Interference | None]) -> Upgrade:
    """Return what a front does with a request for an upgrade."""

    async def serve(
        request: Request, more: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        interference = read_interference(request)
        if interference is Interference.SWALLOW:
            await reader.read()
        elif interference is Interference.RESET:
            _reset(writer)
        elif interference is Interference.REFUSE or request.path != PATH:
            status = 404 if interference is None else 403
            writer.write(encode_whole_response(Response(status=status)))
            await writer.drain()
        else:
            inside = serve_data_centre if interference is None else _say_nothing
            await _serve_web_socket(request, more, reader, writer, inside)

    return serve


async def _say_nothing(reader: asyncio.StreamReader, _: Sink) -> None:
    await reader.read()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _serve_web_socket(
    request: Request,
    more: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    serve: Callable[[asyncio.StreamReader, Sink], Coroutine[None, None, None]],
) -> None:
    protocol = ServerProtocol(subprotocols=[Subprotocol("binary")])
    protocol.receive_data(_as_sent(request) + more)
    inside = asyncio.StreamReader()
    serving = asyncio.create_task(serve(inside, _Messages(protocol, writer)))
    # What is no MTProto ends the connection.
    serving.add_done_callback(lambda _: writer.close())
    try:
        while True:
            for event in protocol.events_received():
                if isinstance(event, Opening):
                    protocol.send_response(protocol.accept(event))
                elif isinstance(event, Frame) and event.opcode in (Opcode.BINARY, Opcode.CONT):
                    inside.feed_data(event.data)
            _flush(protocol, writer)
            data = b"" if protocol.state is State.CLOSED else await reader.read(_READ_BYTES)
            if not data:
                return
            protocol.receive_data(data)
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


def _as_sent(request: Request) -> bytes:
    """Return the request again as bytes, for a parser of its own."""
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def _flush(protocol: ServerProtocol, writer: asyncio.StreamWriter) -> None:
    for data in protocol.data_to_send():
        if data:
            writer.write(data)


class _Messages:
    """Writes each piece as one binary message."""

    def __init__(self, protocol: ServerProtocol, writer: asyncio.StreamWriter) -> None:
        self._protocol = protocol
        self._writer = writer

    def write(self, data: bytes) -> None:
        self._protocol.send_binary(data)
        _flush(self._protocol, self._writer)

    async def drain(self) -> None:
        await self._writer.drain()
