"""Connections that many DoT or DoH queries share: a query that fails does not fail the others."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.rrset
import pytest
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, StreamEnded
from h2.settings import SettingCodes

import probes.techniques.dns
from lab.services.certificates import Authority, new_context
from probes.records import DnsObservation, Endpoint, Failure, Resolver
from probes.session import ObservationLog
from probes.techniques.dns import measure_dns
from probes.techniques.secure_dns import DOH_LANES, PORTS, SecureResolver
from probes.transport.trust import load_trust
from tests.probes.local import LocalNetwork, Serve, say_nothing, serve

ADDRESS = "8.8.8.8"
TRUE = "149.154.167.99"


def answer(query: bytes) -> bytes:
    asked = dns.message.from_wire(query)
    message = dns.message.make_response(asked)
    message.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", "A", TRUE))
    return message.to_wire()


async def read_dot(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))


async def read_doh(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert head.startswith("post /dns-query http/1.1")
    return await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))


def framed(wire: bytes) -> bytes:
    return len(wire).to_bytes(2) + wire


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    return (
        "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body
    )


async def dot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(framed(answer(await read_dot(reader))))


async def dot_in_pairs_last_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        pair = [await read_dot(reader), await read_dot(reader)]
        writer.write(b"".join(framed(answer(query)) for query in reversed(pair)))


async def dot_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    query = await read_dot(reader)
    writer.write(framed(query[:2] + b"\xff" * 50))
    await reader.read()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def dot_hang_up_on_queries(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_dot(reader)


def doh(make: Callable[[bytes], bytes], *, only_one: bool = False) -> Serve:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(make(await read_doh(reader)))
            await writer.drain()
            if only_one:
                return

    return handler


async def doh_no_answer_to_the_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Keep the first query of a connection waiting for ever, and so every query behind it."""
    await read_doh(reader)
    await reader.read()


@dataclass(frozen=True, kw_only=True)
class Asked:
    observations: list[DnsObservation]
    n_connections: int

    @property
    def ends(self) -> set[tuple[Failure | None, tuple[str, ...]]]:
        return {(o.failure, o.answers[0].addresses if o.answers else ()) for o in self.observations}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("Test authority")


async def ask(
    folder: Path,
    authority: Authority,
    transport: str,
    handler: Serve,
    *,
    n: int = 12,
    name: str = ADDRESS,
    deadlines_s: tuple[float, ...] = (5.0,),
    trusted: bool = True,
    http2: bool = False,
) -> Asked:
    """Ask `n` questions at once, each with the next of the deadlines."""
    (folder / "ca.pem").write_text((authority if trusted else Authority("Another")).root_pem())
    context: ssl.SSLContext = new_context(authority.chain_pem((name,)))
    if http2:
        context.set_alpn_protocols(["h2"])
    n_connections = 0

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_connections
        n_connections += 1
        await handler(reader, writer)

    async with serve(counted, context) as port:
        network = LocalNetwork(ports={Endpoint(address=ADDRESS, port=PORTS[transport]): port})
        async with SecureResolver(
            network, load_trust(str(folder / "ca.pem")), ADDRESS, transport
        ) as resolver:
            logs = [ObservationLog(deadline_s=deadlines_s[i % len(deadlines_s)]) for i in range(n)]
            observations = await asyncio.gather(
                *(
                    measure_dns(
                        log,
                        exchange=resolver.exchange(log),
                        transport=transport,
                        resolver=Resolver.PUBLIC,
                        server=resolver.server,
                        name=f"h{i}.example",
                    )
                    for i, log in enumerate(logs)
                )
            )
    return Asked(observations=observations, n_connections=n_connections)


GOOD = {(None, (TRUE,))}


def failed(failure: Failure) -> set[tuple[Failure | None, tuple[str, ...]]]:
    return {(failure, ())}


