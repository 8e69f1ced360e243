"""DNS replies: what answers our query is kept whole, and nothing else counts as an answer."""

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.records import DnsAnswer, Failure
from probes.wire.dns import answer_failure, encode_query, parse_reply

QUERY_ID = 4711


def reply(*rrsets: dns.rrset.RRset, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    message = dns.message.make_response(dns.message.from_wire(encode_query("t.me", "A", QUERY_ID)))
    message.set_rcode(rcode)
    message.answer.extend(rrsets)
    return message.to_wire()


def parse(wire: bytes, **other: object) -> DnsAnswer | None:
    asked = {"query_id": QUERY_ID, "name": "t.me", "arrived_s": 0.01} | other
    return parse_reply(wire, **asked)  # type: ignore[arg-type]


def truncated(wire: bytes) -> bytes:
    return bytes([*wire[:2], wire[2] | 2, *wire[3:]])


A = dns.rrset.from_text("t.me.", 60, "IN", "A", "149.154.167.99")
CNAME = dns.rrset.from_text("t.me.", 30, "IN", "CNAME", "internet-positif.org.")
A_OF_CNAME = dns.rrset.from_text("internet-positif.org.", 60, "IN", "A", "118.97.116.27")


def test_address_with_its_ttl() -> None:
    answer = parse(reply(A))
    assert answer is not None
    assert (answer.addresses, answer.ttl_s, answer.rcode) == (("149.154.167.99",), 60, "NOERROR")
    assert answer.wire == reply(A)


def test_cname_chain_is_kept_for_block_pages_hide_behind_it() -> None:
    answer = parse(reply(CNAME, A_OF_CNAME))
    assert answer is not None
    assert answer.cnames == ("internet-positif.org",)
    assert answer.addresses == ("118.97.116.27",)
    assert answer.ttl_s == 30


def test_whether_it_was_truncated() -> None:
    whole, cut = parse(reply(A)), parse(truncated(reply(A)))
    assert whole is not None and cut is not None
    assert (whole.truncated, cut.truncated) == (False, True)


@pytest.mark.parametrize(
    ("situation", "wire", "failure"),
    [
        ("address", reply(A), None),
        ("no such name", reply(rcode=dns.rcode.NXDOMAIN), Failure.DNS_NXDOMAIN),
        ("server failure", reply(rcode=dns.rcode.SERVFAIL), Failure.DNS_SERVFAIL),
        ("refused", reply(rcode=dns.rcode.REFUSED), Failure.DNS_REFUSED),
        ("no address", reply(), Failure.DNS_NO_ANSWER),
        ("truncated to nothing", truncated(reply()), Failure.DNS_TRUNCATED),
        ("truncated after the address", truncated(reply(A)), None),
        ("a truncated denial", truncated(reply(rcode=dns.rcode.NXDOMAIN)), Failure.DNS_NXDOMAIN),
        ("odd code", reply(rcode=dns.rcode.NOTIMP), Failure.DNS_BAD_REPLY),
    ],
)
def test_what_an_answer_amounts_to(situation: str, wire: bytes, failure: Failure | None) -> None:
    answer = parse(wire)
    assert answer is not None
    assert answer_failure(answer) is failure


@pytest.mark.parametrize(
    ("situation", "wire", "asked"),
    [
        ("another id", reply(A), {"query_id": 1}),
        ("another question", reply(A), {"name": "example.com"}),
        ("a query, not a reply", encode_query("t.me", "A", QUERY_ID), {}),
        ("nothing", b"", {}),
    ],
)
def test_what_is_no_answer_to_our_query(situation: str, wire: bytes, asked: dict[str, object]) -> None:
    assert parse(wire, **asked) is None


@given(st.binary(max_size=600))
def test_random_bytes_never_crash(wire: bytes) -> None:
    parse(wire)


@given(st.integers(0, 70), st.integers(0, 255))
def test_one_changed_byte_never_crashes(at: int, value: int) -> None:
    wire = bytearray(reply(CNAME, A_OF_CNAME))
    wire[at % len(wire)] = value
    parse(bytes(wire))
