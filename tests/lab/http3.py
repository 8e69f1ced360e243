"""A small HTTP/3 client: one handshake, one GET."""

import asyncio
import os
import socket
from typing import Any

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, QuicEvent

_LIMIT_S = 2.0
_TLS_ALERTS = range(0x100, 0x200)


class _Connection(QuicConnectionProtocol):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._http = H3Connection(self._quic)
        self._status, self._body = "", b""
        self.is_connected = False
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def get(self, name: str) -> None:
        fields = {":method": "GET", ":scheme": "https", ":authority": name, ":path": "/"}
        headers = [(key.encode(), value.encode()) for key, value in fields.items()]
        self._http.send_headers(self._quic.get_next_available_stream_id(), headers, end_stream=True)
        self.transmit()

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, HandshakeCompleted):
            self.is_connected = True
        if isinstance(event, ConnectionTerminated) and not self.done.done():
            is_alert = event.error_code in _TLS_ALERTS
            self.done.set_result(f"alert {event.error_code - 0x100}" if is_alert else event.reason_phrase)
        for happened in self._http.handle_event(event):
            if isinstance(happened, HeadersReceived):
                self._status = dict(happened.headers)[b":status"].decode()
            elif isinstance(happened, DataReceived):
                self._body += happened.data
                if happened.stream_ended and not self.done.done():
                    title = self._body.partition(b"<title>")[2].partition(b"</title>")[0].decode()
                    self.done.set_result(f"{self._status} {title}".strip())


async def fetch_http3(sock: socket.socket, name: str, address: str) -> str:
    """Return "STATUS TITLE", "alert N", or at which stage the time was up."""
    configuration = QuicConfiguration(
        alpn_protocols=H3_ALPN, cafile=os.environ["LAB_CA"], server_name=name, idle_timeout=_LIMIT_S * 2
    )
    transport, visit = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Connection(QuicConnection(configuration=configuration)), sock=sock
    )
    visit.connect((address, 443))
    visit.get(name)
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await visit.done
    except TimeoutError:
        return "timeout after the handshake" if visit.is_connected else "timeout"
    finally:
        visit.close()
        transport.close()
