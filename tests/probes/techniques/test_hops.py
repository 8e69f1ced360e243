"""Hops over the loopback, where the first hop is the far end: what it may answer, and what is not sent."""

import asyncio
import socket
from pathlib import Path

import pytest

from probes.records import Endpoint, Failure, Heard, HopsObservation, Payload, Purpose
from probes.session import ObservationLog
from probes.techniques.hops import measure_hops
from probes.transport.kinds import WayOut
from probes.transport.network import Network
from probes.transport.trust import Trust
from tests.probes.local import Serve, alert, close, make_certificate, reset, say_nothing, serve, serve_udp


async def find_hops(endpoint: Endpoint, payload: Payload, network: Network = Network()) -> HopsObservation:  # noqa: B008
    log = ObservationLog(deadline_s=5.0)
    observation = await measure_hops(
        network,
        log,
        Trust(),
        endpoint=endpoint,
        payload=payload,
        name="t.me",
        purpose=Purpose.HARMLESS_NAME,
    )
    assert log.observations() == (observation,)
    assert (observation.name, observation.purpose) == ("t.me", Purpose.HARMLESS_NAME)
    return observation


async def read_and_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    await reset(reader, writer)


async def read_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    await close(reader, writer)


async def read_and_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)
    await alert(reader, writer)


@pytest.mark.parametrize("payload", [Payload.CLIENT_HELLO, Payload.HTTP_REQUEST])
@pytest.mark.parametrize(
    ("handler", "heard"),
    [(read_and_answer, Heard.ANSWER), (read_and_close, Heard.CLOSED), (read_and_reset, Heard.RESET)],
)
async def test_what_a_server_does_with_the_payload(payload: Payload, handler: Serve, heard: Heard) -> None:
    async with serve(handler) as port:
        observation = await find_hops(Endpoint(address="127.0.0.1", port=port), payload)
    assert [(hop.ttl, hop.heard) for hop in observation.hops] == [(1, heard)]
    assert observation.failure is None


async def test_a_server_that_says_nothing_is_asked_with_every_ttl() -> None:
    async with serve(say_nothing) as port:
        observation = await find_hops(Endpoint(address="127.0.0.1", port=port), Payload.CLIENT_HELLO)
    assert [(hop.ttl, hop.heard, hop.rtt_s) for hop in observation.hops] == [
        (ttl, Heard.SILENCE, None) for ttl in range(1, 25)
    ]


async def test_a_client_hello_is_one_that_servers_understand(tmp_path: Path) -> None:
    context, _ = make_certificate(tmp_path)
    asked: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(65536))
        writer.write(b"\x15")

    async with serve(handler) as port:
        await find_hops(Endpoint(address="127.0.0.1", port=port), Payload.CLIENT_HELLO)
    assert all(hello[:1] == b"\x16" and b"t.me" in hello for hello in asked)
    async with serve(say_nothing, context) as port:
        observation = await find_hops(Endpoint(address="127.0.0.1", port=port), Payload.CLIENT_HELLO)
    assert [hop.heard for hop in observation.hops] == [Heard.ANSWER]


@pytest.mark.parametrize(
    ("payload", "heard"),
    [(Payload.SYN, Heard.REFUSED), (Payload.UDP, Heard.REFUSED), (Payload.DNS_QUERY, Heard.REFUSED)],
)
async def test_a_closed_port_refuses(payload: Payload, heard: Heard) -> None:
    observation = await find_hops(Endpoint(address="127.0.0.1", port=1), payload)
    assert [(hop.ttl, hop.heard) for hop in observation.hops] == [(1, heard)]


@pytest.mark.parametrize("reply", [b"x", b""])
async def test_any_datagram_is_an_answer(reply: bytes) -> None:
    async with serve_udp(lambda _: [reply]) as port:
        observation = await find_hops(Endpoint(address="127.0.0.1", port=port), Payload.UDP)
    assert [(hop.ttl, hop.heard) for hop in observation.hops] == [(1, Heard.ANSWER)]


async def test_what_no_connection_could_carry_was_never_sent() -> None:
    observation = await find_hops(Endpoint(address="127.0.0.1", port=1), Payload.CLIENT_HELLO)
    assert observation.failure is Failure.CONNECTION_REFUSED and observation.hops == ()


async def test_a_network_that_is_not_there_is_the_vantage_point_s_failure() -> None:
    endpoint = Endpoint(address="127.0.0.1", port=1)
    observation = await find_hops(endpoint, Payload.SYN, Network("source", "203.0.113.77"))
    assert observation.failure is Failure.VANTAGE and observation.hops == ()


async def test_a_proxy_sends_no_packets_of_ours() -> None:
    with pytest.raises(ValueError, match="hops: expected a network of our own packets, got socks5"):
        await find_hops(
            Endpoint(address="127.0.0.1", port=1), Payload.SYN, Network("socks5", "127.0.0.1:1080")
        )


async def test_every_socket_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    open_socket = WayOut.open_socket

    def keep(self: WayOut, endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
        opened.append(open_socket(self, endpoint, kind))
        return opened[-1]

    monkeypatch.setattr(WayOut, "open_socket", keep)
    async with serve(read_and_answer) as port:
        for payload in Payload:
            await find_hops(Endpoint(address="127.0.0.1", port=port), payload)
    assert len(opened) >= 40 and {sock.fileno() for sock in opened} == {-1}
