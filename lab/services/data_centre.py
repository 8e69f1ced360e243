"""A Telegram data centre, up to the exchange of keys: it answers `req_pq_multi` with `resPQ`.

Transports: abridged, intermediate, padded intermediate, full; the first three also obfuscated; HTTP.
Source: core.telegram.org/mtproto/mtproto-transports and /mtproto/auth_key.
"""

import asyncio
import os
import struct
import time
import zlib
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from lab.services.listen import Handler

_REQ_PQ: Final = 0x60469778
_REQ_PQ_MULTI: Final = 0xBE7E8EF1
_RES_PQ: Final = 0x05162463
_VECTOR: Final = 0x1CB5C415
# Fingerprints of the RSA keys that production data centres offer.
_KEY_FINGERPRINTS: Final = (0xD09D1D85DE64FD85, 0xC3B42B026CE86B21)
_PQ: Final = 0x17ED48941A08F981
_MAX_FRAME_BYTES: Final = 4096
_ENVELOPE_BYTES: Final = 20
# The methods by which a data centre knows HTTP, as far as the first four bytes tell.
_METHODS: Final = frozenset({b"POST", b"GET ", b"HEAD", b"OPTI"})
_WORDS: Final = {404: "Not Found", 411: "Length Required", 501: "Not Implemented"}
_NGINX: Final = "nginx/0.3.33"


class Transport(StrEnum):
    ABRIDGED = "abridged"
    INTERMEDIATE = "intermediate"
    PADDED = "padded"
    FULL = "full"


_TAGS: Final = {
    b"\xef" * 4: Transport.ABRIDGED,
    b"\xee" * 4: Transport.INTERMEDIATE,
    b"\xdd" * 4: Transport.PADDED,
}


class Sink(Protocol):
    """Where the answers go: a connection, or the messages inside one."""

    def write(self, data: bytes, /) -> None: ...

    async def drain(self) -> None: ...


class _Stream:
    """The connection's bytes, deciphered and ciphered when the client asked for obfuscation."""

    def __init__(self, reader: asyncio.StreamReader, writer: Sink) -> None:
        self._reader = reader
        self._writer = writer
        self._ready = b""
        self._decipher: Callable[[bytes], bytes] = bytes
        self._cipher: Callable[[bytes], bytes] = bytes

    async def read(self, n_bytes: int) -> bytes:
        taken, self._ready = self._ready[:n_bytes], self._ready[n_bytes:]
        if len(taken) < n_bytes:
            taken += self._decipher(await self._reader.readexactly(n_bytes - len(taken)))
        return taken

    def put_back(self, data: bytes) -> None:
        self._ready = data + self._ready

    async def write(self, data: bytes) -> None:
        self._writer.write(self._cipher(data))
        await self._writer.drain()

    def start_obfuscation(self, init: bytes) -> bytes:
        """Key both directions from the client's 64 bytes; return the transport tag found in them."""
        incoming = _keystream(init[8:40], init[40:56])
        reverse = init[8:56][::-1]
        outgoing = _keystream(reverse[:32], reverse[32:48])
        self._decipher, self._cipher = incoming.update, outgoing.update
        return incoming.update(init)[56:60]


def _keystream(key: bytes, nonce: bytes) -> CipherContext:
    return Cipher(algorithms.AES(key), modes.CTR(nonce)).encryptor()


def answer_message(message: bytes) -> bytes:
    """Return the unencrypted `resPQ` message for an unencrypted `req_pq` or `req_pq_multi`.

    Errors: ValueError for any other message; Telegram closes the connection then.
    """
    if len(message) < _ENVELOPE_BYTES + 20:
        raise ValueError(f"MTProto message: expected at least 40 bytes, got {len(message)}")
    key_id, message_id, length, constructor = struct.unpack_from("<qqiI", message)
    if key_id != 0 or message_id % 4 != 0 or length != 20 or constructor not in (_REQ_PQ, _REQ_PQ_MULTI):
        raise ValueError("MTProto message: expected an unencrypted req_pq")
    nonce = message[_ENVELOPE_BYTES + 4 : _ENVELOPE_BYTES + 20]
    pq = _PQ.to_bytes(8)
    padded_pq = bytes([len(pq)]) + pq + b"\0" * (-(len(pq) + 1) % 4)
    body = (
        struct.pack("<I", _RES_PQ)
        + nonce
        + os.urandom(16)
        + padded_pq
        + struct.pack(f"<II{len(_KEY_FINGERPRINTS)}Q", _VECTOR, len(_KEY_FINGERPRINTS), *_KEY_FINGERPRINTS)
    )
    # A server's answer to a client has an id that is 1 modulo 4.
    answer_id = (int(time.time() * 2**32) & ~3) | 1
    return struct.pack("<qqi", 0, answer_id, len(body)) + body


# Takes the client's address and our own; returns the code to fail with, 0 for none.
ReadError = Callable[[str, str], int]


