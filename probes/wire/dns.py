"""DNS queries and replies by dnspython's codec (RFC 1035, EDNS RFC 6891)."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.wire
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.HTTPS import HTTPS
from dns.rdtypes.svcbbase import ALPNParam, ParamKey

from probes.records import DnsAnswer, ExtendedError, Failure

EDNS_PAYLOAD_BYTES = 1232  # DNS flag day 2020: fits every path without fragments
# No honest reply to these questions is longer; 65,535 bytes of tiny records take a third of a second.
MAX_READ_BYTES = 4096
MAX_ADDRESSES = 64
MAX_NAMES = 16
MAX_TEXTS = 8
MAX_TEXT_CHARS = 300

RCODE_TO_FAILURE = {
    "NXDOMAIN": Failure.DNS_NXDOMAIN,
    "SERVFAIL": Failure.DNS_SERVFAIL,
    "REFUSED": Failure.DNS_REFUSED,
}
_ASK_SERVER_ID = dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")


def encode_query(name: str, query_type: str, query_id: int) -> bytes:
    """Return a recursive query with EDNS in wire format; it also asks for the server's id (RFC 5001).

    Errors: DNSException for a bad name.
    """
    return query_id.to_bytes(2, "big") + _encode_without_id(name, query_type)


@lru_cache(maxsize=1024)
def _encode_without_id(name: str, query_type: str) -> bytes:
    # The same few questions are asked in every round: encoding them took an eighth of its processor time.
    query = dns.message.make_query(
        name, query_type, use_edns=0, payload=EDNS_PAYLOAD_BYTES, options=[_ASK_SERVER_ID]
    )
    return query.to_wire()[2:]


def parse_reply(
    wire: bytes, *, query_id: int, name: str, arrived_s: float, hop_limit: int | None = None
) -> DnsAnswer | None:
    """Return the reply to our query, or None when the bytes are not a reply to it (wrong id, other question).

    A truncated or partly broken reply still counts: what could be parsed is kept beside the whole reply.
    """
    if wire[:2] != query_id.to_bytes(2, "big"):
        return None
    read = _read_reply(wire[2:MAX_READ_BYTES], name)
    if read is None:
        return None
    return replace(read, arrived_s=round(arrived_s, 6), hop_limit=hop_limit, wire=wire)


@lru_cache(maxsize=1024)
def _read_reply(without_id: bytes, name: str) -> DnsAnswer | None:
    # One resolver gives the same reply over UDP and TCP, another over UDP, DoT and DoH: parsing each of them
    # took a tenth of a round's processor time.
    readable = b"\0\0" + without_id
    try:
        message = dns.message.from_wire(readable, ignore_trailing=True, continue_on_error=True)
    except (dns.exception.DNSException, ValueError, AssertionError):
        return None
    if not message.flags & dns.flags.QR:
        return None
    if message.question and message.question[0].name.to_text(omit_final_dot=True).lower() != name.lower():
        return None
    options = _options(message, readable)
    found = _Found()
    ttls: list[int] = []
    for rrset in message.answer:
        for record in rrset:
            found.take(record)
        ttls.append(rrset.ttl)
    return DnsAnswer(
        arrived_s=0.0,
        rcode=dns.rcode.to_text(message.rcode()),
        addresses=tuple(found.addresses[:MAX_ADDRESSES]),
        cnames=tuple(found.cnames[:MAX_NAMES]),
        texts=tuple(found.texts[:MAX_TEXTS]),
        ttl_s=min(ttls) if ttls else None,
        extended_errors=_extended_errors(options),
        server_id=_server_id(options),
        alpn=tuple(found.alpn[:MAX_NAMES]),
        ech=found.ech,
        truncated=bool(message.flags & dns.flags.TC),
    )


class _Found:
    """What the answer section holds, by type. A record of an odd class or with odd data is skipped."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.cnames: list[str] = []
        self.texts: list[str] = []
        self.alpn: list[str] = []
        self.ech = False

    def take(self, record: dns.rdata.Rdata) -> None:
        match record:
            case A() | AAAA():
                self.addresses.append(record.address)
            case CNAME():
                self.cnames.append(record.target.to_text(omit_final_dot=True).lower())
            case TXT():
                self.texts.append(b"".join(record.strings).decode("utf-8", "replace")[:MAX_TEXT_CHARS])
            case HTTPS():
                self.ech = self.ech or ParamKey.ECH in record.params
                offered = record.params.get(ParamKey.ALPN)
                if isinstance(offered, ALPNParam):
                    self.alpn += [one.decode("ascii", "replace")[:32] for one in offered.ids]


def _options(message: dns.message.Message, wire: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return code and data of each EDNS option."""
    if message.errors or message.opt is None:
        return tuple(_read_options(wire))
    return tuple((int(option.otype), option.to_wire() or b"") for option in message.options)


def _read_options(wire: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the options where the codec failed: it drops the whole OPT record for one text that is not
    UTF-8."""
    with contextlib.suppress(dns.exception.DNSException):
        parser = dns.wire.Parser(wire, 4)
        n_questions, *n_records = parser.get_struct("!HHHH")
        for _ in range(n_questions):
            dns.name.from_wire_parser(parser)
            parser.get_bytes(4)
        for _ in range(sum(n_records)):
            dns.name.from_wire_parser(parser)
            kind, _class, _ttl, length = parser.get_struct("!HHIH")
            if kind != dns.rdatatype.OPT:
                parser.get_bytes(length)
                continue
            with parser.restrict_to(length):
                while parser.remaining() > 0:
                    code, size = parser.get_struct("!HH")
                    yield code, parser.get_bytes(size)


def _extended_errors(options: tuple[tuple[int, bytes], ...]) -> tuple[ExtendedError, ...]:
    errors = (data for code, data in options if code == dns.edns.OptionType.EDE and len(data) >= 2)
    return tuple(
        ExtendedError(
            code=int.from_bytes(data[:2], "big"),
            # RFC 8914 section 2: the text may end with a null byte.
            text=data[2:].decode("utf-8", "replace").removesuffix("\0")[:MAX_TEXT_CHARS],
        )
        for data in islice(errors, MAX_TEXTS)
    )


def _server_id(options: tuple[tuple[int, bytes], ...]) -> str | None:
    for code, data in options:
        if code == dns.edns.OptionType.NSID and data:
            return data.decode("utf-8", "backslashreplace")[:MAX_TEXT_CHARS]
    return None


def tcp_length(head: bytes) -> tuple[int, int] | None:
    """Return (bytes of header, bytes of message) of a message on TCP, None if too few bytes (RFC 7766)."""
    return (2, int.from_bytes(head[:2], "big")) if len(head) >= 2 else None


def answer_failure(answer: DnsAnswer) -> Failure | None:
    """Return the failure that an answer means: None when it holds what was asked for.

    An empty truncated answer says only that the rest is to be had over TCP (RFC 2181 section 9).
    """
    if answer.rcode == "NOERROR":
        if answer.addresses or answer.texts or answer.alpn or answer.ech:
            return None
        return Failure.DNS_TRUNCATED if answer.truncated else Failure.DNS_NO_ANSWER
    return RCODE_TO_FAILURE.get(answer.rcode, Failure.DNS_BAD_REPLY)
