"""DoH over HTTP/2: many queries at a time over one connection, as RFC 8484 recommends (section 5.2)."""

import asyncio
import contextlib
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError as Http2Error

from probes.failures import ProtocolError
from probes.records import Failure
from probes.techniques.doh import DNS_MESSAGE, DOH_PATH, MAX_REPLY_BYTES, StaleLink
from probes.transport.budget import Budget
from probes.transport.streams import PlainStream, TlsStream

ALPN: Final = b"h2"
# RFC 9113: each frame has its type behind its length (section 4.1), the first is SETTINGS (3.4).
_TYPE_AT: Final = 3
_SETTINGS: Final = b"\x04"
# h2 works off all frames of a delivery at once.
_PIECE_BYTES: Final = 2048


class _Answer:
    """What has come back on one stream."""

    def __init__(self) -> None:
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.body = b""

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def end(self) -> None:
        if self.status != 200:
            self.fail(ProtocolError(Failure.HTTP_BAD_REPLY, f"DoH answered {self.status}"))
        elif not self.done.done():
            self.done.set_result(self.body)


class Http2Link:
    """A POST on a stream of its own for each query."""

    def __init__(self, plain: PlainStream, tls: TlsStream, host: str) -> None:
        self._plain = plain
        self._tls = tls
        self._host = host
        self._http = H2Connection(H2Configuration(client_side=True))
        self._http.initiate_connection()
        self._waiting: dict[int, _Answer] = {}
        self._room = asyncio.Event()
        self._n_answered = 0
        self._error: Exception = EOFError("the connection has ended")
        self._reader = asyncio.create_task(self._read())

    @property
    def ended(self) -> bool:
        return self._reader.done()

    async def ask(self, query: bytes) -> bytes:
        while len(self._waiting) >= self._http.remote_settings.max_concurrent_streams and not self.ended:
            self._room.clear()
            await self._room.wait()
        if self.ended:
            raise self._why_ended()
        answer = _Answer()
        stream = self._begin(query)
        self._waiting[stream] = answer
        try:
            await self._flush()
            return await answer.done
        except asyncio.CancelledError:
            with contextlib.suppress(Http2Error):
                self._http.reset_stream(stream, ErrorCodes.CANCEL)
            raise
        finally:
            self._waiting.pop(stream, None)
            self._room.set()

    def _begin(self, query: bytes) -> int:
        stream = self._http.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self._host),
            (":path", DOH_PATH),
            ("accept", DNS_MESSAGE),
            ("content-type", DNS_MESSAGE),
            ("content-length", str(len(query))),
        ]
        self._http.send_headers(stream, headers)
        self._http.send_data(stream, query, end_stream=True)
        return stream

    def _why_ended(self) -> Exception:
        return StaleLink() if self._n_answered else self._error

    async def _flush(self) -> None:
        if data := self._http.data_to_send():
            await self._tls.send(data)

    async def _read(self) -> None:
        head = b""
        budget = Budget()
        try:
            while data := await self._tls.recv():
                head = head or data[: _TYPE_AT + 1]
                # h2 would wait for the end of whatever length the first bytes of something else spell.
                if head[_TYPE_AT:] not in (b"", _SETTINGS):
                    raise ProtocolError(Failure.HTTP_BAD_REPLY, "no SETTINGS at the beginning")
                for start in range(0, len(data), _PIECE_BYTES):
                    for event in self._http.receive_data(data[start : start + _PIECE_BYTES]):
                        if not await budget.spend():
                            raise ProtocolError(Failure.HTTP_BAD_REPLY, "too many frames")
                        self._take(event)
                await self._flush()
        except Http2Error as error:
            self._error = ProtocolError(Failure.HTTP_BAD_REPLY, f"{type(error).__name__}: {error}")
        except Exception as error:  # fails every query that waits
            self._error = error
        finally:
            for answer in self._waiting.values():
                answer.fail(self._why_ended())
            self._room.set()

    def _take(self, event: Event) -> None:
        if isinstance(event, ConnectionTerminated):
            raise EOFError(f"the server ended the connection: error {event.error_code}")
        answer = self._waiting.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, DataReceived):
            # Also of a query given up: the connection's own window must not close.
            self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        if answer is None:
            return
        match event:
            case ResponseReceived():
                status = next((value for name, value in event.headers if name == b":status"), b"")
                answer.status = int(status) if status.isdigit() else 0
            case DataReceived():
                answer.body += event.data
                if len(answer.body) > MAX_REPLY_BYTES:
                    answer.fail(ProtocolError(Failure.DNS_BAD_REPLY, "longer than a DNS message can be"))
            case StreamEnded():
                self._n_answered += 1
                answer.end()
            case StreamReset():
                refused = event.error_code == ErrorCodes.REFUSED_STREAM and self._n_answered
                answer.fail(
                    StaleLink()
                    if refused
                    else ProtocolError(Failure.HTTP_BAD_REPLY, f"stream reset: error {event.error_code}")
                )

    def close(self) -> None:
        self._reader.cancel()
        self._plain.close()
