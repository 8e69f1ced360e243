"""req_pq_multi over every transport: to a data centre that answers, and to servers that do not."""

import asyncio
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from lab.services.data_centre import serve_data_centre
from probes.records import Endpoint, Failure, MtprotoObservation
from probes.session import ObservationLog
from probes.techniques.mtproto import measure_mtproto
from probes.techniques.tcp import measure_tcp
from probes.transport.network import Network
from probes.wire.mtproto import Transport
from tests.probes.local import Serve, close, reset, say_nothing, serve

# WebSocket has a file of its own.
ALL = [t for t in Transport if t is not Transport.WEBSOCKET]
FRAMED = [Transport.ABRIDGED, Transport.INTERMEDIATE, Transport.PADDED]
BLOCK_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n<h1>No!</h1>"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: "


async def ask(handler: Serve, transport: Transport, *, patience_s: float = 5.0) -> MtprotoObservation:
    async with serve(handler) as port:
        log, endpoint = ObservationLog(deadline_s=patience_s), Endpoint(address="127.0.0.1", port=port)
        _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
        assert stream is not None
        with stream:
            return await measure_mtproto(log, stream=stream, endpoint=endpoint, transport=transport)


def after_question(then: Serve) -> Serve:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        await then(reader, writer)

    return handler


def say(data: bytes) -> Serve:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(data)

    return handler


@pytest.mark.parametrize("transport", ALL)
async def test_a_data_centre_echoes_the_nonce(transport: Transport) -> None:
    for _ in range(20):  # padding and keys are drawn anew each time
        observation = await ask(serve_data_centre, transport)
        assert observation.nonce_echoed and observation.failure is None
        assert observation.transport == transport.value
        assert observation.fingerprints


@pytest.mark.parametrize("transport", ALL)
async def test_what_announces_the_transport_and_the_question_are_one_segment(transport: Transport) -> None:
    first = b""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal first
        first = await reader.read(65536)

    await ask(handler, transport)
    starts = {
        Transport.ABRIDGED: (b"\xef\x0a", 42, 42),
        Transport.INTERMEDIATE: (b"\xee\xee\xee\xee\x28\0\0\0", 48, 48),
        Transport.PADDED: (b"\xdd\xdd\xdd\xdd", 48, 63),
        Transport.OBFUSCATED: (b"", 108, 108),
        Transport.HTTP: (b"POST /api HTTP/1.1\r\n", 80, 200),
    }
    start, least, most = starts[transport]
    assert first.startswith(start) and least <= len(first) <= most


async def test_a_page_that_stays_open_is_no_silence() -> None:
    """Read as abridged framing, `H` announces 288 bytes: more than came."""

    async def answer_and_stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await say(BLOCK_PAGE)(reader, writer)
        await reader.read()

    observation = await ask(answer_and_stay, Transport.ABRIDGED)
    assert observation.failure is Failure.MTPROTO_BAD_REPLY


@pytest.mark.parametrize("transport", ALL)
@pytest.mark.parametrize(
    ("then", "failure"),
    [(close, Failure.EOF), (reset, Failure.CONNECTION_RESET), (say_nothing, Failure.TIMEOUT)],
    ids=["closed", "reset", "silent"],
)
async def test_connections_that_bring_no_answer(transport: Transport, then: Serve, failure: Failure) -> None:
    observation = await ask(say(b"") if then is close else after_question(then), transport, patience_s=0.5)
    assert (observation.failure, observation.nonce_echoed) == (failure, False)


@pytest.mark.parametrize(
    ("situation", "transport", "data", "failure"),
    [
        *(("a block page", t, BLOCK_PAGE, Failure.MTPROTO_BAD_REPLY) for t in ALL if t in FRAMED),
        ("a block page", Transport.OBFUSCATED, BLOCK_PAGE, Failure.MTPROTO_BAD_REPLY),
        ("a block page", Transport.HTTP, BLOCK_PAGE, Failure.MTPROTO_BAD_REPLY),
        ("a frame of the right length", Transport.ABRIDGED, b"\x15" + bytes(84), Failure.MTPROTO_BAD_REPLY),
        ("a frame cut short", Transport.ABRIDGED, b"\x15" + bytes(80), Failure.EOF),
        ("half a header", Transport.INTERMEDIATE, b"\x54\0", Failure.EOF),
        ("a code of no meaning", Transport.ABRIDGED, b"\1\xff\xff\xff\xff", Failure.MTPROTO_BAD_REPLY),
        ("a code that is no error", Transport.PADDED, b"\4\0\0\0\x94\1\0\0", Failure.MTPROTO_BAD_REPLY),
        ("half a code", Transport.INTERMEDIATE, b"\4\0\0\0\x6c\xfe", Failure.EOF),
        ("a code without a frame", Transport.INTERMEDIATE, b"\x6c\xfe\xff\xff", Failure.MTPROTO_BAD_REPLY),
        ("not found", Transport.HTTP, b"HTTP/1.1 404 N\r\n\r\n", Failure.MTPROTO_BAD_REPLY),
        ("empty body", Transport.HTTP, RESPONSE + b"0\r\n\r\n", Failure.MTPROTO_BAD_REPLY),
        ("long body", Transport.HTTP, RESPONSE + b"9999\r\n\r\n" + bytes(9999), Failure.MTPROTO_BAD_REPLY),
        ("a body cut short", Transport.HTTP, RESPONSE + b"84\r\n\r\n" + bytes(80), Failure.EOF),
        ("two lengths", Transport.HTTP, RESPONSE + b"1, 2\r\n\r\n", Failure.MTPROTO_BAD_REPLY),
        ("not HTTP", Transport.HTTP, b"\0" * 100, Failure.MTPROTO_BAD_REPLY),
    ],
)
async def test_answers_that_prove_nothing(
    situation: str, transport: Transport, data: bytes, failure: Failure
) -> None:
    observation = await ask(say(data), transport)
    assert (observation.failure, observation.nonce_echoed) == (failure, False)


def frame(transport: Transport, message: bytes) -> bytes:
    """Frame a message as a server does, written down here from the documentation."""
    if transport is Transport.ABRIDGED:
        return bytes([len(message) // 4]) + message
    padding = bytes(7) if transport is Transport.PADDED else b""
    return struct.pack("<I", len(message + padding)) + message + padding


def fail_with(transport: Transport, code: int) -> Serve:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        answer = frame(transport, struct.pack("<i", code))
        if transport is Transport.OBFUSCATED:
            back = first[8:56][::-1]
            answer = Cipher(algorithms.AES(back[:32]), modes.CTR(back[32:])).encryptor().update(answer)
        writer.write(answer)

    return handler


@pytest.mark.parametrize("code", [-404, -429, -444])
@pytest.mark.parametrize("transport", [*FRAMED, Transport.OBFUSCATED])
async def test_documented_transport_errors_are_the_servers_own_word(transport: Transport, code: int) -> None:
    observation = await ask(fail_with(transport, code), transport)
    assert (observation.failure, observation.transport_error) == (Failure.MTPROTO_TRANSPORT_ERROR, code)
    assert not observation.nonce_echoed and str(code) in (observation.detail or "")


async def test_an_error_outside_the_key_stream_is_none() -> None:
    """Whoever did not read the head of the connection cannot answer inside its key stream."""
    observation = await ask(fail_with(Transport.INTERMEDIATE, -404), Transport.OBFUSCATED)
    assert (observation.failure, observation.transport_error) == (Failure.MTPROTO_BAD_REPLY, None)
