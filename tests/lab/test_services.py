"""The servers' pure parts: DNS answers, QUIC, MTProto, pages, and what a middlebox reads."""

import asyncio
import struct

import dns.message
import dns.rcode
import h11
import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

from lab import world
from lab.middlebox import host_header
from lab.nfqueue import parse_packet_messages
from lab.policy import Lie, Policy, ResolverPolicy
from lab.services.data_centre import answer_message, serve_data_centre
from lab.services.names import PUBLIC, answer_query, forge_answer, isp_resolver
from lab.services.pages import MAX_BLOB_BYTES, host_page, load_notice, site_page, to_https
from lab.services.quic import answer_quic, read_server_name
from lab.services.web import Request
from observatory.analysis.judging.front import is_front_answer
from probes.records import Endpoint, HttpObservation

HONEST = Policy()
BOGUS = Lie(address="10.10.34.35")
NONCE = bytes(range(16))


def answered(name: str, kind: str = "A", resolver: ResolverPolicy | None = None) -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    wire = answer_query(query.to_wire(), HONEST, resolver)
    assert wire is not None
    message = dns.message.from_wire(wire)
    assert message.id == query.id
    return message


def test_known_name_has_an_address_with_a_ttl() -> None:
    (rrset,) = answered("T.me").answer
    assert (rrset.ttl, [str(item) for item in rrset]) == (300, ["149.154.167.99"])


def test_unknown_name_is_nxdomain_with_a_soa() -> None:
    message = answered("nobody.example")
    assert (message.rcode(), len(message.authority)) == (dns.rcode.NXDOMAIN, 1)


def test_known_name_without_that_type_is_empty_and_no_error() -> None:
    message = answered("t.me", "TXT")
    assert (message.rcode(), message.answer, len(message.authority)) == (dns.rcode.NOERROR, [], 1)


@pytest.mark.parametrize(
    ("situation", "name", "policy", "lies", "expected"),
    [
        ("honest", "t.me", HONEST, {}, {"A": "149.154.167.99", "AAAA": "2001:67c:4e8:f004::9"}),
        ("a name without IPv6", "dns.google", HONEST, {}, {"A": "8.8.8.8", "AAAA": "NOERROR"}),
        ("no such name", "nobody.example", HONEST, {}, {"A": "NXDOMAIN", "AAAA": "NXDOMAIN"}),
        ("retired", "t.me", Policy(retired=("t.me",)), {}, {"A": "NXDOMAIN", "AAAA": "NXDOMAIN"}),
        (
            "AAAA only",
            "t.me",
            Policy(aaaa_only=("t.me",)),
            {},
            {"A": "NOERROR", "AAAA": "2001:67c:4e8:f004::9"},
        ),
        ("lied away", "t.me", HONEST, {"t.me": Lie(rcode="NXDOMAIN")}, {"A": "NXDOMAIN", "AAAA": "NXDOMAIN"}),
        ("lied about", "t.me", HONEST, {"t.me": BOGUS}, {"A": "10.10.34.35", "AAAA": "NOERROR"}),
        (
            "lied about, AAAA only",
            "t.me",
            Policy(aaaa_only=("t.me",)),
            {"t.me": BOGUS},
            {"A": "10.10.34.35", "AAAA": "NOERROR"},
        ),
    ],
)
def test_both_record_types(
    situation: str, name: str, policy: Policy, lies: dict[str, Lie], expected: dict[str, str]
) -> None:
    found = {}
    for kind in ("A", "AAAA"):
        query = dns.message.make_query(name, kind).to_wire()
        wire = answer_query(query, policy, ResolverPolicy(lies=lies))
        assert wire is not None
        message = dns.message.from_wire(wire)
        found[kind] = ",".join(str(item) for rrset in message.answer for item in rrset) or dns.rcode.to_text(
            message.rcode()
        )
    assert found == expected


@pytest.mark.parametrize("mode, rcode", [("servfail", dns.rcode.SERVFAIL), ("refused", dns.rcode.REFUSED)])
def test_broken_resolver(mode: str, rcode: dns.rcode.Rcode) -> None:
    assert answered("t.me", resolver=ResolverPolicy(broken=mode)).rcode() == rcode


@pytest.mark.parametrize("query", [b"", b"x", b"\0" * 12, b"\xff" * 40])
def test_broken_queries_are_left_unanswered(query: bytes) -> None:
    assert answer_query(query, HONEST) is None
    assert forge_answer(query, ("t.me",), BOGUS) is None


