"""UDP and TCP packets over IPv4 and IPv6 as bytes: what the lab's middleboxes read and forge. Pure."""

import struct
from dataclasses import dataclass
from enum import IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Final

PROTO_TCP: Final = 6
PROTO_UDP: Final = 17
_IPV6_HEADER_BYTES: Final = 40
# Below the 1,500 of every link here, less IP and TCP headers.
MAX_SEGMENT_BYTES: Final = 1400
# What fits into 65,535 bytes beside both headers at their shortest.
_MAX_PAYLOAD_BYTES: Final = 65535 - 20 - 20


class TcpFlag(IntFlag):
    NONE = 0
    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One UDP or TCP packet over IPv4 or IPv6; seq, ack and flags stay 0 for UDP."""

    protocol: int
    source: IPv4Address | IPv6Address
    source_port: int
    destination: IPv4Address | IPv6Address
    destination_port: int
    payload: bytes = b""
    seq: int = 0
    ack: int = 0
    flags: TcpFlag = TcpFlag.NONE


def internet_checksum(data: bytes) -> int:
    """Return the 16-bit one's complement checksum. Source: RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse_packet(data: bytes) -> Packet | None:
    """Read an IP packet; None when it is another protocol, a later fragment, cut short, or IPv6 with
    extension headers."""
    version = data[0] >> 4 if data else 0
    source: IPv4Address | IPv6Address
    destination: IPv4Address | IPv6Address
    # A length of 0 is how an aggregated (GSO) packet beyond 64 kB states itself.
    if version == 4 and len(data) >= 20:
        header_bytes = (data[0] & 15) * 4
        fragment_offset = int.from_bytes(data[6:8]) & 0x1FFF
        if fragment_offset or header_bytes < 20:
            return None
        body = data[header_bytes : int.from_bytes(data[2:4]) or len(data)]
        protocol = data[9]
        source, destination = IPv4Address(data[12:16]), IPv4Address(data[16:20])
    elif version == 6 and len(data) >= _IPV6_HEADER_BYTES:
        body = data[_IPV6_HEADER_BYTES:][: int.from_bytes(data[4:6]) or len(data)]
        protocol = data[6]
        source, destination = IPv6Address(data[8:24]), IPv6Address(data[24:40])
    else:
        return None
    if len(body) < {PROTO_UDP: 8, PROTO_TCP: 20}.get(protocol, 1 << 30):
        return None
    source_port, destination_port = struct.unpack_from(">HH", body)
    seq = ack = 0
    flags = TcpFlag.NONE
    payload = body[8:]
    if protocol == PROTO_TCP:
        seq, ack = struct.unpack_from(">II", body, 4)
        flags = TcpFlag(body[13] & 0x1F)
        payload = body[(body[12] >> 4) * 4 :]
    return Packet(
        protocol=protocol,
        source=source,
        source_port=source_port,
        destination=destination,
        destination_port=destination_port,
        payload=payload,
        seq=seq,
        ack=ack,
        flags=flags,
    )


def encode_packet(packet: Packet, *, ttl: int = 64) -> bytes:
    """Return the packet as it goes on the wire, checksums filled in. Errors: ValueError when too long."""
    encode_body = {PROTO_UDP: _encode_udp, PROTO_TCP: _encode_tcp}.get(packet.protocol)
    if encode_body is None:
        raise ValueError(f"protocol: expected {PROTO_TCP} or {PROTO_UDP}, got {packet.protocol}")
    if len(packet.payload) > _MAX_PAYLOAD_BYTES:
        raise ValueError(f"payload: expected at most {_MAX_PAYLOAD_BYTES} bytes, got {len(packet.payload)}")
    if packet.source.version != packet.destination.version:
        raise ValueError(f"packet: expected one version of IP, got {packet.source} and {packet.destination}")
    body = encode_body(packet)
    if packet.source.version == 6:
        header = struct.pack(
            ">IHBB16s16s",
            6 << 28,
            len(body),
            packet.protocol,
            ttl,
            packet.source.packed,
            packet.destination.packed,
        )
        return header + body
    dont_fragment = 0x4000
    header = struct.pack(
        ">BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(body),
        0,
        dont_fragment,
        ttl,
        packet.protocol,
        0,
        packet.source.packed,
        packet.destination.packed,
    )
    return header[:10] + internet_checksum(header).to_bytes(2) + header[12:] + body


def _pseudo_header(packet: Packet, length: int) -> bytes:
    # The checksum does not see that IPv6 gives length and protocol 32 bits each: the rest is zero.
    return packet.source.packed + packet.destination.packed + struct.pack(">BBH", 0, packet.protocol, length)


def _encode_udp(packet: Packet) -> bytes:
    length = 8 + len(packet.payload)
    header = struct.pack(">HHHH", packet.source_port, packet.destination_port, length, 0)
    # Zero means "no checksum" in UDP, so a computed zero is sent as all ones (RFC 768).
    checksum = internet_checksum(_pseudo_header(packet, length) + header + packet.payload) or 0xFFFF
    return header[:6] + checksum.to_bytes(2) + packet.payload


def _encode_tcp(packet: Packet) -> bytes:
    header = struct.pack(
        ">HHIIBBHHH",
        packet.source_port,
        packet.destination_port,
        packet.seq % 2**32,
        packet.ack % 2**32,
        5 << 4,
        packet.flags,
        0xFFFF,
        0,
        0,
    )
    length = len(header) + len(packet.payload)
    checksum = internet_checksum(_pseudo_header(packet, length) + header + packet.payload)
    return header[:16] + checksum.to_bytes(2) + header[18:] + packet.payload


def forge_udp_answer(query: Packet, payload: bytes) -> Packet:
    """Return the packet that claims to be the asked server's answer."""
    return Packet(
        protocol=PROTO_UDP,
        source=query.destination,
        source_port=query.destination_port,
        destination=query.source,
        destination_port=query.source_port,
        payload=payload,
    )


def forge_tcp_answer(request: Packet, payload: bytes) -> tuple[Packet, ...]:
    """Return segments that claim to be the server's whole answer and its end of the connection (FIN)."""
    pieces = [
        payload[start : start + MAX_SEGMENT_BYTES] for start in range(0, len(payload), MAX_SEGMENT_BYTES)
    ] or [b""]
    segments = []
    seq = request.ack
    for index, piece in enumerate(pieces):
        is_last = index == len(pieces) - 1
        segments.append(
            Packet(
                protocol=PROTO_TCP,
                source=request.destination,
                source_port=request.destination_port,
                destination=request.source,
                destination_port=request.source_port,
                payload=piece,
                seq=seq,
                ack=(request.seq + len(request.payload)) % 2**32,
                flags=TcpFlag.ACK | TcpFlag.PSH | (TcpFlag.FIN if is_last else TcpFlag.NONE),
            )
        )
        seq = (seq + len(piece)) % 2**32
    return tuple(segments)


def forge_reset_to_server(request: Packet) -> Packet:
    """Return the reset that claims to come from the client, so that the server forgets the connection."""
    return Packet(
        protocol=PROTO_TCP,
        source=request.source,
        source_port=request.source_port,
        destination=request.destination,
        destination_port=request.destination_port,
        seq=request.seq,
        ack=request.ack,
        flags=TcpFlag.RST | TcpFlag.ACK,
    )
