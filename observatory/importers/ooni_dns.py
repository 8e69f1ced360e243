"""OONI's `queries` (df-002) as DNS observations of one name."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from observatory.importers.fields import (
    Rejected,
    address,
    endpoint,
    from_base64,
    integer,
    mapping,
    number,
    objects,
)
from observatory.importers.fields import text as read_text
from observatory.importers.notes import Notes
from observatory.importers.ooni_failures import parse_failure
from probes.records import DnsAnswer, DnsObservation, Endpoint, Failure, Resolver
from probes.wire.dns import answer_failure, parse_reply

MAX_WIRE_BYTES: Final = 4096
# Everything else is the client's system resolver under one of its names, or not said.
TRANSPORTS: Final = {
    "udp": "udp",
    "tcp": "tcp",
    "dot": "dot",
    "doh": "doh",
    "doh3": "doh",
}
# Legacy clients named no engine; these addresses are no internet provider's own.
PUBLIC_RESOLVERS: Final = frozenset(
    {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222"}
)
RCODES: Final = {
    Failure.DNS_NXDOMAIN: "NXDOMAIN",
    Failure.DNS_REFUSED: "REFUSED",
    Failure.DNS_SERVFAIL: "SERVFAIL",
    Failure.DNS_NO_ANSWER: "NOERROR",
}
RCODE_FAILURES: Final = {
    2: Failure.DNS_SERVFAIL,
    3: Failure.DNS_NXDOMAIN,
    5: Failure.DNS_REFUSED,
}
DEFAULT_PORTS: Final = {"dot": 853, "doh": 443}
# Replies that came after the first one to the same query. The keys bear the `x_` of what is not yet in the
# specification, but hold observations like those of `queries`. Source: probe-cli, webconnectivitylte.
DUPLICATE_REPLIES: Final = ("x_dns_duplicate_responses", "x_dns_late_replies")
# Where it stands, and what.
Query = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Records:
    """What the answers to one query hold."""

    addresses: tuple[str, ...]
    cnames: tuple[str, ...]
    ttl_s: int | None


@dataclass(frozen=True, slots=True)
class _Reply:
    failure: Failure | None
    raw: str | None
    records: _Records
    parsed: DnsAnswer | None


def read_queries(test_keys: Mapping[str, Any], name: str, notes: Notes) -> Iterator[DnsObservation]:
    """Yield what was asked about `name`; a lookup by `getaddrinfo` becomes a query for each address family
    it answered.

    Shape:  a query holds every reply to it, the first one first. A later reply of which no query is on record
            is an observation of its own.
    Errors: Rejected.
    """
    queries = _about(test_keys, "queries", name)
    later, alone = _later_replies(test_keys, queries, name)
    for place, (where, query) in enumerate(queries):
        yield from _read_query(query, where, name, notes, later.get(place, ()))
    for where, reply in alone:
        yield from _read_query(reply, where, name, notes)


def _about(test_keys: Mapping[str, Any], key: str, name: str) -> list[Query]:
    found = []
    for place, query in enumerate(objects(test_keys.get(key), f"test_keys.{key}")):
        where = f"test_keys.{key}[{place}]"
        if read_text(query.get("hostname"), f"{where}.hostname").lower().rstrip(".") == name:
            found.append((where, query))
    return found


def _later_replies(
    test_keys: Mapping[str, Any], queries: Sequence[Query], name: str
) -> tuple[dict[int, list[Query]], list[Query]]:
    """Return later replies by the place of the query that they answer, and those that answer none of these.

    Two queries that cannot be told apart by resolver and type may be by their transaction.
    """
    if not any(test_keys.get(key) for key in DUPLICATE_REPLIES):
        return {}, []
    places: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, (where, query) in enumerate(queries):
        key = _asked_key(query, where)
        places[key].append(place)
        places[*key, integer(query.get("transaction_id"))].append(place)
    later: defaultdict[int, list[Query]] = defaultdict(list)
    alone: list[Query] = []
    for reply_key in DUPLICATE_REPLIES:
        for where, reply in _about(test_keys, reply_key, name):
            key = _asked_key(reply, where)
            same = places.get(key, [])
            if len(same) > 1:
                same = places.get((*key, integer(reply.get("transaction_id"))), [])
            if len(same) == 1:
                later[same[0]].append((where, reply))
            else:
                alone.append((where, reply))
    return later, alone


def _asked_key(query: Mapping[str, Any], where: str) -> tuple[object, ...]:
    engine = read_text(query.get("engine"), f"{where}.engine").lower()
    query_type = read_text(query.get("query_type"), f"{where}.query_type").upper() or "A"
    return engine, query_type, _server(query, TRANSPORTS.get(engine, "udp"))


def _read_query(
    query: Mapping[str, Any], where: str, name: str, notes: Notes, later: Sequence[Query] = ()
) -> Iterator[DnsObservation]:
    engine = read_text(query.get("engine"), f"{where}.engine").lower()
    server = _server(query, TRANSPORTS.get(engine, "udp"))
    public = engine in TRANSPORTS or (engine in ("", "unknown") and server.address in PUBLIC_RESOLVERS)
    query_type = read_text(query.get("query_type"), f"{where}.query_type").upper() or "A"
    reply = _read_reply(query, where, name)
    began_s = number(query.get("t0"))
    for one_type, addresses in _families(query_type, reply.records, reply.failure):
        started_s, duration_s = notes.times(query)
        failed = reply.failure or (None if addresses else _without_addresses(query_type))
        answers = _answers(reply.parsed, failed, addresses, reply.records, duration_s)
        for its_place, one in later:
            arrived_s = max(duration_s, (number(one.get("t")) or 0.0) - (began_s or started_s))
            failure, answer = _read_later(one, its_place, name, query_type, round(arrived_s, 6))
            # What came after the client had stopped waiting was no silence.
            if failed is Failure.TIMEOUT and not answers:
                failed = failure
            answers += answer
        yield DnsObservation(
            id=notes.new_id(),
            started_s=started_s,
            duration_s=duration_s,
            failure=failed,
            detail=reply.raw,
            resolver=Resolver.PUBLIC if public else Resolver.VANTAGE,
            server=server,
            transport=TRANSPORTS.get(engine, "udp"),
            name=name,
            query_type=one_type,
            answers=answers,
        )


def _read_reply(query: Mapping[str, Any], where: str, name: str) -> _Reply:
    failure, raw = parse_failure(query.get("failure"), f"{where}.failure")
    records = _read_answers(query, where, name)
    parsed = _parse_wire(query, where, name)
    return _Reply(_refine(failure, raw, records, query, parsed), raw, records, parsed)


def _read_later(
    query: Mapping[str, Any], where: str, name: str, query_type: str, arrived_s: float
) -> tuple[Failure | None, tuple[DnsAnswer, ...]]:
    reply = _read_reply(query, where, name)
    addresses = reply.records.addresses
    failed = reply.failure or (None if addresses else _without_addresses(query_type))
    return failed, _answers(reply.parsed, failed, addresses, reply.records, arrived_s)


def _server(query: Mapping[str, Any], transport: str) -> Endpoint:
    default = DEFAULT_PORTS.get(transport, 53)
    found = endpoint(query.get("resolver_address"))
    if found is not None:
        return Endpoint(address=found[0], port=found[1])
    port = query.get("resolver_port")
    written = int(port) if isinstance(port, str) and port.isdecimal() and len(port) < 6 else integer(port)
    literal = address(query.get("resolver_address")) or address(query.get("resolver_hostname"))
    return Endpoint(address=literal, port=written if written and written < 65536 else default)


def _read_answers(query: Mapping[str, Any], where: str, name: str) -> _Records:
    addresses: list[str] = []
    cnames: list[str] = []
    ttls: list[int] = []
    for place, answer in enumerate(objects(query.get("answers"), f"{where}.answers")):
        kind = read_text(answer.get("answer_type"), f"{where}.answers[{place}].answer_type").upper()
        if kind in ("A", "AAAA"):
            found = address(answer.get("ipv4")) or address(answer.get("ipv6"))
            if found:
                addresses.append(found)
        elif kind == "CNAME":
            alias = read_text(answer.get("hostname"), f"{where}.answers[{place}].hostname")
            alias = alias.lower().rstrip(".")
            # `getaddrinfo` gives the canonical name even where it is the one asked for.
            if alias and alias != name:
                cnames.append(alias)
        ttl_s = integer(answer.get("ttl"))
        if ttl_s is not None:
            ttls.append(ttl_s)
    unique = tuple(dict.fromkeys(addresses))
    return _Records(addresses=unique[:64], cnames=tuple(cnames[:16]), ttl_s=min(ttls, default=None))


def _parse_wire(query: Mapping[str, Any], where: str, name: str) -> DnsAnswer | None:
    """The reply itself, where the client kept it: it tells the response code and extended errors."""
    try:
        wire = from_base64(query.get("raw_response"), f"{where}.raw_response", limit=MAX_WIRE_BYTES)
    except Rejected:
        return None
    if len(wire) < 12:
        return None
    return parse_reply(wire, query_id=int.from_bytes(wire[:2], "big"), name=name, arrived_s=0.0)


def _refine(
    failure: Failure | None,
    raw: str | None,
    records: _Records,
    query: Mapping[str, Any],
    parsed: DnsAnswer | None,
) -> Failure | None:
    # "Bogon" is what the client thought of a reply that did arrive.
    if raw == "dns_bogon_error" and records.addresses:
        return None
    if failure is Failure.UNKNOWN:
        by_code = RCODE_FAILURES.get(integer(query.get("rcode")) or 0)
        by_wire = answer_failure(parsed) if parsed is not None else None
        return by_code or by_wire or failure
    return failure


def _families(
    query_type: str, records: _Records, failure: Failure | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield query types with their addresses. OONI writes one lookup of the system as `ANY`."""
    if query_type != "ANY":
        yield query_type, records.addresses
        return
    for one_type, v6 in (("A", False), ("AAAA", True)):
        those = tuple(a for a in records.addresses if (":" in a) is v6)
        # The system hides a family that this machine does not have, so an absent one denies nothing.
        if those or (one_type == "A" and (failure is not None or not records.addresses)):
            yield one_type, those


