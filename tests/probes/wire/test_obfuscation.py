"""The key stream of obfuscated MTProto, read as a server reads it."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.obfuscation import is_allowed, start_obfuscation

TAG = b"\xee" * 4
ALLOWED = bytes(range(1, 65))


def give(*answers: bytes) -> Callable[[int], bytes]:
    left = list(answers)
    return lambda n_bytes: left.pop(0)[:n_bytes]


def stream(key: bytes, counter: bytes) -> Callable[[bytes], bytes]:
    return Cipher(algorithms.AES(key), modes.CTR(counter)).encryptor().update


@given(st.binary(min_size=64, max_size=64).filter(is_allowed), st.lists(st.binary(max_size=200), max_size=5))
def test_a_server_finds_the_tag_and_reads_what_is_said_both_ways(init: bytes, said: list[bytes]) -> None:
    client = start_obfuscation(give(init), TAG)
    head = client.head
    assert len(head) == 64 and head[:56] == init[:56]

    reading = stream(head[8:40], head[40:56])
    assert reading(head)[56:60] == TAG
    backwards = head[8:56][::-1]
    writing = stream(backwards[:32], backwards[32:48])
    for message in said:
        assert reading(client.encrypt(message)) == message
        assert client.decrypt(writing(message)) == message


@pytest.mark.parametrize(
    ("situation", "start"),
    [
        ("abridged", b"\xef"),
        ("intermediate", b"\xee" * 4),
        ("padded", b"\xdd" * 4),
        ("HEAD", b"HEAD"),
        ("POST", b"POST"),
        ("GET", b"GET "),
        ("OPTIONS", b"OPTI"),
        ("TLS", b"\x16\x03\x01\x02"),
        ("full", ALLOWED[:4] + bytes(4)),
    ],
)
def test_a_start_that_is_another_transports_is_drawn_again(situation: str, start: bytes) -> None:
    taken_for_other = start + ALLOWED[len(start) :]
    assert not is_allowed(taken_for_other)
    assert start_obfuscation(give(taken_for_other, ALLOWED), TAG).head[:56] == ALLOWED[:56]