@pytest.mark.parametrize(
    ("situation", "transport", "handler", "ends", "n_connections"),
    [
        ("one after the other", "dot", dot, GOOD, range(1, 2)),
        ("out of order", "dot", dot_in_pairs_last_first, GOOD, range(1, 2)),
        ("hangs up on everybody", "dot", hang_up, failed(Failure.EOF), range(1, 13)),
        ("hangs up on queries", "dot", dot_hang_up_on_queries, failed(Failure.EOF), range(1, 13)),
        ("one after the other", "doh", doh(lambda q: page(answer(q))), GOOD, range(1, 5)),
        (
            "closes after each, and says so",
            "doh",
            doh(lambda q: page(answer(q), "200 OK", "Connection: close"), only_one=True),
            GOOD,
            range(12, 13),
        ),
        (
            "closes after each without a word",
            "doh",
            doh(lambda q: page(answer(q)), only_one=True),
            GOOD,
            range(12, 13),
        ),
        ("hangs up on everybody", "doh", hang_up, failed(Failure.EOF), range(1, 13)),
        (
            "error 500",
            "doh",
            doh(lambda q: page(b"", "500 Internal Server Error")),
            failed(Failure.HTTP_BAD_REPLY),
            range(1, 13),
        ),
        (
            "no HTTP",
            "doh",
            doh(lambda q: b"\xff" * 80 + b"\r\n\r\n"),
            failed(Failure.HTTP_BAD_REPLY),
            range(1, 13),
        ),
        ("no DNS", "doh", doh(lambda q: page(b"hello")), failed(Failure.DNS_BAD_REPLY), range(1, 5)),
        (
            "longer than a message can be",
            "doh",
            doh(lambda q: page(b"x" * 70_000)),
            failed(Failure.DNS_BAD_REPLY),
            range(1, 13),
        ),
    ],
)
async def test_twelve_at_once(
    situation: str,
    transport: str,
    handler: Serve,
    ends: set[tuple[Failure | None, tuple[str, ...]]],
    n_connections: range,
    authority: Authority,
    tmp_path: Path,
) -> None:
    asked = await ask(tmp_path, authority, transport, handler)
    assert asked.ends == ends, asked.observations
    assert asked.n_connections in n_connections


async def test_no_dns_over_dot(authority: Authority, tmp_path: Path) -> None:
    asked = await ask(tmp_path, authority, "dot", dot_garbage, n=1)
    assert asked.ends == failed(Failure.DNS_BAD_REPLY)


@pytest.mark.parametrize("transport", ["dot", "doh"])
@pytest.mark.parametrize(
    ("situation", "name", "trusted", "failure"),
    [
        ("another address", "9.9.9.9", True, Failure.SSL_INVALID_HOSTNAME),
        ("a name, no address", "dns.google", True, Failure.SSL_INVALID_HOSTNAME),
        ("another authority", ADDRESS, False, Failure.SSL_UNKNOWN_AUTHORITY),
    ],
)
async def test_nothing_is_asked_of_an_impostor(
    situation: str,
    name: str,
    trusted: bool,
    failure: Failure,
    transport: str,
    authority: Authority,
    tmp_path: Path,
) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            heard.extend(data)

    asked = await ask(tmp_path, authority, transport, listen, name=name, trusted=trusted)
    assert asked.ends == failed(failure)
    assert bytes(heard) == b""
    assert all(o.detail for o in asked.observations)


async def test_queries_with_the_same_id_get_each_their_own_answer(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes.techniques.dns.secrets, "randbits", lambda _: 4711)
    asked = await ask(tmp_path, authority, "dot", dot_in_pairs_last_first)
    assert asked.ends == GOOD, asked.observations
    ids = {o.answers[0].wire[:2] for o in asked.observations}
    assert ids == {(4711).to_bytes(2)}, "the reply kept carries the id of the query"


@pytest.mark.parametrize("transport", ["dot", "doh"])
async def test_a_server_that_says_nothing_is_a_timeout_for_everybody(
    transport: str, authority: Authority, tmp_path: Path
) -> None:
    asked = await ask(tmp_path, authority, transport, say_nothing, deadlines_s=(0.4,))
    assert asked.ends == failed(Failure.TIMEOUT), asked.observations


async def test_a_query_given_up_leaves_its_lane_to_the_next(authority: Authority, tmp_path: Path) -> None:
    """The first of each lane waits in vain and gives up; those behind them get connections that answer."""
    n_opened = 0

    async def first_ones_hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_opened
        n_opened += 1
        if n_opened <= DOH_LANES:
            await doh_no_answer_to_the_first(reader, writer)
        await doh(lambda q: page(answer(q)))(reader, writer)

    deadlines_s = (0.4,) * DOH_LANES + (5.0,) * DOH_LANES
    asked = await ask(tmp_path, authority, "doh", first_ones_hang, n=2 * DOH_LANES, deadlines_s=deadlines_s)
    ends = [(o.failure, len(o.answers)) for o in asked.observations]
    assert ends == [(Failure.TIMEOUT, 0)] * DOH_LANES + [(None, 1)] * DOH_LANES, asked.observations


