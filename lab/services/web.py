"""HTTP/1.1 servers: pages by a plain function from request to response; h11 does the protocol."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import h11

from lab.services.listen import Handler

_MAX_BODY_BYTES: Final = 65536
_READ_BYTES: Final = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. `host` is the Host header without a port, in lower case; header names are lower case."""

    method: str
    path: str
    host: str
    client: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One response; as `shown_body`, an empty body of an error or a redirect is a short text."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def shown_body(self) -> bytes:
        if self.body or self.status < 300:
            return self.body
        title = f"{self.status} {HTTPStatus(self.status).phrase}"
        return f"<html><head><title>{title}</title></head></html>\n".encode()


# None keeps the connection open and says nothing.
Page = Callable[[Request], Response | None]
# Takes over the connection of a request for another protocol, with what was read beyond the request.
Upgrade = Callable[[Request, bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def serve_http(page: Page, server: str = "nginx/1.12.1", *, upgrade: Upgrade | None = None) -> Handler:
    """Return a connection handler that answers each request with `page(request)`, keep-alive included.

    A request for WebSocket is left to `upgrade`, where there is one.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        client = str(writer.get_extra_info("peername")[0])
        while True:
            request = await _read_request(connection, reader, client)
            if request is None:
                return
            if upgrade is not None and request.headers.get("upgrade", "").lower() == "websocket":
                await upgrade(request, connection.trailing_data[0], reader, writer)
                return
            response = page(request)
            if response is None:
                await reader.read()
                return
            writer.write(_encode(connection, request, response, server))
            await writer.drain()
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()

    return serve


async def _read_request(
    connection: h11.Connection, reader: asyncio.StreamReader, client: str
) -> Request | None:
    """Return the next request, or None when the client is done or does not speak HTTP."""
    head: h11.Request | None = None
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return None
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _MAX_BODY_BYTES:
                return None
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return Request(
                method=head.method.decode("latin-1"),
                path=head.target.decode("latin-1"),
                host=headers.get("host", "").partition(":")[0].lower(),
                client=client,
                headers=headers,
                body=body,
            )
        else:
            return None


def _encode(connection: h11.Connection, request: Request, response: Response, server: str) -> bytes:
    phrase = HTTPStatus(response.status).phrase
    body = response.shown_body
    headers = [
        ("server", server),
        ("content-type", response.content_type),
        ("content-length", str(len(body))),
        *response.headers.items(),
    ]
    data = connection.send(h11.Response(status_code=response.status, headers=headers, reason=phrase.encode()))
    sent = b"" if request.method == "HEAD" else body
    return (
        (data or b"")
        + (connection.send(h11.Data(data=sent)) or b"")
        + (connection.send(h11.EndOfMessage()) or b"")
    )


def encode_whole_response(response: Response) -> bytes:
    """Return a response that ends its connection: what a middlebox forges into somebody's stream."""
    phrase = HTTPStatus(response.status).phrase
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "close",
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body
