"""DNS: the honest resolver, the lying one, and DNS over UDP, TCP, TLS and HTTPS."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from lab import world
from lab.policy import Lie, Policy, ResolverPolicy
from lab.services.listen import Handler
from lab.services.web import Request, Response

TTL_S: Final = 300
LIE_TTL_S: Final = 60
_SOA: Final = "a.root-servers.net. nstld.verisign-grs.com. 2017071400 1800 900 604800 86400"
_FAILURES: Final = {"servfail": dns.rcode.SERVFAIL, "refused": dns.rcode.REFUSED}

# An ECHConfigList (RFC 9849) with one configuration of an unknown version: enough to be seen.
_ECH: Final = base64.b64encode(bytes.fromhex("0008fade000474657374")).decode()
# HTTPS records (RFC 9460); http/1.1 is offered without being named.
_SERVICE_BINDINGS: Final = {
    "web.telegram.org": "1 . alpn=h3",
    world.CANARY: f"1 . alpn=h3 ech={_ECH}",
}

AnswerQuery = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Who answers: `id` goes into NSID (RFC 5001), `address` into the answer to "who asked for me?"."""

    id: str = world.PUBLIC_RESOLVER_NAME
    nsid: str = "public-resolver"
    address: str = world.PUBLIC_RESOLVER


PUBLIC: Final = Resolver()


def isp_resolver(isp: world.Isp) -> Resolver:
    return Resolver(id=isp.id, nsid=isp.id, address=isp.resolver)


def answer_query(
    query: bytes, policy: Policy, resolver: ResolverPolicy | None = None, who: Resolver = PUBLIC
) -> bytes | None:
    """Return the answer to one query, or None to stay silent (malformed query, or a resolver timing out).

    `resolver` None is a resolver that never lies. Names not in the zone are NXDOMAIN with a SOA; a type
    that a name does not have is an empty NOERROR. A name answered with a false IPv4 address has no AAAA, as
    with censors' resolvers. A query that asks for the NSID by EDNS gets it.
    """
    resolver = resolver or ResolverPolicy()
    message = _parse_query(query)
    if message is None or resolver.broken == "timeout":
        return None
    response = dns.message.make_response(message, recursion_available=True)
    options: list[dns.edns.Option] = []
    if any(option.otype == dns.edns.OptionType.NSID for option in message.options):
        options.append(dns.edns.NSIDOption(who.nsid.encode()))
    question = message.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    lie = resolver.lies.get(name)
    if resolver.broken or message.opcode() != dns.opcode.QUERY:
        response.set_rcode(_FAILURES.get(resolver.broken, dns.rcode.NOTIMP))
    elif lie and not lie.rcode:
        return None
    elif lie:
        _tell_lie(response, lie)
        if lie.ede:
            options.append(dns.edns.EDEOption(dns.edns.EDECode(lie.ede)))
    else:
        _tell_truth(response, _honest_records(name, policy, who))
    if message.edns >= 0:
        response.use_edns(options=options)
    return response.to_wire()


def _parse_query(query: bytes) -> dns.message.Message | None:
    try:
        message = dns.message.from_wire(query)
    except (dns.exception.DNSException, ValueError):
        return None
    is_query = not message.flags & dns.flags.QR and len(message.question) == 1
    return message if is_query else None


def _tell_truth(response: dns.message.Message, records: dict[str, str]) -> None:
    question = response.question[0]
    kind = dns.rdatatype.to_text(question.rdtype)
    if kind in records:
        response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", kind, records[kind]))
        return
    if not records:
        response.set_rcode(dns.rcode.NXDOMAIN)
    response.authority.append(dns.rrset.from_text(".", TTL_S, "IN", "SOA", _SOA))


def _tell_lie(response: dns.message.Message, lie: Lie) -> None:
    # A censor does not bother with the SOA that belongs to a negative answer (RFC 2308).
    response.set_rcode(dns.rcode.from_text(lie.rcode))
    question = response.question[0]
    owner = question.name
    if lie.alias:
        response.answer.append(dns.rrset.from_text(owner, LIE_TTL_S, "IN", "CNAME", f"{lie.alias}."))
        owner = dns.name.from_text(lie.alias)
    if lie.address and question.rdtype == dns.rdatatype.A:
        response.answer.append(dns.rrset.from_text(owner, LIE_TTL_S, "IN", "A", lie.address))


def _honest_records(name: str, policy: Policy, who: Resolver) -> dict[str, str]:
    """Return a name's records by type; empty when there is no such name."""
    if name == world.WHO_ASKED_NAME:
        return {"TXT": f'"{who.address}"'}
    if name in policy.retired or name not in world.ZONE:
        return {}
    if name in policy.rotated:
        return {"A": world.CDN_ADDRESSES[who.id]}
    records = {} if name in policy.aaaa_only else {"A": world.ZONE[name]}
    if name in world.ADDRESSES_V6:
        records["AAAA"] = world.ADDRESSES_V6[name]
    if name in _SERVICE_BINDINGS:
        records["HTTPS"] = _SERVICE_BINDINGS[name]
    return records


def forge_answer(query: bytes, hosts: tuple[str, ...], lie: Lie) -> bytes | None:
    """Return an injector's answer when the query asks for an address of one of the hosts, else None."""
    message = _parse_query(query)
    if message is None:
        return None
    question = message.question[0]
    if question.rdtype != dns.rdatatype.A:
        return None
    if question.name.to_text(omit_final_dot=True).lower() not in hosts:
        return None
    response = dns.message.make_response(message, recursion_available=True)
    _tell_lie(response, lie)
    return response.to_wire()


def truncate_answer(answer: bytes) -> bytes:
    """Return the answer of a resolver that wants to be asked over TCP: the question and the TC bit."""
    message = dns.message.from_wire(answer)
    message.flags |= dns.flags.TC
    message.answer, message.authority, message.additional = [], [], []
    return message.to_wire()


def dns_over_stream(answer: AnswerQuery) -> Handler:
    """Return a handler of DNS with two-byte lengths, for TCP and TLS. Source: RFC 1035 4.2.2, RFC 7858."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            length = int.from_bytes(await reader.readexactly(2))
            reply = answer(await reader.readexactly(length))
            if reply is None:
                # A silent resolver keeps the connection open and sends nothing.
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