# --- HTTP/2


Replies = Callable[[H2Connection, int, bytes], None]


def reply(http: H2Connection, stream: int, query: bytes, status: str = "200", body: bytes = b"") -> None:
    http.send_headers(stream, [(":status", status), ("content-type", "application/dns-message")])
    http.send_data(stream, body or answer(query), end_stream=True)


def http2(replies: Replies, *, settings: dict[SettingCodes, int] | None = None, n_at_once: int = 1) -> Serve:
    """Speak HTTP/2; answer when so many queries have come, the last one first."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = H2Connection(H2Configuration(client_side=False))
        if settings:
            http.local_settings.update(settings)
        http.initiate_connection()
        bodies: dict[int, bytes] = {}
        whole: list[int] = []
        while True:
            if out := http.data_to_send():
                writer.write(out)
                await writer.drain()
            if not (data := await reader.read(65536)):
                return
            for event in http.receive_data(data):
                if isinstance(event, DataReceived):
                    bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                elif isinstance(event, StreamEnded):
                    whole.append(event.stream_id)
                if len(whole) >= n_at_once:
                    for stream in reversed(whole):
                        replies(http, stream, bodies[stream])
                    whole.clear()

    return handler


def refuse(http: H2Connection, stream: int, query: bytes) -> None:
    http.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def say_goodbye_after_one(http: H2Connection, stream: int, query: bytes) -> None:
    if http.state_machine.state is not ConnectionState.CLOSED:
        reply(http, stream, query)
        http.close_connection()


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"\xff" * 80)
    await reader.read()


@pytest.mark.parametrize(
    ("situation", "handler", "ends", "n_connections"),
    [
        ("one after the other", http2(reply), GOOD, range(1, DOH_LANES + 1)),
        ("together, out of order", http2(reply, n_at_once=6), GOOD, range(1, DOH_LANES + 1)),
        (
            "two at a time",
            http2(reply, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2}),
            GOOD,
            range(1, DOH_LANES + 1),
        ),
        ("ends the connection after each", http2(say_goodbye_after_one), GOOD, range(2, 13)),
        ("refuses every stream", http2(refuse), failed(Failure.HTTP_BAD_REPLY), range(1, 13)),
        (
            "error 500",
            http2(lambda h, s, q: reply(h, s, q, "500")),
            failed(Failure.HTTP_BAD_REPLY),
            range(1, 13),
        ),
        (
            "no DNS",
            http2(lambda h, s, q: reply(h, s, q, body=b"hello")),
            failed(Failure.DNS_BAD_REPLY),
            range(1, 13),
        ),
        (
            "no DNS, and long",
            http2(lambda h, s, q: reply(h, s, q, body=b"x" * 9_000)),
            failed(Failure.DNS_BAD_REPLY),
            range(1, 13),
        ),
        ("no HTTP/2", garbage, failed(Failure.HTTP_BAD_REPLY), range(1, 13)),
        ("hangs up on everybody", hang_up, failed(Failure.EOF), range(1, 13)),
    ],
)
async def test_twelve_at_once_over_http2(
    situation: str,
    handler: Serve,
    ends: set[tuple[Failure | None, tuple[str, ...]]],
    n_connections: range,
    authority: Authority,
    tmp_path: Path,
) -> None:
    asked = await ask(tmp_path, authority, "doh", handler, http2=True)
    assert asked.ends == ends, asked.observations
    assert asked.n_connections in n_connections


async def test_a_query_given_up_over_http2_holds_up_no_other(authority: Authority, tmp_path: Path) -> None:
    """Every second query is never answered; the others share its connection."""

    def only_even(http: H2Connection, stream: int, query: bytes) -> None:
        if int(dns.message.from_wire(query).question[0].name.to_text()[1:].partition(".")[0]) % 2 == 0:
            reply(http, stream, query)

    asked = await ask(tmp_path, authority, "doh", http2(only_even), http2=True, deadlines_s=(5.0, 0.4))
    assert [o.failure for o in asked.observations] == [None, Failure.TIMEOUT] * 6, asked.observations
    assert asked.n_connections <= DOH_LANES
