"""One question over UDP or TCP: every answer is kept, in order, with what it came with."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

import probes.techniques.dns
from probes.records import DnsObservation, Endpoint, ExtendedError, Failure, Resolver
from probes.session import ObservationLog
from probes.techniques.dns import MAX_ANSWERS, measure_dns, over_tcp, over_udp
from probes.transport.network import Network
from tests.probes.local import Serve, serve

FORGED, TRUE = "118.97.116.27", "149.154.167.99"
Replies = Callable[[bytes], list[bytes]]


def reply(
    query: bytes,
    *records: str,
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    options: tuple[dns.edns.Option, ...] = (),
) -> bytes:
    """Answer a query; a record is its type and data, as in a zone file."""
    asked = dns.message.from_wire(query)
    message = dns.message.make_response(asked)
    message.set_rcode(rcode)
    for record in records:
        kind, _, data = record.partition(" ")
        message.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", kind, data))
    if options:
        message.use_edns(0, options=list(options))
    return message.to_wire()


def other_id(wire: bytes) -> bytes:
    return bytes([wire[0] ^ 1]) + wire[1:]


class UdpServer(asyncio.DatagramProtocol):
    """Answers each query with what `replies` makes of it."""

    def __init__(self, replies: Replies) -> None:
        self.replies = replies
        self.queries: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.queries.append(data)
        for wire in self.replies(data):
            self.transport.sendto(wire, addr)


@asynccontextmanager
async def udp_server(
    replies: Replies, *, address: str = "127.0.0.1", hop_limit: int | None = None
) -> AsyncIterator[tuple[UdpServer, Endpoint]]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: UdpServer(replies), local_addr=(address, 0)
    )
    sock = transport.get_extra_info("socket")
    if hop_limit is not None and ":" in address:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hop_limit)
    elif hop_limit is not None:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit)
    try:
        yield server, Endpoint(address=address, port=sock.getsockname()[1])
    finally:
        transport.close()


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence ends sooner; what comes over loopback is there before."""
    monkeypatch.setattr(probes.techniques.dns, "SECOND_ANSWER_WAIT_S", 0.2)


async def ask_udp(server: Endpoint, query_type: str = "A") -> DnsObservation:
    log = ObservationLog(deadline_s=5)
    return await measure_dns(
        log,
        exchange=over_udp(Network(), log, server, wait_s=0.3),
        transport="udp",
        resolver=Resolver.VANTAGE,
        server=server,
        name="t.me",
        query_type=query_type,
    )


@pytest.mark.parametrize(
    ("situation", "replies", "addresses", "failure"),
    [
        ("one answer", lambda q: [reply(q, f"A {TRUE}")], [TRUE], None),
        (
            "forged first, then the true one",
            lambda q: [reply(q, f"A {FORGED}"), reply(q, f"A {TRUE}")],
            [FORGED, TRUE],
            None,
        ),
        ("the same one twice", lambda q: [reply(q, f"A {TRUE}")] * 2, [TRUE, TRUE], None),
        (
            "forged refusal, then the true one",
            lambda q: [reply(q, rcode=dns.rcode.NXDOMAIN), reply(q, f"A {TRUE}")],
            [None, TRUE],
            Failure.DNS_NXDOMAIN,
        ),
        (
            "a stranger's datagrams before it",
            lambda q: [b"", b"\0" * 65000, other_id(reply(q, f"A {FORGED}")), q, reply(q, f"A {TRUE}")],
            [TRUE],
            None,
        ),
        ("a flood of answers", lambda q: [reply(q, f"A {TRUE}")] * 20, [TRUE] * MAX_ANSWERS, None),
        ("nothing but garbage", lambda q: [b"\xff" * 40], [], Failure.TIMEOUT),
        ("silence", lambda q: [], [], Failure.TIMEOUT),
    ],
)
async def test_answers_over_udp(
    situation: str, replies: Replies, addresses: list[str | None], failure: Failure | None
) -> None:
    async with udp_server(replies) as (_, server):
        seen = await ask_udp(server)
    assert [a.addresses[0] if a.addresses else None for a in seen.answers] == addresses
    assert seen.failure is failure
    arrivals = [a.arrived_s for a in seen.answers]
    assert arrivals == sorted(arrivals)