def new_data_centre(read_error: ReadError) -> Handler:
    """Return the handler of a data centre that may answer with transport errors (429 is sent as -429)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        places = (writer.get_extra_info(end)[0] for end in ("peername", "sockname"))
        await _serve(reader, writer, read_error(*places))

    return serve


async def serve_data_centre(reader: asyncio.StreamReader, writer: Sink) -> None:
    """Serve one connection until the client leaves or sends something that is not MTProto."""
    await _serve(reader, writer, 0)


async def _serve(reader: asyncio.StreamReader, writer: Sink, error: int) -> None:
    stream = _Stream(reader, writer)
    transport = await _recognise(stream)
    if transport is None:
        await _serve_http(stream, reader, error)
        return
    n_answered = 0
    while True:
        answer = answer_message(await _read_frame(stream, transport))
        if error:
            answer = struct.pack("<i", -error)
        await stream.write(_encode_frame(answer, transport, n_answered))
        n_answered += 1


async def _recognise(stream: _Stream) -> Transport | None:
    """Return the transport that the first bytes announce; None for HTTP. Errors: ValueError for neither."""
    first = await stream.read(1)
    if first == b"\xef":
        return Transport.ABRIDGED
    four = first + await stream.read(3)
    if four in (b"\xee" * 4, b"\xdd" * 4):
        return _TAGS[four]
    if four in _METHODS:
        stream.put_back(four)
        return None
    eight = four + await stream.read(4)
    if eight[4:] == b"\0" * 4:
        # Full transport starts with its first frame: length, then sequence number 0.
        stream.put_back(eight)
        return Transport.FULL
    init = eight + await stream.read(56)
    transport = _TAGS.get(stream.start_obfuscation(init))
    if transport is None:
        raise ValueError("MTProto: expected a transport announcement")
    return transport


async def _read_frame(stream: _Stream, transport: Transport) -> bytes:
    if transport is Transport.ABRIDGED:
        words = (await stream.read(1))[0] & 0x7F
        if words == 0x7F:
            words = int.from_bytes(await stream.read(3), "little")
        return await stream.read(_bounded(words * 4))
    if transport is Transport.FULL:
        head = await stream.read(8)
        body = await stream.read(_bounded(int.from_bytes(head[:4], "little") - 12))
        if zlib.crc32(head + body) != int.from_bytes(await stream.read(4), "little"):
            raise ValueError("MTProto full transport: wrong checksum")
        return body
    return await stream.read(_bounded(int.from_bytes(await stream.read(4), "little") & 0x7FFFFFFF))


def _bounded(n_bytes: int) -> int:
    if not 0 < n_bytes <= _MAX_FRAME_BYTES:
        raise ValueError(f"MTProto frame: expected 1 to {_MAX_FRAME_BYTES} bytes, got {n_bytes}")
    return n_bytes


def _encode_frame(message: bytes, transport: Transport, sequence: int) -> bytes:
    if transport is Transport.ABRIDGED:
        return bytes([len(message) // 4]) + message
    if transport is Transport.FULL:
        frame = struct.pack("<II", len(message) + 12, sequence) + message
        return frame + struct.pack("<I", zlib.crc32(frame))
    if transport is Transport.PADDED:
        message += os.urandom(os.urandom(1)[0] % 16)
    return struct.pack("<I", len(message)) + message


async def _serve_http(stream: _Stream, reader: asyncio.StreamReader, error: int) -> None:
    while True:
        head = await stream.read(4) + await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.decode("latin-1").partition(" ")
        fields = dict(line.partition(":")[::2] for line in rest.lower().split("\r\n")[1:])
        length = fields.get("content-length", "").strip()
        if method != "POST" or length == "0":
            await stream.write(_refusal(501, method))
            continue
        if not length:
            await stream.write(_refusal(411, method))
            continue
        body = await reader.readexactly(_bounded(int(length)))
        try:
            answer = answer_message(body)
        except ValueError:
            await stream.write(_refusal(404, method))
            continue
        if error:
            await stream.write(b"HTTP/1.1 %d Error\r\nContent-Length: 0\r\n\r\n" % error)
            continue
        await stream.write(
            b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Length: %d\r\n\r\n" % len(answer) + answer
        )


def _refusal(status: int, method: str) -> bytes:
    """Return what Telegram's front says to a request that is no MTProto: the words of an old nginx.

    Source: OONI's published measurements of telegram.
    """
    title = f"{status} {_WORDS[status]}"
    page = (
        f'<html>\r\n<head><title>{title}</title></head>\r\n<body bgcolor="white">\r\n'
        f"<center><h1>{title}</h1></center>\r\n<hr><center>{_NGINX}</center>\r\n</body>\r\n</html>\r\n"
    )
    head = (
        f"HTTP/1.1 {title}\r\nServer: {_NGINX}\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(page)}\r\nConnection: keep-alive\r\n\r\n"
    )
    return (head + ("" if method == "HEAD" else page)).encode()
