"""QUIC: handshakes with real servers in this process, and with peers that are not QUIC servers."""

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import HandshakeCompleted, QuicEvent
from aioquic.quic.packet import QuicProtocolVersion
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.failures import ProtocolError
from probes.records import Endpoint, Failure, Purpose, QuicObservation
from probes.session import ObservationLog
from probes.techniques.quic import measure_quic
from probes.techniques.quic_handshake import MAX_DATAGRAMS, QuicClient
from probes.transport.network import Network
from probes.transport.trust import Trust
from tests.probes.local import make_certificate, serve_udp

ENDPOINT = Endpoint(address="127.0.0.1", port=443)
VERSION_1 = 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the key and certificate of t.me lie; the certificate is its own authority."""
    made = tmp_path_factory.mktemp("quic")
    make_certificate(made)
    return made


@pytest.fixture(scope="module")
def trust(folder: Path) -> Trust:
    return Trust(str(folder / "ca.pem"))


def server_configuration(folder: Path, **other: Any) -> QuicConfiguration:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=other.pop("alpn", H3_ALPN), **other)
    configuration.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return configuration


class Site(QuicConnectionProtocol):
    """Answers each request with a status, or closes as soon as the handshake has ended."""

    def __init__(self, *args: Any, status: bytes = b"200", closes: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._status, self._closes = status, closes
        self._http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, HandshakeCompleted):
            if self._closes:
                self._quic.close(error_code=0x10C, reason_phrase="go away")
                self.transmit()
                return
            self._http = H3Connection(self._quic)
        for happened in self._http.handle_event(event) if self._http else ():
            if isinstance(happened, HeadersReceived):
                self._http.send_headers(happened.stream_id, [(b":status", self._status)], end_stream=True)
                self.transmit()


@asynccontextmanager
async def quic_server(
    folder: Path, *, site: Callable[..., Site] = Site, **other: Any
) -> AsyncIterator[Endpoint]:
    loop = asyncio.get_running_loop()
    server = QuicServer(configuration=server_configuration(folder, **other), create_protocol=site)
    transport, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    try:
        yield Endpoint(address="127.0.0.1", port=transport.get_extra_info("sockname")[1])
    finally:
        server.close()


async def shake_hands(
    endpoint: Endpoint, trust: Trust, name: str = "t.me", deadline_s: float = 3.0
) -> QuicObservation:
    log = ObservationLog(deadline_s=deadline_s)
    observation = await measure_quic(
        Network(), log, trust, endpoint=endpoint, server_name=name, purpose=Purpose.HARMLESS_NAME
    )
    assert log.observations() == (observation,)
    assert (observation.server_name, observation.purpose) == (name, Purpose.HARMLESS_NAME)
    return observation


async def test_a_handshake_and_a_page(folder: Path, trust: Trust) -> None:
    async with quic_server(folder) as endpoint:
        seen = await shake_hands(endpoint, trust)
    assert (seen.failure, seen.version, seen.alpn, seen.status) == (None, VERSION_1, "h3", 200)
    assert (seen.certificate_errors, seen.certificate_failure) == ((), None)
    assert seen.chain[0].names == ("t.me",) and seen.n_sent >= 2


async def test_an_untrusted_chain_ends_no_handshake(folder: Path) -> None:
    async with quic_server(folder) as endpoint:
        seen = await shake_hands(endpoint, Trust(), name="x.example")
    assert (seen.failure, seen.status) == (None, 200)
    assert seen.certificate_errors == ("depth_zero_self_signed_cert", "ssl_invalid_hostname")
    assert seen.certificate_failure is Failure.SSL_UNKNOWN_AUTHORITY


async def test_a_server_that_names_no_application_has_not_understood(folder: Path, trust: Trust) -> None:
    async with quic_server(folder, alpn=None) as endpoint:
        seen = await shake_hands(endpoint, trust)
    assert seen.failure is Failure.QUIC_BAD_REPLY and seen.version is None


@pytest.mark.parametrize(
    ("situation", "site"),
    [
        ("a status that is none", functools.partial(Site, status=b"2x0")),
        ("closed behind the handshake", functools.partial(Site, closes=True)),
    ],
)
async def test_a_page_that_does_not_come_leaves_the_handshake(
    folder: Path, trust: Trust, situation: str, site: Callable[..., Site]
) -> None:
    async with quic_server(folder, site=site) as endpoint:
        seen = await shake_hands(endpoint, trust)
    assert (seen.failure, seen.version, seen.status) == (None, VERSION_1, None)


async def test_a_server_of_another_application_closes_with_its_code(folder: Path, trust: Trust) -> None:
    async with quic_server(folder, alpn=["smtp"]) as endpoint:
        seen = await shake_hands(endpoint, trust)
    assert seen.failure is Failure.QUIC_CLOSED and seen.version is None and seen.chain == ()
    assert "0x178" in (seen.detail or "")  # the TLS alert "no application protocol"


async def test_no_common_version(trust: Trust) -> None:
    def answers(datagram: bytes) -> list[bytes]:
        n = datagram[5]
        destination, source = datagram[5 : 6 + n], datagram[6 + n :][: 1 + datagram[6 + n]]
        return [b"\xc0" + bytes(4) + source + destination + bytes.fromhex("ff000099")]

    async with serve_udp(answers) as port:
        seen = await shake_hands(Endpoint(address="127.0.0.1", port=port), trust)
    assert seen.failure is Failure.QUIC_BAD_REPLY and seen.version is None


async def test_a_closed_port_refuses(trust: Trust) -> None:
    seen = await shake_hands(Endpoint(address="127.0.0.1", port=1), trust)
    assert seen.failure is Failure.CONNECTION_REFUSED


async def test_silence_is_a_timeout_and_the_first_datagram_is_sent_again(trust: Trust) -> None:
    async with serve_udp(lambda _: []) as port:
        seen = await shake_hands(Endpoint(address="127.0.0.1", port=port), trust, deadline_s=1.0)
    assert seen.failure is Failure.TIMEOUT and seen.n_sent >= 2


async def test_a_flood_of_nothing_is_no_handshake(trust: Trust) -> None:
    async with serve_udp(lambda _: [b"no"] * (MAX_DATAGRAMS + 1)) as port:
        seen = await shake_hands(Endpoint(address="127.0.0.1", port=port), trust)
    assert seen.failure in (Failure.QUIC_BAD_REPLY, Failure.TIMEOUT) and seen.version is None


async def test_versions_are_offered(folder: Path) -> None:
    async with quic_server(folder, supported_versions=[QuicProtocolVersion.VERSION_1]) as endpoint:
        seen = await measure_quic(Network(), ObservationLog(deadline_s=3.0), Trust(), endpoint=endpoint)
    assert (seen.failure, seen.versions, seen.n_sent) == (None, (VERSION_1,), 1)


async def test_garbage_is_no_version(trust: Trust) -> None:
    async with serve_udp(lambda _: [b"no", b"", b"\xc0" * 40]) as port:
        endpoint = Endpoint(address="127.0.0.1", port=port)
        seen = await measure_quic(Network(), ObservationLog(deadline_s=0.5), trust, endpoint=endpoint)
    assert seen.failure is Failure.TIMEOUT and seen.versions == ()


# --- peers that are not QUIC servers, without sockets


def new_client() -> tuple[QuicClient, list[bytes]]:
    client = QuicClient("t.me", ENDPOINT)
    client.start(0.0)
    return client, client.datagrams(0.0)


def new_server(folder: Path, first: bytes) -> QuicConnection:
    n = first[5]
    return QuicConnection(
        configuration=server_configuration(folder), original_destination_connection_id=first[6 : 6 + n]
    )


def converse(
    client: QuicClient, server: QuicConnection, first: list[bytes], change: Callable[[bytes], bytes]
) -> None:
    """Let both speak in turn; `change` stands between the server and us."""
    address = ("192.0.2.7", 4433)
    ours = first
    for now_s in (0.1, 0.2, 0.3, 0.4):
        for data in ours:
            server.receive_datagram(data, address, now=now_s)
        for data, _ in server.datagrams_to_send(now=now_s):
            client.receive(change(data), now_s)
        ours = client.datagrams(now_s)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("quic"), "disabled", True)


@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, 1300), value=st.integers(1, 255), cut=st.booleans())
def test_changed_datagrams_of_a_server(folder: Path, at: int, value: int, cut: bool) -> None:
    client, first = new_client()

    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[at % len(data)] ^= value
        return bytes(changed[: at % len(data)] if cut else changed)

    with contextlib.suppress(ProtocolError):
        converse(client, new_server(folder, first[0]), first, change)
    # A change after the last packet of a datagram has no effect.
    if client.finished:
        assert client.chain()


def change_tls_messages(server: QuicConnection, epoch: int, change: Callable[[bytes], bytes]) -> None:
    """Change what the server says inside TLS, before it is enciphered."""
    push = server._push_crypto_data

    def push_changed() -> None:
        buffers = list(server._crypto_buffers.items())
        _, buffer = buffers[epoch % len(buffers)]
        changed = change(buffer.data)
        if changed:
            buffer.seek(0)
            buffer.push_bytes(changed)
        push()

    server._push_crypto_data = push_changed  # type: ignore[method-assign]


def test_a_certificate_of_no_known_version_is_a_bad_reply(folder: Path) -> None:
    client, first = new_client()
    server = new_server(folder, first[0])
    version_3, version_9 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x08"
    change_tls_messages(server, 1, lambda message: message.replace(version_3, version_9))
    with pytest.raises(ProtocolError, match="not a valid X509 version") as caught:
        converse(client, server, first, bytes)
    assert caught.value.failure is Failure.QUIC_BAD_REPLY


@settings(deadline=None, max_examples=150)
@given(
    changes=st.lists(st.tuples(st.integers(0, 1200), st.integers(1, 255)), min_size=1, max_size=3),
    epoch=st.integers(0, 2),
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_changed_tls_messages_well_enciphered(
    folder: Path, changes: list[tuple[int, int]], epoch: int
) -> None:
    """What a middlebox can send that terminates QUIC itself: any certificate, any TLS message."""
    client, first = new_client()
    server = new_server(folder, first[0])

    def change(message: bytes) -> bytes:
        changed = bytearray(message)
        for at, value in changes if changed else ():
            changed[at % len(changed)] ^= value
        return bytes(changed)

    change_tls_messages(server, epoch, change)
    with contextlib.suppress(ProtocolError):
        converse(client, server, first, bytes)
    if client.finished:
        client.chain()