@pytest.mark.parametrize(
    ("name", "kind", "forged"),
    [("t.me", "A", True), ("t.me", "AAAA", False), ("telegram.org", "A", False), ("www.t.me", "A", False)],
)
def test_an_injector_answers_only_what_it_is_aimed_at(name: str, kind: str, forged: bool) -> None:
    wire = forge_answer(dns.message.make_query(name, kind).to_wire(), ("t.me",), BOGUS)
    assert (wire is not None) is forged


def long_header(version: bytes, size: int = 1200) -> bytes:
    return (b"\xc0" + version + b"\x08" + b"D" * 8 + b"\x05" + b"S" * 5).ljust(size, b"\0")


def test_quic_answers_an_unknown_version_with_the_ids_exchanged() -> None:
    answer = answer_quic(long_header(b"\x1a\x2a\x3a\x4a"))
    assert answer == b"\xc0\0\0\0\0\x05SSSSS\x08DDDDDDDD\0\0\0\x01"


@pytest.mark.parametrize(
    "datagram",
    [
        long_header(b"\x1a\x2a\x3a\x4a", 1199)[:1199],
        long_header(b"\0\0\0\0"),
        long_header(b"\0\0\0\x01"),
        b"\x40" * 1200,
        b"\xc0\x1a\x2a\x3a\x4a\xff" + b"\xff" * 1194,
    ],
    ids=["short", "version negotiation", "version 1", "short header", "ids too long"],
)
def test_quic_keeps_silent(datagram: bytes) -> None:
    assert answer_quic(datagram) is None


def first_datagram(server_name: str | None) -> bytes:
    """Return what a QUIC client sends first."""
    configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=server_name)
    connection = QuicConnection(configuration=configuration)
    connection.connect(("192.0.2.1", 443), now=0.0)
    return connection.datagrams_to_send(now=0.0)[0][0]


@pytest.mark.parametrize("name", ["t.me", "flora-1.web.telegram.org", None])
def test_the_name_in_a_quic_client_hello_is_there_to_be_read(name: str | None) -> None:
    assert read_server_name(first_datagram(name)) == name


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        long_header(b"\0\0\0\x01"),
        long_header(b"\x1a\x2a\x3a\x4a"),
        b"\x40" * 1200,
        first_datagram("t.me").replace(b"\0" * 8, b"")[:100].ljust(1200, b"\0"),
        first_datagram("t.me")[:1199],
    ],
    ids=[
        "nothing",
        "no Initial",
        "another version",
        "short header",
        "a packet cut short",
        "a datagram cut short",
    ],
)
def test_no_name_is_read_from(datagram: bytes) -> None:
    assert read_server_name(datagram) is None


def test_every_resolver_has_an_address_of_its_own_at_the_content_network() -> None:
    policy = Policy(rotated=("t.me",))
    query = dns.message.make_query("t.me", "A").to_wire()
    found = set()
    for who in (PUBLIC, *(isp_resolver(isp) for isp in world.ISPS.values())):
        wire = answer_query(query, policy, who=who)
        assert wire is not None
        found.add(dns.message.from_wire(wire).answer[0][0].to_text())
    assert found == set(world.CDN_ADDRESSES.values())


def req_pq(nonce: bytes = NONCE) -> bytes:
    return struct.pack("<qqiI", 0, 4 << 32, 20, 0xBE7E8EF1) + nonce


def test_res_pq_echoes_the_nonce() -> None:
    answer = answer_message(req_pq())
    key_id, message_id, length, constructor = struct.unpack_from("<qqiI", answer)
    assert (key_id, message_id % 4, length, constructor) == (0, 1, len(answer) - 20, 0x05162463)
    assert answer[24:40] == NONCE


@pytest.mark.parametrize(
    "message", [b"", req_pq()[:39], b"\1" + req_pq()[1:], req_pq()[:20] + b"abcd" + NONCE, b"\0" * 40]
)
def test_other_messages_are_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="MTProto"):
        answer_message(message)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 411),
        (b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\nno MTPr", 404),
    ],
)
async def test_a_data_centre_answers_plain_requests_as_telegrams_front(request_: bytes, status: int) -> None:
    """As OONI's probe asks, and others; the connection stays open for the next."""
    method = request_.split(b" ")[0]
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    client.receive_data(await converse(request_))
    response = client.next_event()
    assert isinstance(response, h11.Response)
    page = HttpObservation(
        id="o1",
        started_s=0,
        duration_s=0,
        endpoint=Endpoint(address="149.154.167.51", port=443),
        over_tls=False,
        host="149.154.167.51",
        path="/",
        status=response.status_code,
        headers=tuple((n.decode(), v.decode()) for n, v in response.headers),
        body=b"" if method == b"HEAD" else bytes(client.next_event().data),
    )
    assert page.status == status
    assert is_front_answer(page)
    assert (await converse(request_, request_)).count(b"HTTP/1.1") == 2


