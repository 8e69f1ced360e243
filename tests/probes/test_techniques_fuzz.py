"""Hostile bytes against every codec and stream: what comes out is an observation, never a crash or a hang.

Each peer is a real socket whose other end sends what Hypothesis generates, then closes.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import dns.edns
import dns.message
import dns.rrset
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.failures import ProtocolError
from probes.records import Endpoint, Failure
from probes.session import ObservationLog
from probes.techniques.http import measure_http
from probes.techniques.mtproto import measure_mtproto
from probes.techniques.quic_handshake import QuicClient
from probes.techniques.tls import measure_tls
from probes.transport.streams import PlainStream
from probes.transport.trust import load_trust
from probes.wire.dns import encode_query, parse_reply
from probes.wire.mtproto import Transport, encode_frame, encode_req_pq_multi, frame_length, parse_res_pq

HERE = Endpoint(address="192.0.2.1", port=443)
DEADLINE_S = 2.0
FEW = settings(max_examples=60, deadline=None)
Measure = Callable[[ObservationLog, PlainStream], Awaitable[Any]]


def mutated(valid: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with some changed, cut or repeated."""

    def change(edits: list[tuple[int, int]], cut: int, again: int) -> bytes:
        data = bytearray(valid)
        for place, value in edits:
            data[place % len(data)] = value
        return bytes(data[: cut % (len(data) + 1) or len(data)]) + bytes(data[:again])

    places = st.integers(0, max(0, len(valid) - 1))
    edits = st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)
    return st.builds(change, edits, st.integers(0, len(valid)), st.integers(0, 8))


def answered_with(data: bytes, measure: Measure) -> Any:
    """Measure over a socket whose other end sends these bytes and closes."""

    async def run() -> Any:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs, PlainStream(ours) as stream:
            theirs.sendall(data)
            theirs.shutdown(socket.SHUT_WR)
            return await measure(ObservationLog(deadline_s=DEADLINE_S), stream)

    return asyncio.run(run())


# --- DNS


def valid_reply() -> bytes:
    message = dns.message.make_response(dns.message.from_wire(encode_query("t.me", "A", 4711)))
    message.answer += [
        dns.rrset.from_text("t.me.", 60, "IN", "CNAME", "a.example."),
        dns.rrset.from_text("a.example.", 60, "IN", "A", "149.154.167.99", "10.0.0.1"),
        dns.rrset.from_text("t.me.", 60, "IN", "HTTPS", '1 . alpn="h2,h3" ech="AAb63gACAAA="'),
        dns.rrset.from_text("t.me.", 60, "IN", "TXT", '"x" "y"'),
    ]
    options = [dns.edns.EDEOption(16, "ordered"), dns.edns.GenericOption(dns.edns.OptionType.NSID, b"ns1")]
    message.use_edns(0, options=options)
    return message.to_wire()


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=300), mutated(valid_reply())))
def test_dns_replies(wire: bytes) -> None:
    answer = parse_reply(wire, query_id=4711, name="t.me", arrived_s=0.0)
    if answer is not None:
        assert len(answer.addresses) <= 64 and len(answer.extended_errors) <= 8


# --- MTProto

NONCE = bytes(range(16))
RES_PQ = (
    (0).to_bytes(8, "little")
    + (5).to_bytes(8, "little")
    + (64).to_bytes(4, "little")
    + bytes.fromhex("63241605")
    + NONCE
    + NONCE[::-1]
    + b"\x08\x17\xed\x48\x94\x1a\x08\xf9\x81\0\0\0"
    + bytes.fromhex("15c4b51c01000000")
    + bytes(8)
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), mutated(RES_PQ)))
def test_answers_of_data_centres(message: bytes) -> None:
    try:
        answer = parse_res_pq(message, nonce=NONCE)
    except ProtocolError as error:
        assert error.failure is Failure.MTPROTO_BAD_REPLY
    else:
        assert answer.nonce == NONCE


@given(st.sampled_from(list(Transport)), st.binary(max_size=12))
def test_frame_headers(transport: Transport, head: bytes) -> None:
    try:
        sizes = frame_length(transport, head)
    except ProtocolError:
        return
    assert sizes is None or sum(sizes) <= 4096 + 4


@FEW
@given(st.sampled_from(list(Transport)), st.one_of(st.binary(max_size=300), mutated(RES_PQ)))
def test_streams_of_data_centres(transport: Transport, data: bytes) -> None:
    framed = data if transport is Transport.HTTP else encode_frame(Transport.INTERMEDIATE, data)

    async def measure(log: ObservationLog, stream: PlainStream) -> Any:
        return await measure_mtproto(log, stream=stream, endpoint=HERE, transport=transport)

    observation = answered_with(framed, measure)
    assert not observation.nonce_echoed
    assert observation.failure in (Failure.MTPROTO_BAD_REPLY, Failure.EOF)


def test_the_question_is_what_the_protocol_says() -> None:
    assert encode_req_pq_multi(NONCE, unix_time_s=1.0)[20:24] == bytes.fromhex("f18e7ebe")


# --- HTTP

PAGE = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 302 Found\r\nLocation: /\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@FEW
@given(st.one_of(st.binary(max_size=300), mutated(PAGE), mutated(CHUNKED)))
def test_pages(data: bytes) -> None:
    async def measure(log: ObservationLog, stream: PlainStream) -> Any:
        return await measure_http(log, stream=stream, endpoint=HERE, over_tls=False, host="t.me")

    observation = answered_with(data, measure)
    assert observation.failure in (None, Failure.EOF, Failure.HTTP_BAD_REPLY, Failure.CONNECTION_RESET)
    assert observation.failure is not None or observation.status is not None


# --- TLS

ALERT = bytes.fromhex("15030300020228")
SERVER_HELLO = (
    bytes.fromhex("160303003a0200003603037070")
    + bytes(31)
    + bytes.fromhex("00130100000e002b0002030400330002001d")
)


@FEW
@given(st.one_of(st.binary(max_size=300), mutated(ALERT), mutated(SERVER_HELLO)))
def test_tls_records(data: bytes) -> None:
    trust = load_trust()

    async def measure(log: ObservationLog, stream: PlainStream) -> Any:
        observation, tls = await measure_tls(trust, log, stream=stream, endpoint=HERE, server_name="t.me")
        assert tls is None
        return observation

    observation = answered_with(data, measure)
    known = (Failure.SSL_HANDSHAKE, Failure.EOF, Failure.CONNECTION_RESET)
    assert observation.failure in known, observation.detail


# --- QUIC


@FEW
@given(st.lists(st.binary(max_size=1400), max_size=4), st.booleans())
def test_quic_datagrams(datagrams: list[bytes], as_long_header: bool) -> None:
    """Whatever a server sends instead of a handshake, the library's state stays one that can be closed."""
    client = QuicClient("t.me", HERE)
    client.start(0.0)
    # Our connection id, by which the library recognises its packets: after the other side's in what we sent.
    first = client.datagrams(0.0)[0][5:]
    ours = first[1 + first[0] :][: 1 + first[1 + first[0]]]
    try:
        for number, data in enumerate(datagrams):
            head = b"\xc0\x00\x00\x00\x01" + ours + b"\x00" if as_long_header else b""
            client.receive(head + data, 0.1 * number)
            client.datagrams(0.1 * number)
    except ProtocolError as error:
        assert error.failure in (Failure.QUIC_BAD_REPLY, Failure.QUIC_CLOSED)
    assert not client.finished
    client.close(1.0)
