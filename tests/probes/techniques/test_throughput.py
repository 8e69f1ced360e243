"""Rates over TLS, from servers whose bytes come at a rate: in large records (nginx) and in small (Caddy)."""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from observatory.analysis.judging.facts import page_bps, transfer_bps
from probes.records import Endpoint, Failure, HttpObservation, ThroughputObservation
from probes.session import ObservationLog
from probes.techniques.http import measure_http
from probes.techniques.tcp import measure_tcp
from probes.techniques.throughput import measure_throughput
from probes.techniques.tls import measure_tls
from probes.transport.network import Network
from probes.transport.trust import Trust
from tests.probes.local import make_certificate

PACKET = 1448
FAST = None
NGINX, CADDY = 16_384, 1_300
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


class Server:
    """One connection over TLS in a thread of its own: its packets leave at a rate, as behind a shaper."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        body_bytes: int,
        kbit: int | None,
        record_bytes: int = NGINX,
        think_s: float = 0.0,
    ) -> None:
        self.context = context
        self.response = HEAD % body_bytes + bytes(body_bytes)
        self.every_s = 0.0 if kbit is None else 8 * PACKET / (1000 * kbit)
        self.record_bytes = record_bytes
        self.think_s = think_s
        self.listener = socket.create_server(("127.0.0.1", 0))

    def run(self) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(incoming, outgoing, server_side=True)
        client, _ = self.listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            try:
                while True:
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        client.sendall(outgoing.read())
                        incoming.write(client.recv(65536))
                client.sendall(outgoing.read())  # the end of the handshake, and tickets
                while True:
                    try:
                        tls.read(65536)
                        break
                    except ssl.SSLWantReadError:
                        incoming.write(client.recv(65536))
                time.sleep(self.think_s)
                for start in range(0, len(self.response), self.record_bytes):
                    tls.write(self.response[start : start + self.record_bytes])
                self.send(client, outgoing.read())
                client.recv(1)
            except OSError:
                return

    def send(self, client: socket.socket, data: bytes) -> None:
        began_s = time.monotonic()
        for i, start in enumerate(range(0, len(data), PACKET)):
            time.sleep(max(0.0, began_s + i * self.every_s - time.monotonic()))
            client.sendall(data[start : start + PACKET])


@contextmanager
def running(server: Server) -> Iterator[Endpoint]:
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield Endpoint(address="127.0.0.1", port=server.listener.getsockname()[1])
    finally:
        server.listener.close()
        thread.join(10)


async def get(
    server: Server, ca_file: str, *, patience_s: float = 4.0, whole: bool = False
) -> HttpObservation | ThroughputObservation:
    log = ObservationLog(deadline_s=30)
    with running(server) as endpoint:
        _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
        assert stream is not None
        with stream:
            _, tls = await measure_tls(
                Trust(ca_file), log, stream=stream, endpoint=endpoint, server_name="t.me"
            )
            assert tls is not None
            if whole:
                return await measure_throughput(
                    log, stream=tls, endpoint=endpoint, server_name="t.me", host="t.me"
                )
            return await measure_http(
                log, stream=tls, endpoint=endpoint, over_tls=True, host="t.me", timeout_s=patience_s
            )


async def rate_bps(server: Server, ca_file: str) -> float:
    seen = await get(server, ca_file)
    assert isinstance(seen, HttpObservation) and seen.failure is None
    bps = page_bps(seen)
    assert bps is not None
    return bps


@pytest.mark.parametrize("record_bytes", [NGINX, CADDY])
@pytest.mark.parametrize(
    ("kbit", "body_bytes"), [(64, 4_096), (128, 12_000), (256, 4_096), (256, 12_000), (512, 30_000)]
)
async def test_a_slow_line_is_told_from_a_fast_one(
    kbit: int, body_bytes: int, record_bytes: int, certificate: tuple[ssl.SSLContext, str]
) -> None:
    context, ca_file = certificate
    slow = Server(context, body_bytes=body_bytes, kbit=kbit, record_bytes=record_bytes)
    fast = Server(context, body_bytes=body_bytes, kbit=FAST, record_bytes=record_bytes)
    slow_bps = await rate_bps(slow, ca_file)
    assert slow_bps == pytest.approx(1000 * kbit, rel=0.3)
    assert await rate_bps(fast, ca_file) > 8 * slow_bps


async def test_a_body_that_still_flows_when_the_time_is_up_is_slow_and_no_silence(
    certificate: tuple[ssl.SSLContext, str],
) -> None:
    context, ca_file = certificate
    seen = await get(
        Server(context, body_bytes=60_000, kbit=128, record_bytes=CADDY), ca_file, patience_s=1.0
    )
    assert isinstance(seen, HttpObservation)
    assert (seen.failure, seen.status, seen.body_truncated) == (None, 200, True)
    assert page_bps(seen) == pytest.approx(128_000, rel=0.3)


async def test_a_body_that_stalled_is_a_silence(certificate: tuple[ssl.SSLContext, str]) -> None:
    context, ca_file = certificate
    server = Server(context, body_bytes=60_000, kbit=FAST)
    server.response = server.response[:20_000]
    seen = await get(server, ca_file, patience_s=1.5)
    assert isinstance(seen, HttpObservation)
    assert (seen.failure, seen.status, seen.body_truncated) == (Failure.TIMEOUT, 200, False)


async def test_first_byte_is_the_answers_and_not_a_tickets(certificate: tuple[ssl.SSLContext, str]) -> None:
    """Tickets follow the handshake at once; the first byte of a large record counts, not its last."""
    context, ca_file = certificate
    seen = await get(Server(context, body_bytes=16_000, kbit=256, think_s=0.3), ca_file)
    assert isinstance(seen, HttpObservation) and seen.first_byte_s is not None
    assert 0.28 < seen.first_byte_s < 0.4
    assert page_bps(seen) == pytest.approx(256_000, rel=0.3)


@pytest.mark.parametrize("kbit", [256, FAST])
async def test_a_transfer_is_rated_the_same_way(
    kbit: int | None, certificate: tuple[ssl.SSLContext, str]
) -> None:
    context, ca_file = certificate
    body_bytes = 30_000 if kbit else 1_000_000
    seen = await get(Server(context, body_bytes=body_bytes, kbit=kbit), ca_file, whole=True)
    assert isinstance(seen, ThroughputObservation)
    assert seen.failure is None and seen.received_bytes == body_bytes
    if kbit:
        assert transfer_bps(seen) == pytest.approx(1000 * kbit, rel=0.3)
        assert seen.transfer_s == pytest.approx(8 * body_bytes / (1000 * kbit), rel=0.2)
    else:
        assert transfer_bps(seen) > 10_000_000