async def converse(*pieces: bytes) -> bytes:
    """Return what a data centre answers to these bytes before it is done or wants more."""
    done: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve_data_centre(reader, writer)
        except (ValueError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for piece in pieces:
            writer.write(piece)
        writer.write_eof()
        await done.put(await reader.read())
        writer.close()
        await writer.wait_closed()
    return await done.get()


@pytest.mark.parametrize(
    ("transport", "sent"),
    [
        ("abridged", b"\xef\x0a" + req_pq()),
        ("intermediate", b"\xee" * 4 + struct.pack("<I", 40) + req_pq()),
        ("padded", b"\xdd" * 4 + struct.pack("<I", 43) + req_pq() + b"pad"),
        (
            "http",
            b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n" + req_pq(),
        ),
    ],
)
async def test_transports(transport: str, sent: bytes) -> None:
    assert NONCE in await converse(sent)


async def test_two_requests_on_one_connection_are_both_answered() -> None:
    other = NONCE[::-1]
    answer = await converse(b"\xef\x0a" + req_pq(), b"\x0a" + req_pq(other))
    assert NONCE in answer
    assert other in answer


@pytest.mark.parametrize(
    "sent",
    [b"EHLO x.example\r\n" + b"x" * 64, b"\xef\x0a" + b"\1" * 40, b"\xef\x7f\xff\xff\xff"],
    ids=["another protocol", "no req_pq", "a frame too long"],
)
async def test_a_connection_that_is_not_mtproto_is_closed(sent: bytes) -> None:
    assert await converse(sent) == b""


@pytest.mark.parametrize("host", [*world.TELEGRAM_HOSTS, world.CANARY])
def test_pages_are_of_a_size_and_differ(host: str) -> None:
    assert 24_000 <= len(host_page(host)) <= 32_000
    others = [host_page(name) for name in world.TELEGRAM_HOSTS if name != host]
    assert host_page(host) not in others


@pytest.mark.parametrize(
    ("path", "status", "n_bytes"),
    [
        ("/blob/1000", 200, 1000),
        (f"/blob/{MAX_BLOB_BYTES}", 200, MAX_BLOB_BYTES),
        (f"/blob/{MAX_BLOB_BYTES + 1}", 404, 0),
        ("/blob/-1", 404, 0),
        ("/blob/" + "9" * 5000, 404, 0),
        ("/blob/x", 404, 0),
    ],
)
def test_blobs(path: str, status: int, n_bytes: int) -> None:
    response = site_page(lambda: HONEST)(Request(method="GET", path=path, host="t.me", client="10.1.1.2"))
    assert (response.status, len(response.body)) == (status, n_bytes)


@pytest.mark.parametrize("client", ["10.3.1.2", "fd00:3:1::2"])
def test_a_geoblock_knows_a_client_by_both_addresses(client: str) -> None:
    page = site_page(lambda: Policy(forbidden={"xl": ("t.me",)}))
    assert page(Request(method="GET", path="/", host="t.me", client=client)).status == 403


def test_port_80_sends_to_the_same_place_on_443() -> None:
    response = to_https(Request(method="GET", path="/a?b", host="t.me", client="10.1.1.2"))
    assert (response.status, response.headers["location"]) == (301, "https://t.me/a?b")


def test_every_isp_has_a_notice_that_says_why() -> None:
    for isp in world.ISPS:
        assert b"Nomor 19 Tahun 2014" in load_notice(isp) or b"No. 19 Tahun 2014" in load_notice(isp)


@pytest.mark.parametrize(
    ("payload", "host"),
    [
        (b"GET / HTTP/1.1\r\nHost: t.me\r\n\r\n", "t.me"),
        (b"GET / HTTP/1.1\r\nhOST:T.ME:80\r\nX: y\r\n\r\n", "t.me"),
        (b"POST / HTTP/1.1\r\nX: y\r\n\r\nHost: t.me\r\n", ""),
        (b"\xef\x0a\0\0\0", ""),
        (b"", ""),
    ],
)
def test_host_header(payload: bytes, host: str) -> None:
    assert host_header(payload) == host


@pytest.mark.parametrize("data", [b"", b"\0" * 64, b"\xff" * 64, struct.pack("=IHHII", 36, 0x300, 0, 0, 0)])
def test_broken_queue_messages_yield_nothing(data: bytes) -> None:
    assert list(parse_packet_messages(data)) == []