async def test_a_closed_port_refuses() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        server = Endpoint(address="127.0.0.1", port=sock.getsockname()[1])
    assert (await ask_udp(server)).failure is Failure.CONNECTION_REFUSED


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_hop_limit_tells_how_near_an_answer_was_made(address: str) -> None:
    try:
        async with udp_server(lambda q: [reply(q, f"A {TRUE}")], address=address, hop_limit=7) as (_, server):
            seen = await ask_udp(server)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    assert [a.hop_limit for a in seen.answers] == [7]


async def test_what_the_server_says_about_itself_and_its_answer() -> None:
    """Every extended error, in whatever encoding; the server's id, which every query asks for."""
    options = (
        dns.edns.GenericOption(dns.edns.OptionType.EDE, b"\0\x10d\xe9cret 17/2017"),
        dns.edns.EDEOption(15, "blocked"),
        dns.edns.EDEOption(17),
        dns.edns.GenericOption(dns.edns.OptionType.EDE, b"\0"),  # too short for a code
        dns.edns.NSIDOption(b"jkt-3"),
    )
    async with udp_server(lambda q: [reply(q, "A 10.10.34.35", "A 10.10.34.36", options=options)]) as (
        asked,
        server,
    ):
        (answer,) = (await ask_udp(server)).answers
    assert answer.extended_errors == (
        ExtendedError(code=16, text="d�cret 17/2017"),
        ExtendedError(code=15, text="blocked"),
        ExtendedError(code=17),
    )
    assert answer.server_id == "jkt-3"
    wanted = dns.message.from_wire(asked.queries[0]).options
    assert dns.edns.OptionType.NSID in [option.otype for option in wanted]


async def test_texts_are_kept() -> None:
    async with udp_server(lambda q: [reply(q, 'TXT "10.1." "53.53"')]) as (_, server):
        seen = await ask_udp(server, "TXT")
    assert seen.failure is None
    assert [a.texts for a in seen.answers] == [("10.1.53.53",)]


async def test_a_flood_does_not_stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Datagrams that are always there already never make the reader wait, and so never let a timer fire."""
    n_read = 0

    async def always_ready(sock: socket.socket) -> tuple[bytes, int | None]:
        nonlocal n_read
        n_read += 1
        assert n_read < 2_000_000, "the window has no end"
        return b"junk", None

    monkeypatch.setattr(probes.techniques.dns, "recv_datagram", always_ready)
    async with udp_server(lambda q: []) as (_, server):
        assert (await ask_udp(server)).failure is Failure.TIMEOUT


def over_stream(make: Callable[[bytes], list[bytes]]) -> Serve:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2))
        for part in make(await reader.readexactly(length)):
            writer.write(part)
            await writer.drain()

    return handler


def framed(wire: bytes) -> bytes:
    return len(wire).to_bytes(2) + wire


@pytest.mark.parametrize(
    ("situation", "handler", "failure"),
    [
        ("an answer", over_stream(lambda q: [framed(reply(q, f"A {TRUE}"))]), None),
        (
            "an answer in pieces",
            over_stream(lambda q: [bytes([b]) for b in framed(reply(q, f"A {TRUE}"))]),
            None,
        ),
        ("hung up", over_stream(lambda q: []), Failure.EOF),
        ("hung up in the middle", over_stream(lambda q: [framed(reply(q))[:9]]), Failure.EOF),
        ("garbage", over_stream(lambda q: [framed(b"\xff" * 65535)]), Failure.DNS_BAD_REPLY),
        ("another's answer", over_stream(lambda q: [framed(other_id(reply(q)))]), Failure.DNS_BAD_REPLY),
    ],
)
async def test_answers_over_tcp(situation: str, handler: Serve, failure: Failure | None) -> None:
    async with serve(handler) as port:
        server, log = Endpoint(address="127.0.0.1", port=port), ObservationLog(deadline_s=5)
        seen = await measure_dns(
            log,
            exchange=over_tcp(Network(), log, server),
            transport="tcp",
            resolver=Resolver.VANTAGE,
            server=server,
            name="t.me",
        )
    assert seen.failure is failure
    assert [a.addresses for a in seen.answers] == ([] if failure else [(TRUE,)])
