"""DNS: the honest resolver, the lying one, and DNS over UDP, TCP, TLS and HTTPS."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from lab import world
from lab.policy import NXDOMAIN, Policy, ResolverPolicy
from lab.services.listen import Handler
from lab.services.web import Request, Response

TTL_S: Final = 300
LIE_TTL_S: Final = 60
_SOA: Final = "a.root-servers.net. nstld.verisign-grs.com. 2017071400 1800 900 604800 86400"
_FAILURES: Final = {"servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED}

AnswerQuery = Callable[[bytes], bytes | None]


def answer_query(query: bytes, policy: Policy, resolver: ResolverPolicy | None = None) -> bytes | None:
    """Return the answer to one query, or None to stay silent (malformed query, or a resolver timing out).

    `resolver` None is a resolver that never lies. Names not in the zone are NXDOMAIN with a SOA; a known
    name has A records and perhaps AAAA, every other type is an empty NOERROR. A name lied about with an
    IPv4 address has no AAAA, as censors' resolvers answer.
    """
    resolver = resolver or ResolverPolicy()
    try:
        message = dns.message.from_wire(query)
        if message.flags & dns.flags.QR or len(message.question) != 1:
            return None
        response = dns.message.make_response(message, recursion_available=True)
    except (dns.exception.DNSException, ValueError):
        return None
    if resolver.broken == "timeout":
        return None
    if resolver.broken or message.opcode() != dns.opcode.QUERY:
        response.set_rcode(_FAILURES.get(resolver.broken, dns.rcode.NOTIMP))
        return response.to_wire()
    question = message.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    lie = resolver.lies.get(name)
    records = {"A": lie} if lie else _honest_records(name, policy)
    kind = dns.rdatatype.to_text(question.rdtype)
    if not records or lie == NXDOMAIN:
        response.set_rcode(dns.rcode.NXDOMAIN)
    elif kind in records:
        ttl_s = LIE_TTL_S if lie else TTL_S
        response.answer.append(dns.rrset.from_text(question.name, ttl_s, "IN", kind, records[kind]))
    # A censor's resolver does not bother with a SOA; an honest negative answer has one (RFC 2308).
    if not response.answer and not lie:
        response.authority.append(dns.rrset.from_text(".", TTL_S, "IN", "SOA", _SOA))
    return response.to_wire()


def _honest_records(name: str, policy: Policy) -> dict[str, str]:
    """Return a name's addresses by record type; empty when there is no such name."""
    if name in policy.retired or name not in world.ZONE:
        return {}
    records = {} if name in policy.aaaa_only else {"A": world.ZONE[name]}
    if name in world.ADDRESSES_V6:
        records["AAAA"] = world.ADDRESSES_V6[name]
    return records


def forge_answer(query: bytes, hosts: tuple[str, ...], address: str) -> bytes | None:
    """Return an injector's answer when the query asks for an address of one of the hosts, else None."""
    try:
        message = dns.message.from_wire(query)
    except (dns.exception.DNSException, ValueError):
        return None
    if message.flags & dns.flags.QR or len(message.question) != 1:
        return None
    question = message.question[0]
    if question.rdtype != dns.rdatatype.A:
        return None
    if question.name.to_text(omit_final_dot=True).lower() not in hosts:
        return None
    response = dns.message.make_response(message, recursion_available=True)
    response.answer.append(dns.rrset.from_text(question.name, LIE_TTL_S, "IN", "A", address))
    return response.to_wire()


def dns_over_stream(answer: AnswerQuery) -> Handler:
    """Return a handler of DNS with two-byte lengths, for TCP and TLS. Source: RFC 1035 4.2.2, RFC 7858."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            length = int.from_bytes(await reader.readexactly(2))
            reply = answer(await reader.readexactly(length))
            if reply is None:
                # A silent resolver keeps the connection and says nothing.
                await reader.read()
                return
            writer.write(len(reply).to_bytes(2) + reply)
            await writer.drain()

    return serve


def answer_https(answer: AnswerQuery) -> Callable[[Request], Response]:
    """Return the /dns-query page, GET and POST. Source: RFC 8484."""

    def page(request: Request) -> Response:
        path, _, query = request.path.partition("?")
        if path != "/dns-query":
            return Response(status=404)
        wire = request.body
        if request.method == "GET":
            fields = dict(field.partition("=")[::2] for field in query.split("&"))
            text = fields.get("dns", "")
            try:
                wire = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            except (binascii.Error, ValueError):
                return Response(status=400)
        elif request.headers.get("content-type") != "application/dns-message":
            return Response(status=415)
        reply = answer(wire)
        if reply is None:
            return Response(status=400)
        return Response(
            body=reply,
            content_type="application/dns-message",
            headers={"cache-control": f"max-age={TTL_S}"},
        )

    return page
