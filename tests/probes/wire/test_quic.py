"""Version negotiation: only an answer that swaps our connection ids counts."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.quic import encode_unknown_version, parse_version_negotiation

DESTINATION, SOURCE = b"DDDDDDDD", b"SSSSSSSS"


def negotiation(*versions: int, first: int = 0x80, ids: bytes = b"\x08SSSSSSSS\x08DDDDDDDD") -> bytes:
    return bytes([first]) + bytes(4) + ids + b"".join(struct.pack(">I", v) for v in versions)


def test_packet_is_long_enough_to_be_answered() -> None:
    packet = encode_unknown_version(DESTINATION, SOURCE)
    assert len(packet) == 1200
    assert packet[0] & 0xC0 == 0xC0
    assert packet[5:23] == b"\x08DDDDDDDD\x08SSSSSSSS"


@pytest.mark.parametrize(
    ("situation", "packet", "versions"),
    [
        ("QUIC 1 offered", negotiation(1), (1,)),
        ("QUIC 1 and 2", negotiation(1, 0x6B3343CF), (1, 0x6B3343CF)),
        ("ids not swapped", negotiation(1, ids=b"\x08DDDDDDDD\x08SSSSSSSS"), None),
        ("short header", negotiation(1, first=0x40), None),
        ("our own packet echoed", encode_unknown_version(DESTINATION, SOURCE), None),
        ("empty", b"", None),
    ],
)
def test_answers(situation: str, packet: bytes, versions: tuple[int, ...] | None) -> None:
    assert parse_version_negotiation(packet, destination_id=DESTINATION, source_id=SOURCE) == versions


@given(st.binary(max_size=200))
def test_random_bytes_are_no_negotiation(packet: bytes) -> None:
    assert parse_version_negotiation(packet, destination_id=DESTINATION, source_id=SOURCE) is None
