"""req_pq_multi and resPQ against bytes built by hand from the published schema."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.failures import ProtocolError
from probes.wire.mtproto import (
    MAX_FRAME_BYTES,
    Transport,
    encode_frame,
    encode_req_pq_multi,
    frame_length,
    parse_res_pq,
)

NONCE = bytes(range(16))
FINGERPRINT = 0xD09D1D85DE64FD85


def res_pq(
    *,
    nonce: bytes = NONCE,
    message_id: int = 1,
    auth_key_id: int = 0,
    constructor: int = 0x05162463,
    fingerprints: tuple[int, ...] = (FINGERPRINT,),
) -> bytes:
    body = struct.pack("<I", constructor) + nonce + bytes(16) + b"\x08" + bytes(8) + bytes(3)
    body += struct.pack("<II", 0x1CB5C415, len(fingerprints))
    body += b"".join(struct.pack("<Q", f) for f in fingerprints)
    return struct.pack("<qqi", auth_key_id, message_id, len(body)) + body


def test_question_is_forty_bytes_with_the_nonce_at_the_end() -> None:
    question = encode_req_pq_multi(NONCE, unix_time_s=1_500_000_000.5)
    assert len(question) == 40
    assert question[:8] == bytes(8)
    assert question[20:24] == bytes.fromhex("f18e7ebe")
    assert question[24:] == NONCE
    message_id = struct.unpack_from("<q", question, 8)[0]
    assert message_id % 4 == 0 and message_id >> 32 == 1_500_000_000


@pytest.mark.parametrize(
    ("transport", "head"), [(Transport.ABRIDGED, b"\x0a"), (Transport.INTERMEDIATE, b"\x28\0\0\0")]
)
def test_frame_of_the_question(transport: Transport, head: bytes) -> None:
    frame = encode_frame(transport, bytes(40))
    assert frame == head + bytes(40)
    assert frame_length(transport, frame) == (len(head), 40)


def test_good_answer() -> None:
    answer = parse_res_pq(res_pq(), nonce=NONCE)
    assert answer.fingerprints == ("d09d1d85de64fd85",)


@pytest.mark.parametrize(
    ("situation", "message", "says"),
    [
        ("somebody else's nonce", res_pq(nonce=bytes(16)), "wrong nonce"),
        ("transport error", struct.pack("<i", -404), "transport error -404"),
        ("a client's message id", res_pq(message_id=4), "not a server's answer"),
        ("another constructor", res_pq(constructor=1), "not resPQ"),
        ("an encrypted message", res_pq(auth_key_id=7), "not an unencrypted message"),
        ("too many fingerprints", res_pq(fingerprints=(1,) * 65), "no vector"),
        ("cut short", res_pq()[:40], "not an unencrypted message"),
        ("empty", b"", "cut short"),
    ],
)
def test_answers_that_prove_nothing(situation: str, message: bytes, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        parse_res_pq(message, nonce=NONCE)


@given(st.binary(max_size=400))
def test_random_bytes_never_pass_and_never_crash(message: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_res_pq(message, nonce=NONCE)


@given(st.sampled_from(list(Transport)), st.binary(max_size=8))
def test_random_frame_heads_are_bounded(transport: Transport, head: bytes) -> None:
    try:
        sizes = frame_length(transport, head)
    except ProtocolError:
        return
    assert sizes is None or sizes[1] <= MAX_FRAME_BYTES


@given(st.integers(0, 112), st.integers(0, 255))
def test_one_changed_byte_never_passes_with_a_wrong_nonce(at: int, value: int) -> None:
    message = bytearray(res_pq())
    at %= len(message)
    message[at] = value
    try:
        answer = parse_res_pq(bytes(message), nonce=NONCE)
    except ProtocolError:
        return
    assert answer.nonce == NONCE
