"""Packets as bytes: read, forged, and their checksums."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.packets import (
    MAX_SEGMENT_BYTES,
    PROTO_TCP,
    PROTO_UDP,
    Packet,
    TcpFlag,
    encode_packet,
    forge_reset_to_server,
    forge_tcp_answer,
    forge_udp_answer,
    internet_checksum,
    parse_packet,
)

# A busy machine must not fail the test.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
CLIENT, SERVER = IPv4Address("10.1.1.2"), IPv4Address("149.154.167.99")
ports = st.integers(0, 65535)


def datagrams_and_segments(
    address: type[IPv4Address] | type[IPv6Address], bits: int
) -> st.SearchStrategy[Packet]:
    """Return packets of one version of IP."""
    addresses = st.integers(0, 2**bits - 1).map(address)
    common = {
        "source": addresses,
        "source_port": ports,
        "destination": addresses,
        "destination_port": ports,
        "payload": st.binary(max_size=2000),
    }
    segments = st.builds(
        Packet,
        protocol=st.just(PROTO_TCP),
        seq=st.integers(0, 2**32 - 1),
        ack=st.integers(0, 2**32 - 1),
        flags=st.integers(0, 31).map(TcpFlag),
        **common,
    )
    return st.one_of(segments, st.builds(Packet, protocol=st.just(PROTO_UDP), **common))


packets_v4 = datagrams_and_segments(IPv4Address, 32)
packets_v6 = datagrams_and_segments(IPv6Address, 128)


def request(payload: bytes = b"GET / HTTP/1.1\r\n\r\n") -> Packet:
    return Packet(
        protocol=PROTO_TCP,
        source=CLIENT,
        source_port=40000,
        destination=SERVER,
        destination_port=80,
        payload=payload,
        seq=2**32 - 4,
        ack=7000,
        flags=TcpFlag.ACK | TcpFlag.PSH,
    )


@unhurried
@given(st.one_of(packets_v4, packets_v6))
def test_what_is_encoded_reads_back(packet: Packet) -> None:
    assert parse_packet(encode_packet(packet)) == packet


@unhurried
@given(packets_v4)
def test_checksums_hold(packet: Packet) -> None:
    wire = encode_packet(packet)
    assert internet_checksum(wire[:20]) == 0
    pseudo = wire[12:20] + bytes([0, packet.protocol]) + (len(wire) - 20).to_bytes(2)
    assert internet_checksum(pseudo + wire[20:]) == 0


@unhurried
@given(packets_v6)
def test_checksums_hold_over_ipv6(packet: Packet) -> None:
    wire = encode_packet(packet)
    # RFC 8200 section 8.1: length and next header as 32 bits each.
    pseudo = wire[8:40] + (len(wire) - 40).to_bytes(4) + packet.protocol.to_bytes(4)
    assert internet_checksum(pseudo + wire[40:]) == 0


def test_a_packet_has_one_version_of_ip() -> None:
    mixed = replace(request(), source=IPv6Address("fd00:1:1::2"))
    with pytest.raises(ValueError, match="one version of IP"):
        encode_packet(mixed)


def test_ipv6_with_an_extension_header_is_not_read() -> None:
    wire = encode_packet(
        replace(request(), source=IPv6Address("fd00:1:1::2"), destination=IPv6Address("2001:67c:4e8:f004::9"))
    )
    hop_by_hop = 0
    assert parse_packet(wire[:6] + bytes([hop_by_hop]) + wire[7:]) is None


def test_a_packet_is_sent_with_the_hop_limit_asked_for() -> None:
    assert encode_packet(request(), ttl=128)[8] == 128
    assert internet_checksum(encode_packet(request(), ttl=128)[:20]) == 0


def test_checksum_of_the_rfc_1071_example() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF


@unhurried
@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    parse_packet(data)


@pytest.mark.parametrize(
    ("situation", "change"),
    [
        ("cut in the header", lambda wire: wire[:19]),
        ("no version of IP", lambda wire: b"\x55" + wire[1:]),
        ("a later fragment", lambda wire: wire[:6] + b"\x00\x01" + wire[8:]),
        ("ICMP", lambda wire: wire[:9] + b"\x01" + wire[10:]),
    ],
)
def test_what_is_no_whole_udp_or_tcp_packet(situation: str, change: object) -> None:
    assert callable(change)
    assert parse_packet(change(encode_packet(request()))) is None


def test_forged_udp_answer_comes_from_whoever_was_asked() -> None:
    query = Packet(
        protocol=PROTO_UDP, source=CLIENT, source_port=5000, destination=SERVER, destination_port=53
    )
    forged = forge_udp_answer(query, b"answer")
    assert (forged.source, forged.source_port) == (SERVER, 53)
    assert (forged.destination, forged.destination_port) == (CLIENT, 5000)


def test_forged_tcp_answer_continues_the_stream_and_ends_it() -> None:
    asked = request(b"12345678")
    body = bytes(range(256)) * 12
    segments = forge_tcp_answer(asked, body)
    assert b"".join(segment.payload for segment in segments) == body
    assert [segment.seq for segment in segments] == [
        7000 + index * MAX_SEGMENT_BYTES for index in range(len(segments))
    ]
    # The sequence space wraps: four bytes before its end, eight bytes on.
    assert {segment.ack for segment in segments} == {4}
    assert [bool(segment.flags & TcpFlag.FIN) for segment in segments] == [False, False, True]


def test_forged_reset_stands_where_the_server_waits() -> None:
    reset = forge_reset_to_server(request())
    assert (reset.source, reset.destination, reset.seq) == (CLIENT, SERVER, 2**32 - 4)
    assert reset.flags & TcpFlag.RST


def test_too_long_a_packet_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 65495 bytes"):
        encode_packet(request(b"x" * 65496))
