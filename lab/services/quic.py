"""QUIC before a connection exists: Version Negotiation, and the server name of a ClientHello."""

import struct
from typing import Final

from aioquic._buffer import Buffer
from aioquic._crypto import CryptoError
from aioquic.quic.crypto import CryptoPair
from aioquic.quic.packet import QuicFrameType, QuicPacketType, pull_quic_header
from aioquic.tls import Alert, pull_client_hello

_LONG_HEADER: Final = 0x80
_MIN_BYTES: Final = 1200
_MAX_CONNECTION_ID_BYTES: Final = 20
_VERSION_1: Final = 0x00000001


def is_version_1(datagram: bytes) -> bool:
    """Return whether a datagram starts with a packet of version 1, or with one that names no version."""
    return bool(datagram) and (not datagram[0] & _LONG_HEADER or int.from_bytes(datagram[1:5]) == _VERSION_1)


def read_server_name(datagram: bytes) -> str | None:
    """Return the name in the ClientHello of a client's first Initial packet, lower case; None when the
    datagram starts with anything else, or with a part of a ClientHello.

    Source: RFC 9001 section 5.2 (whoever sees the packet can derive its keys), RFC 9000 section 19.6.
    """
    if len(datagram) < _MIN_BYTES or not datagram[0] & _LONG_HEADER or not is_version_1(datagram):
        return None
    try:
        buffer = Buffer(data=datagram)
        header = pull_quic_header(buffer, host_cid_length=8)
        if header.packet_type != QuicPacketType.INITIAL:
            return None
        keys = CryptoPair()
        keys.setup_initial(cid=header.destination_cid, is_client=False, version=_VERSION_1)
        _, payload, _ = keys.decrypt_packet(datagram[: header.packet_length], buffer.tell(), 0)
        name = pull_client_hello(Buffer(data=_crypto_stream(payload))).server_name
    except (ValueError, CryptoError, Alert):
        return None
    return name.lower() if name else None


def _crypto_stream(payload: bytes) -> bytes:
    """Return the CRYPTO bytes of a packet, put in order. Errors: ValueError for a frame not of an Initial."""
    buffer = Buffer(data=payload)
    pieces: dict[int, bytes] = {}
    while not buffer.eof():
        frame = buffer.pull_uint_var()
        if frame == QuicFrameType.CRYPTO:
            offset = buffer.pull_uint_var()
            pieces[offset] = buffer.pull_bytes(buffer.pull_uint_var())
        elif frame not in (QuicFrameType.PADDING, QuicFrameType.PING):
            raise ValueError(f"QUIC frame: expected CRYPTO, PADDING or PING, got {frame}")
    return b"".join(pieces[offset] for offset in sorted(pieces))


def answer_quic(datagram: bytes) -> bytes | None:
    """Return a Version Negotiation packet offering version 1 to a long-header packet of another version.

    None for anything shorter than 1,200 bytes, a short header, version 1 itself (`lab.services.http3`
    serves it) and Version Negotiation. Source: RFC 9000 sections 6, 14.1 and 17.2.1.
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
