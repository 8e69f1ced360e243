"""HTTP/1.1 by h11 over our own streams: one GET, with an answer that is bounded in bytes and in time."""

import time
from typing import Final

import h11

from probes.failures import ProtocolError, classify_failure
from probes.records import Endpoint, Failure, HttpObservation, Purpose
from probes.session import ObservationLog, StartedStep
from probes.transport.arrivals import Arrivals
from probes.transport.budget import Budget
from probes.transport.streams import TimedStream

RESPONSE_TIMEOUT_S: Final = 4.0
# A body that has paused for longer than this when the time is up has stalled; else it is only slow.
STALLED_S: Final = 1.0
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
        self.truncated = False
        self._has_begun = False
        self._arrivals = Arrivals()
        self._started_s = 0.0

    async def run(
        self, stream: TimedStream, step: StartedStep, *, host: str, path: str, max_bytes: int, keep_bytes: int
    ) -> None:
        """Send the request and read until the end of the response or `max_bytes` of body.

        A response in absurdly many pieces is truncated.
        """
        self._arrivals = stream.arrivals
        self._arrivals.restart()
        self._started_s = time.monotonic() - step.elapsed_s()
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=32768)
        request = h11.Request(
            method="GET",
            target=path,
            headers=[("Host", host), ("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Connection", "close")],
        )
        await stream.send((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        budget = Budget()
        while True:
            if not await budget.spend():
                if self.status is None:
                    raise ProtocolError(Failure.HTTP_BAD_REPLY, "no end of interim responses")
                self.truncated = True
                return
            try:
                event = connection.next_event()
            except h11.RemoteProtocolError as error:
                if not self._has_begun:
                    raise EOFError("closed before a response") from error
                raise ProtocolError(Failure.HTTP_BAD_REPLY, str(error)) from error
            match event:
                case h11.NEED_DATA:
                    data = await stream.recv()
                    self._has_begun = self._has_begun or bool(data)
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

    @property
    def first_byte_s(self) -> float | None:
        """Seconds from the beginning of the step to the first byte that the socket delivered."""
        first_s = self._arrivals.first_s
        return None if first_s is None else round(first_s - self._started_s, 6)

    @property
    def transfer_s(self) -> float:
        """Seconds from the first delivery to the last."""
        return round((self._arrivals.last_s or 0.0) - (self._arrivals.first_s or 0.0), 6)

    @property
    def is_flowing(self) -> bool:
        """The body has begun and its last bytes have just come."""
        last_s = self._arrivals.last_s
        return self.status is not None and last_s is not None and time.monotonic() - last_s < STALLED_S

    @property
    def rated_bytes(self) -> int:
        return self._arrivals.rated()[0]

    @property
    def rated_s(self) -> float:
        return round(self._arrivals.rated()[1], 6)


async def measure_http(
    log: ObservationLog,
    *,
    stream: TimedStream,
    endpoint: Endpoint,
    over_tls: bool,
    host: str,
    path: str = "/",
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
    timeout_s: float = RESPONSE_TIMEOUT_S,
) -> HttpObservation:
    """GET once over a connected stream and keep status, headers and the first 64 KiB of the body.

    Shape:  a body that still flows when the time is up is truncated, which is no failure.
    """
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
        if failure is Failure.TIMEOUT and get.is_flowing:
            failure = detail = None
            get.truncated = True
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
        rated_bytes=get.rated_bytes,
        rated_s=get.rated_s,
    )
    log.add(observation)
    return observation
