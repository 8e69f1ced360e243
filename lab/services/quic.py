"""The one thing a QUIC server says without keys: Version Negotiation."""

import struct
from typing import Final

_LONG_HEADER: Final = 0x80
_MIN_BYTES: Final = 1200
_MAX_CONNECTION_ID_BYTES: Final = 20
_VERSION_1: Final = 0x00000001


def answer_quic(datagram: bytes) -> bytes | None:
    """Return a Version Negotiation packet offering version 1 to a long-header packet of another version.

    None for anything shorter than 1,200 bytes, a short header, version 1 itself (a real handshake is not
    played here) and Version Negotiation. Source: RFC 9000 sections 6, 14.1 and 17.2.1.
    """
    if len(datagram) < _MIN_BYTES or not datagram[0] & _LONG_HEADER:
        return None
    version = int.from_bytes(datagram[1:5])
    if version in (0, _VERSION_1):
        return None
    destination_bytes = datagram[5]
    source_at = 6 + destination_bytes
    source_bytes = datagram[source_at]
    if max(destination_bytes, source_bytes) > _MAX_CONNECTION_ID_BYTES:
        return None
    destination = datagram[6:source_at]
    source = datagram[source_at + 1 : source_at + 1 + source_bytes]
    # The ids change places: the answer goes to whoever called itself `source`.
    return b"".join(
        (
            b"\xc0\x00\x00\x00\x00",
            bytes([source_bytes]),
            source,
            bytes([destination_bytes]),
            destination,
            struct.pack(">I", _VERSION_1),
        )
    )
