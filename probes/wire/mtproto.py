"""MTProto before any key exists: req_pq_multi out, resPQ in (core.telegram.org/mtproto/auth_key).

unencrypted message   int64 auth_key_id = 0 | int64 message_id | int32 length | body
req_pq_multi          be7e8ef1 | int128 nonce
resPQ                 05162463 | int128 nonce | int128 server_nonce | bytes pq | vector<int64> fingerprints
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from probes.failures import ProtocolError
from probes.records import Failure

REQ_PQ_MULTI: Final = 0xBE7E8EF1
RES_PQ: Final = 0x05162463
VECTOR: Final = 0x1CB5C415
MAX_FRAME_BYTES: Final = 4096
MAX_FINGERPRINTS: Final = 64


class Transport(StrEnum):
    """How messages are framed on the stream (core.telegram.org/mtproto/mtproto-transports).

    `obfuscated` is what the app uses: intermediate framing inside a key stream, so that no byte repeats.
    `http` is framed by HTTP itself. `websocket` is the web app's: the app's own framing inside WebSocket.
    """

    ABRIDGED = "abridged"
    INTERMEDIATE = "intermediate"
    PADDED = "padded"
    OBFUSCATED = "obfuscated"
    HTTP = "http"
    WEBSOCKET = "websocket"


PREAMBLE: Final = {
    Transport.ABRIDGED: b"\xef",
    Transport.INTERMEDIATE: b"\xee" * 4,
    Transport.PADDED: b"\xdd" * 4,
}
MAX_PADDING_BYTES: Final = 15

# No such key, too many connections, no such data centre (core.telegram.org/mtproto/mtproto-transports).
TRANSPORT_ERRORS: Final = frozenset({-404, -429, -444})


class TransportError(ProtocolError):
    """The server's answer is a documented error code instead of a message."""

    def __init__(self, code: int) -> None:
        super().__init__(Failure.MTPROTO_TRANSPORT_ERROR, f"transport error {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class ResPq:
    """A data centre's answer; `nonce` must be ours."""

    nonce: bytes
    server_nonce: bytes
    fingerprints: tuple[str, ...]


def encode_req_pq_multi(nonce: bytes, *, unix_time_s: float) -> bytes:
    """Return the unencrypted message that asks for resPQ; its id carries the time, low bits 0."""
    message_id = int(unix_time_s * 2**32) & ~3
    body = struct.pack("<I", REQ_PQ_MULTI) + nonce
    return struct.pack("<qqi", 0, message_id, len(body)) + body


def encode_frame(transport: Transport, message: bytes) -> bytes:
    """Return a message framed for the transport, without its preamble and without padding."""
    if transport is not Transport.ABRIDGED:
        return struct.pack("<I", len(message)) + message
    n_words = len(message) // 4
    return (bytes([n_words]) if n_words < 127 else b"\x7f" + n_words.to_bytes(3, "little")) + message


def frame_length(transport: Transport, head: bytes) -> tuple[int, int] | None:
    """Return (bytes of header, bytes of message) read from the first bytes of a frame, None if too few.

    Errors: ProtocolError when the length is beyond what resPQ can need, or when what follows it is not an
            unencrypted message: waiting for the rest of what only looks like a frame would look like silence.
    """
    if transport is not Transport.ABRIDGED:
        if len(head) < 4:
            return None
        header, length = 4, struct.unpack_from("<I", head)[0] & 0x7FFFFFFF
    else:
        if not head or (head[0] & 0x7F == 0x7F and len(head) < 4):
            return None
        long = head[0] & 0x7F == 0x7F
        header = 4 if long else 1
        length = 4 * (int.from_bytes(head[1:4], "little") if long else head[0] & 0x7F)
    if length > MAX_FRAME_BYTES:
        raise ProtocolError(Failure.MTPROTO_BAD_REPLY, f"frame of {length} bytes")
    auth_key_id = head[header : header + 8]
    if length > 4 + MAX_PADDING_BYTES and any(auth_key_id):
        raise ProtocolError(Failure.MTPROTO_BAD_REPLY, "not an unencrypted message")
    return header, length


def parse_res_pq(message: bytes, *, nonce: bytes) -> ResPq:
    """Return the resPQ of an unencrypted message, every field checked.

    Errors: ProtocolError that says which check failed; TransportError for one negative int32 of those that
            are documented.
    """
    try:
        return _parse_res_pq(message, nonce)
    except (struct.error, IndexError) as error:
        raise ProtocolError(Failure.MTPROTO_BAD_REPLY, f"cut short at {len(message)} bytes") from error


def _parse_res_pq(message: bytes, nonce: bytes) -> ResPq:
    def check(good: bool, what: str) -> None:
        if not good:
            raise ProtocolError(Failure.MTPROTO_BAD_REPLY, what)

    # A padded frame is a few bytes longer than its message.
    if 4 <= len(message) <= 4 + MAX_PADDING_BYTES:
        code: int = struct.unpack_from("<i", message)[0]
        if code in TRANSPORT_ERRORS:
            raise TransportError(code)
        check(False, f"a code {code} of no meaning known")
    auth_key_id, message_id, length = struct.unpack_from("<qqi", message)
    body = message[20:]
    check(auth_key_id == 0 and 0 < length <= len(body), "not an unencrypted message")
    check(message_id % 4 == 1, f"message id {message_id} is not a server's answer")
    check(struct.unpack_from("<I", body)[0] == RES_PQ, "not resPQ")
    check(body[4:20] == nonce, "wrong nonce")
    pq_length = body[36]
    check(pq_length < 254, "pq longer than 253 bytes")
    at = 36 + 4 * ((1 + pq_length + 3) // 4)
    constructor, n = struct.unpack_from("<II", body, at)
    check(constructor == VECTOR and n <= MAX_FINGERPRINTS, "no vector of fingerprints")
    fingerprints = struct.unpack_from(f"<{n}Q", body, at + 8)
    return ResPq(body[4:20], body[20:36], tuple(f"{value:016x}" for value in fingerprints))
