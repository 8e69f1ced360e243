"""Streams whose other end is hostile."""

import socket
import threading
from collections.abc import Iterator

import pytest

from probes.records import Endpoint, Failure
from probes.session import ObservationLog
from probes.techniques.http import measure_http
from probes.techniques.mtproto import measure_mtproto
from probes.techniques.tcp import measure_tcp
from probes.transport.network import Network
from probes.wire.mtproto import Transport

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n" * 4000
# The flood ends even if the deadline is missed, so that the test fails instead of hanging.
N_FLOODS = 5000


@pytest.fixture
def flood() -> Iterator[Endpoint]:
    """A server, in its own thread, whose answer does not end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            client, _ = listener.accept()
            with client:
                try:
                    for _ in range(N_FLOODS):
                        client.sendall(CONTINUE)
                except OSError:
                    return

        thread = threading.Thread(target=run)
        thread.start()
        yield Endpoint(address="127.0.0.1", port=listener.getsockname()[1])
        thread.join()


@pytest.mark.parametrize("technique", ["http", "mtproto"])
async def test_a_flood_ends_before_the_deadline_and_is_no_answer(flood: Endpoint, technique: str) -> None:
    log = ObservationLog(deadline_s=20.0)
    _, stream = await measure_tcp(Network(), log, endpoint=flood)
    assert stream is not None
    with stream:
        if technique == "http":
            page = await measure_http(log, stream=stream, endpoint=flood, over_tls=False, host="t.me")
            assert page.failure is Failure.HTTP_BAD_REPLY
        else:
            answer = await measure_mtproto(log, stream=stream, endpoint=flood, transport=Transport.HTTP)
            assert answer.failure is Failure.MTPROTO_BAD_REPLY
