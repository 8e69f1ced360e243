"""Replies of a hostile network: whatever the bytes, reading them ends, and ends without an exception."""

import struct

import dns.edns
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.wire.dns import MAX_ADDRESSES, MAX_TEXT_CHARS, MAX_TEXTS, encode_query, parse_reply

QUERY_ID = 4711
ECH = "AEX+DQBBpQAgACB/RU5hAXC3ZQsAqlbzoICmE3jQr1YmEtnt0YKcEXJYTQAEAAEAAQASY2xvdWRmbGFyZS1lY2guY29tAAA="
ERRORS = (dns.edns.EDEOption(16, "Trust Positif"), dns.edns.EDEOption(15), dns.edns.NSIDOption(b"jkt-3"))


def reply(*records: tuple[str, str, str], options: tuple[dns.edns.Option, ...] = ERRORS) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(encode_query("t.me", "A", QUERY_ID)))
    message.answer.extend(dns.rrset.from_text(name, 60, "IN", kind, data) for name, kind, data in records)
    message.use_edns(0, options=list(options))
    return message.to_wire(max_size=65_535)


VALID = (
    reply(
        ("t.me.", "CNAME", "a.example."), ("a.example.", "A", "10.10.34.35"), ("a.example.", "AAAA", "::1")
    ),
    reply(("t.me.", "HTTPS", f'1 . alpn="h2,h3" ipv4hint=149.154.167.99 ech="{ECH}"')),
    reply(("t.me.", "TXT", '"one" "two"')),
)
HEADER = struct.pack(">HHHHHH", QUERY_ID, 0x8180, 1, 0xFFFF, 0, 0xFFFF) + b"\x01t\x02me\0\0\x01\0\x01"

Edit = tuple[int, int, bytes]  # place, number of bytes that go, bytes that come
EDITS = st.lists(st.tuples(st.integers(2, 250), st.integers(0, 4), st.binary(max_size=6)), max_size=8)


@given(st.sampled_from(VALID), EDITS)
def test_mutated_replies_are_read_within_bounds(valid: bytes, edits: list[Edit]) -> None:
    wire = valid
    for at, n_gone, new in edits:
        wire = wire[:at] + new + wire[at + n_gone :]
    answer = parse_reply(wire, query_id=QUERY_ID, name="t.me", arrived_s=0.01)
    if answer is not None:
        assert answer.wire == wire
        assert len(answer.extended_errors) <= MAX_TEXTS
        assert all(len(error.text) <= MAX_TEXT_CHARS for error in answer.extended_errors)


@pytest.mark.parametrize(
    ("situation", "record"),
    [
        ("addresses", b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\x0a\x22\x23"),
        ("a type nobody knows", b"\xc0\x0c\xfe\xdc\0\x01\0\0\0\x3c\0\0"),
        ("another class", b"\xc0\x0c\0\x01\0\x03\0\0\0\x3c\0\x04\x0a\x0a\x22\x23"),
        ("an address of three bytes", b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x03\x0a\x0a\x22"),
        ("a name that points at itself", b"\xc0\x1c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x1c"),
        ("options without end", b"\0\0\x29\x10\0\0\0\0\0\xff\xff\0\x0f\xff\xff\0\x10censored"),
    ],
)
def test_the_longest_message_there_is(situation: str, record: bytes) -> None:
    wire = (HEADER + record * (65_535 // len(record)))[:65_535]
    answer = parse_reply(wire, query_id=QUERY_ID, name="t.me", arrived_s=0.01)
    assert answer is not None
    assert answer.wire == wire
    assert len(answer.addresses) <= MAX_ADDRESSES


def test_a_long_text_and_many_errors_are_cut() -> None:
    errors = tuple(dns.edns.EDEOption(17, "x" * 400) for _ in range(MAX_TEXTS + 1))
    wire = reply(("t.me.", "A", "10.10.34.35"), options=errors)
    answer = parse_reply(wire, query_id=QUERY_ID, name="t.me", arrived_s=0.01)
    assert answer is not None
    assert [len(error.text) for error in answer.extended_errors] == [MAX_TEXT_CHARS] * MAX_TEXTS
