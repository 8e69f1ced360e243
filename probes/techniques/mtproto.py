"""MTProto: does a Telegram data centre (proved by its nonce) answer here, by itself or through a front?"""

import secrets
import time
from functools import partial
from typing import Final

import h11

from probes.failures import ProtocolError, classify_failure
from probes.records import Endpoint, Failure, MtprotoObservation
from probes.session import ObservationLog
from probes.techniques.websocket import OPENED, WebSocketRefusedError, WebSocketStream
from probes.transport.budget import Budget
from probes.transport.streams import Stream, recv_message
from probes.wire.mtproto import (
    MAX_FRAME_BYTES,
    PREAMBLE,
    ResPq,
    Transport,
    TransportError,
    encode_frame,
    encode_req_pq_multi,
    frame_length,
    parse_res_pq,
)
from probes.wire.obfuscation import Obfuscation, start_obfuscation

ANSWER_TIMEOUT_S: Final = 3.0
HTTP_PATH: Final = "/api"


async def measure_mtproto(
    log: ObservationLog,
    *,
    stream: Stream,
    endpoint: Endpoint,
    transport: Transport = Transport.ABRIDGED,
    server_name: str = "",
    attempt: int = 1,
) -> MtprotoObservation:
    """Send req_pq_multi over a connected stream and check the resPQ that comes back against our nonce.

    `server_name` is the front that a WebSocket over TLS leads to.
    """
    step = log.begin(attempt)
    nonce = secrets.token_bytes(16)
    answer: ResPq | None = None
    transport_error: int | None = None
    status: int | None = None
    failure: Failure | None = None
    detail: str | None = None
    try:
        async with log.timeout(ANSWER_TIMEOUT_S):
            question = encode_req_pq_multi(nonce, unix_time_s=time.time())
            if transport is Transport.WEBSOCKET:
                web_socket = WebSocketStream(stream)
                await web_socket.open(server_name)
                stream, status = web_socket, OPENED
            answer = parse_res_pq(await _exchange(stream, endpoint, transport, question), nonce=nonce)
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
        transport_error = error.code if isinstance(error, TransportError) else None
        status = error.status if isinstance(error, WebSocketRefusedError) else status
    observation = MtprotoObservation(
        **step.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        transport=transport.value,
        nonce_echoed=answer is not None,
        fingerprints=answer.fingerprints if answer else (),
        transport_error=transport_error,
        server_name=server_name,
        status=status,
    )
    log.add(observation)
    return observation


async def _exchange(stream: Stream, endpoint: Endpoint, transport: Transport, question: bytes) -> bytes:
    """Send one message and return the one that comes back. The transport's preamble goes out with it in one
    segment, as from the app."""
    if transport is Transport.HTTP:
        return await _exchange_http(stream, endpoint, question)
    if transport in (Transport.OBFUSCATED, Transport.WEBSOCKET):
        hidden = ObfuscatedStream(
            stream, start_obfuscation(secrets.token_bytes, PREAMBLE[Transport.INTERMEDIATE])
        )
        await hidden.send(encode_frame(Transport.INTERMEDIATE, question))
        return await recv_message(hidden, partial(frame_length, Transport.INTERMEDIATE))
    # Padding of random length is what distinguishes this transport from plain intermediate.
    padding = secrets.token_bytes(secrets.randbelow(16)) if transport is Transport.PADDED else b""
    await stream.send(PREAMBLE[transport] + encode_frame(transport, question + padding))
    return await recv_message(stream, partial(frame_length, transport))


class ObfuscatedStream:
    """A stream through the key stream; the first bytes sent are preceded by its head."""

    def __init__(self, inner: Stream, obfuscation: Obfuscation) -> None:
        self._inner = inner
        self._obfuscation = obfuscation
        self._head = obfuscation.head

    async def send(self, data: bytes) -> None:
        head, self._head = self._head, b""
        await self._inner.send(head + self._obfuscation.encrypt(data))

    async def recv(self) -> bytes:
        return self._obfuscation.decrypt(await self._inner.recv())


async def _exchange_http(stream: Stream, endpoint: Endpoint, question: bytes) -> bytes:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=32768)
    headers = [("Host", str(endpoint)), ("Content-Length", str(len(question)))]
    request = h11.Request(method="POST", target=HTTP_PATH, headers=headers)
    parts = (request, h11.Data(data=question), h11.EndOfMessage())
    await stream.send(b"".join(connection.send(part) or b"" for part in parts))
    body = b""
    budget = Budget()
    while True:
        if not await budget.spend():
            raise ProtocolError(Failure.MTPROTO_BAD_REPLY, "an answer in too many pieces")
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            if connection.their_state is h11.IDLE or connection.trailing_data == (b"", True):
                raise EOFError("closed before a response") from error
            raise ProtocolError(Failure.MTPROTO_BAD_REPLY, str(error)) from error
        match event:
            case h11.NEED_DATA:
                connection.receive_data(await stream.recv())
            case h11.Response() if event.status_code != 200:
                raise ProtocolError(Failure.MTPROTO_BAD_REPLY, f"HTTP status {event.status_code}")
            case h11.Data():
                body += event.data
                if len(body) > MAX_FRAME_BYTES:
                    raise ProtocolError(Failure.MTPROTO_BAD_REPLY, f"answer of over {len(body)} bytes")
            case h11.EndOfMessage():
                return body
            case h11.ConnectionClosed() | h11.PAUSED:
                raise EOFError("closed before a response")
