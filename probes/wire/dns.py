"""DNS queries and replies through dnspython's codec (RFC 1035, EDNS RFC 6891)."""

import dns.exception
import dns.flags
import dns.message
import dns.rcode
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from probes.records import DnsAnswer, Failure

EDNS_PAYLOAD_BYTES = 1232  # DNS flag day 2020: fits every path without fragments

RCODE_TO_FAILURE = {
    "NXDOMAIN": Failure.DNS_NXDOMAIN,
    "SERVFAIL": Failure.DNS_SERVFAIL,
    "REFUSED": Failure.DNS_REFUSED,
}


def encode_query(name: str, query_type: str, query_id: int) -> bytes:
    """Return a recursive query with EDNS in wire format. Errors: DNSException for a bad name."""
    query = dns.message.make_query(name, query_type, use_edns=0, payload=EDNS_PAYLOAD_BYTES, id=query_id)
    return query.to_wire()


def parse_reply(wire: bytes, *, query_id: int, name: str, arrived_s: float) -> DnsAnswer | None:
    """Return the reply to our query, or None when the bytes are no reply to it (wrong id, other question).

    A truncated or partly broken reply still counts: what could be read is kept beside the whole wire.
    """
    try:
        message = dns.message.from_wire(wire, ignore_trailing=True, continue_on_error=True)
    except (dns.exception.DNSException, ValueError, AssertionError):
        return None
    if message.id != query_id or not message.flags & dns.flags.QR:
        return None
    if message.question and message.question[0].name.to_text(omit_final_dot=True).lower() != name.lower():
        return None
    addresses: list[str] = []
    cnames: list[str] = []
    ttls: list[int] = []
    for rrset in message.answer:
        # A record whose class or data is odd is kept by the codec as generic: it holds no address for us.
        for record in rrset:
            if isinstance(record, A | AAAA):
                addresses.append(record.address)
            elif isinstance(record, CNAME):
                cnames.append(record.target.to_text(omit_final_dot=True).lower())
        ttls.append(rrset.ttl)
    return DnsAnswer(
        arrived_s=round(arrived_s, 6),
        rcode=dns.rcode.to_text(message.rcode()),
        addresses=tuple(addresses[:64]),
        cnames=tuple(cnames[:16]),
        ttl_s=min(ttls) if ttls else None,
        wire=wire,
    )


def tcp_length(head: bytes) -> tuple[int, int] | None:
    """Return (bytes of header, bytes of message) of a message on TCP, None if too few bytes (RFC 7766)."""
    return (2, int.from_bytes(head[:2], "big")) if len(head) >= 2 else None


def answer_failure(answer: DnsAnswer) -> Failure | None:
    """Return what the first answer of a query amounts to: None when it holds an address."""
    if answer.rcode == "NOERROR":
        return None if answer.addresses else Failure.DNS_NO_ANSWER
    return RCODE_TO_FAILURE.get(answer.rcode, Failure.DNS_BAD_REPLY)
