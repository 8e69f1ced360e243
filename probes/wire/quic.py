"""QUIC long-header packets, as far as version negotiation needs them (RFC 9000 section 17.2, RFC 8999)."""

import struct
from typing import Final

# RFC 9000 section 15: versions of this form are reserved to force negotiation.
RESERVED_VERSION: Final = 0x1A2A3A4A
MIN_DATAGRAM_BYTES: Final = 1200
MAX_VERSIONS: Final = 32


def encode_unknown_version(destination_id: bytes, source_id: bytes) -> bytes:
    """Return a long-header packet of a reserved version, padded so that a server must answer."""
    packet = (
        b"\xc0"
        + struct.pack(">I", RESERVED_VERSION)
        + bytes([len(destination_id)])
        + destination_id
        + bytes([len(source_id)])
        + source_id
    )
    return packet.ljust(MIN_DATAGRAM_BYTES, b"\0")


def parse_version_negotiation(
    packet: bytes, *, destination_id: bytes, source_id: bytes
) -> tuple[int, ...] | None:
    """Return the versions offered, or None when the bytes are not a Version Negotiation for our packet.

    The connection ids come back swapped, which proves that the peer read ours.
    """
    expected = bytes([len(source_id)]) + source_id + bytes([len(destination_id)]) + destination_id
    head = 5 + len(expected)
    if len(packet) < head or not packet[0] & 0x80 or packet[1:5] != b"\0\0\0\0" or packet[5:head] != expected:
        return None
    n = min((len(packet) - head) // 4, MAX_VERSIONS)
    return struct.unpack_from(f">{n}I", packet, head)
