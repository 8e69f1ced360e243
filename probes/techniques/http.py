"""HTTP/1.1 by h11 over our own streams: one GET, with a bounded answer."""

from typing import Final

import h11

from probes.failures import ProtocolError, classify_failure
from probes.records import Endpoint, Failure, HttpObservation, Purpose
from probes.session import ObservationLog, StartedStep
from probes.transport.streams import Stream

RESPONSE_TIMEOUT_S: Final = 4.0
MAX_BODY_BYTES: Final = 65536
MAX_HEADERS: Final = 64
# Servers vary their pages by browser; a plain, honest user agent gets comparable ones.
USER_AGENT: Final = "telegram-block-observatory (reachability measurement)"


class HttpGet:
    """A GET and what has been received so far, which stays readable when the connection breaks."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: tuple[tuple[str, str], ...] = ()
        self.body = bytearray()
        self.received_bytes = 0
        self.first_byte_s: float | None = None
        self.truncated = False

    async def run(
        self, stream: Stream, step: StartedStep, *, host: str, path: str, max_bytes: int, keep_bytes: int
    ) -> None:
        """Send the request and read until the end of the response or `max_bytes` of body."""
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=32768)
        request = h11.Request(
            method="GET",
            target=path,
            headers=[("Host", host), ("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Connection", "close")],
        )
        await stream.send((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        while True:
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                if self.first_byte_s is None:
                    raise EOFError("closed before a response") from error
                raise ProtocolError(Failure.HTTP_BAD_REPLY, str(error)) from error
            match event:
                case h11.NEED_DATA:
                    data = await stream.recv()
                    if data and self.first_byte_s is None:
                        self.first_byte_s = round(step.elapsed_s(), 6)
                    connection.receive_data(data)
                case h11.Response():
                    self.status = event.status_code
                    self.headers = tuple(
                        (name.decode("latin-1")[:100], value.decode("latin-1")[:1000])
                        for name, value in list(event.headers)[:MAX_HEADERS]
                    )
                case h11.Data():
                    self.received_bytes += len(event.data)
                    self.body += event.data[: max(0, keep_bytes - len(self.body))]
                    if self.received_bytes >= max_bytes:
                        self.truncated = True
                        return
                case h11.EndOfMessage() | h11.ConnectionClosed() | h11.PAUSED:
                    return


async def measure_http(
    log: ObservationLog,
    *,
    stream: Stream,
    endpoint: Endpoint,
    over_tls: bool,
    host: str,
    path: str = "/",
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
    timeout_s: float = RESPONSE_TIMEOUT_S,
) -> HttpObservation:
    """GET once over a connected stream and keep status, headers and the first 64 KiB of the body."""
    step = log.begin(attempt)
    get = HttpGet()
    failure: Failure | None = None
    detail: str | None = None
    try:
        async with log.timeout(timeout_s):
            await get.run(
                stream, step, host=host, path=path, max_bytes=MAX_BODY_BYTES, keep_bytes=MAX_BODY_BYTES
            )
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    observation = HttpObservation(
        **step.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        over_tls=over_tls,
        host=host,
        path=path,
        purpose=purpose,
        status=get.status,
        headers=get.headers,
        body=bytes(get.body),
        body_truncated=get.truncated,
        received_bytes=get.received_bytes,
        first_byte_s=get.first_byte_s,
    )
    log.add(observation)
    return observation