def _without_addresses(query_type: str) -> Failure | None:
    return Failure.DNS_NO_ANSWER if query_type in ("A", "AAAA", "ANY") else None


def _answers(
    parsed: DnsAnswer | None,
    failure: Failure | None,
    addresses: tuple[str, ...],
    records: _Records,
    arrived_s: float,
) -> tuple[DnsAnswer, ...]:
    """The reply as one answer; none where nothing is known to have come back."""
    rcode = RCODES.get(failure, "") if failure is not None else "NOERROR"
    if not rcode and not addresses:
        return ()
    errors = parsed.extended_errors if parsed is not None else ()
    return (
        DnsAnswer(
            arrived_s=arrived_s,
            rcode=rcode or "NOERROR",
            addresses=addresses,
            cnames=parsed.cnames if parsed is not None and parsed.cnames else records.cnames,
            ttl_s=parsed.ttl_s if parsed is not None and parsed.ttl_s is not None else records.ttl_s,
            extended_errors=errors,
            server_id=parsed.server_id if parsed is not None else None,
            wire=parsed.wire if parsed is not None else b"",
        ),
    )


def read_helper_names(control: Mapping[str, Any], name: str, notes: Notes) -> Iterator[DnsObservation]:
    """Yield what the test helper's own resolver said; it passes on addresses of both families together.

    Errors: Rejected.
    """
    dns = mapping(control.get("dns"), "test_keys.control.dns")
    if not dns:
        return
    failure, raw = parse_failure(dns.get("failure"), "test_keys.control.dns.failure")
    # `ips` until 2016.
    listed = dns.get("addrs") if dns.get("addrs") is not None else dns.get("ips")
    if not isinstance(listed, list | None):
        raise Rejected(f"test_keys.control.dns.addrs: expected a list, got {type(listed).__name__}")
    found = tuple(dict.fromkeys(a for a in map(address, (listed or [])[:64]) if a))
    records = _Records(addresses=found, cnames=(), ttl_s=None)
    for one_type, addresses in _families("ANY", records, failure):
        failed = failure or (None if addresses else Failure.DNS_NO_ANSWER)
        yield DnsObservation(
            id=notes.new_id(),
            started_s=0.0,
            duration_s=0.0,
            failure=failed,
            detail=raw,
            resolver=Resolver.VANTAGE,
            server=Endpoint(address="", port=53),
            transport="udp",
            name=name,
            query_type=one_type,
            answers=_answers(None, failed, addresses, records, 0.0),
        )
