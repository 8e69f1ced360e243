"""WebSocket over a stream of ours, as the web app opens it to a data centre's front."""

from typing import Final

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
)
from wsproto.utilities import RemoteProtocolError

from probes.failures import ProtocolError
from probes.records import Failure
from probes.transport.budget import Budget
from probes.transport.streams import Stream

# The name and sub-protocol are Telegram's: core.telegram.org/mtproto/transports#websocket.
PATH: Final = "/apiws"
SUB_PROTOCOL: Final = "binary"
OPENED: Final = 101


class WebSocketRefusedError(ProtocolError):
    """The server answered the request to open it with something else; `status` is HTTP's."""

    def __init__(self, status: int) -> None:
        super().__init__(Failure.MTPROTO_BAD_REPLY, f"WebSocket refused with HTTP status {status}")
        self.status = status


class WebSocketStream:
    """The binary messages of one connection as a stream of bytes.

    Errors: ProtocolError for what is not RFC 6455; EOFError where the connection ends before it is open.
    """

    def __init__(self, inner: Stream) -> None:
        self._inner = inner
        self._budget = Budget()
        self._connection = WSConnection(ConnectionType.CLIENT)

    async def open(self, host: str) -> None:
        """Ask for the upgrade and wait until the server has agreed to it."""
        request = Request(host=host, target=PATH, subprotocols=[SUB_PROTOCOL])
        await self._inner.send(self._connection.send(request))
        match await self._next_event():
            case AcceptConnection():
                return
            case RejectConnection(status_code=status):
                raise WebSocketRefusedError(status)
            case None:
                raise EOFError("closed before the WebSocket was open")
            case event:
                raise ProtocolError(Failure.MTPROTO_BAD_REPLY, f"{type(event).__name__} before the upgrade")

    async def send(self, data: bytes) -> None:
        await self._inner.send(self._connection.send(BytesMessage(data=data)))

    async def recv(self) -> bytes:
        while True:
            match await self._next_event():
                case BytesMessage(data=data) if data:
                    return bytes(data)
                case Ping() as ping:
                    await self._inner.send(self._connection.send(ping.response()))
                case CloseConnection() | None:
                    return b""
                case BytesMessage():
                    pass
                case event:
                    raise ProtocolError(Failure.MTPROTO_BAD_REPLY, f"{type(event).__name__} of no use here")

    async def _next_event(self) -> Event | None:
        """Return the next event; None at the end of the stream."""
        if not await self._budget.spend():
            raise ProtocolError(Failure.MTPROTO_BAD_REPLY, "too many frames without an answer")
        try:
            while (event := next(self._connection.events(), None)) is None:
                data = await self._inner.recv()
                if not data:
                    return None
                self._connection.receive_data(data)
            return event
        except RemoteProtocolError as error:
            raise ProtocolError(Failure.MTPROTO_BAD_REPLY, str(error)) from error
