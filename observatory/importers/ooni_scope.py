"""Which entries of a measurement speak of its target, and which of the places it was redirected to.

Old clients wrote down connections only for the host of the input. Since 0.5 each redirect is measured like
the input was: `depth=N` tags and transaction ids tell them apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import SplitResult

from observatory.importers.fields import (
    MAX_ITEMS,
    Rejected,
    address,
    endpoint,
    integer,
    items,
    mapping,
    objects,
    split_url,
)
from observatory.importers.fields import text as read_text
from observatory.importers.notes import Notes
from observatory.importers.ooni_dns import read_queries


@dataclass(frozen=True, slots=True)
class Scope:
    """`addresses` are those that the measurement's DNS queries gave for the target's name.
    `target_transactions` and `other_transactions` are ids of transactions in which the target's name, or
    another one, was sent."""

    name: str
    port: int
    addresses: frozenset[str]
    target_transactions: frozenset[int] = frozenset()
    other_transactions: frozenset[int] = frozenset()
    # Connections by transaction or, in old files, by connection: its handshake names no address.
    connections: Mapping[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    # Addresses by port: those that a connect reached, and those that every connect failed at.
    connected: Mapping[int, frozenset[str]] = field(default_factory=dict)
    dead: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def has_connection(self, entry: Mapping[str, Any], ip: str) -> bool:
        """Say whether a connect to `ip` was made on behalf of the target."""
        transaction = integer(entry.get("transaction_id")) or 0
        if transaction in self.target_transactions:
            return True
        if transaction in self.other_transactions:
            return False
        return ip in self.addresses or depth_of(entry) == 0

    def find_endpoint(self, entry: Mapping[str, Any], port: int) -> tuple[str, int] | None:
        """Return which endpoint an entry speaks of: as written, by its transaction, or the only one that can
        be meant; None when that is open."""
        written = endpoint(entry.get("address"))
        if written is not None:
            return written
        for key in ("transaction_id", "conn_id"):
            known = self.connections.get((key, integer(entry.get(key)) or 0))
            if known is not None:
                return known
        candidates = self.connected.get(port) or (frozenset() if port in self.dead else self.addresses)
        return (next(iter(candidates)), port) if len(candidates) == 1 else None

    def nothing_connected(self, port: int) -> bool:
        """Every connect to this port failed, and there was one."""
        return port in self.dead and port not in self.connected


def depth_of(entry: Mapping[str, Any]) -> int:
    """Return after how many redirects something was measured; 0 where nothing is said."""
    for tag in items(entry.get("tags"), "tags"):
        if isinstance(tag, str) and tag.startswith("depth=") and tag[6:].isdecimal():
            return int(tag[6:8])
    return 0


def find_scope(test_keys: Mapping[str, Any], name: str, port: int) -> Scope:
    """Return what belongs to the target. Errors: Rejected."""
    literal = address(name)
    answers = (answer for o in read_queries(test_keys, name, Notes()) for answer in o.answers)
    found = {a for answer in answers for a in answer.addresses} | ({literal} if literal else set())
    target_transactions, other_transactions = _transactions(test_keys, name)
    first = Scope(
        name,
        port,
        frozenset(found),
        frozenset(target_transactions),
        frozenset(other_transactions - target_transactions),
    )
    connections, connected, dead = _connections(test_keys, first)
    return Scope(
        name,
        port,
        first.addresses,
        first.target_transactions,
        first.other_transactions,
        connections,
        _by_port(connected),
        _by_port(dead),
    )


def _transactions(test_keys: Mapping[str, Any], name: str) -> tuple[set[int], set[int]]:
    target_transactions: set[int] = set()
    other_transactions: set[int] = set()
    for transaction, sent in _names_sent(test_keys):
        if transaction:
            (target_transactions if sent == name else other_transactions).add(transaction)
    return target_transactions, other_transactions


def _names_sent(test_keys: Mapping[str, Any]) -> Iterable[tuple[int, str]]:
    for key in ("tls_handshakes", "quic_handshakes"):
        for place, entry in enumerate(objects(test_keys.get(key), f"test_keys.{key}")):
            sent = read_text(entry.get("server_name"), f"test_keys.{key}[{place}].server_name")
            if sent:
                yield integer(entry.get("transaction_id")) or 0, sent.lower().rstrip(".")
    for place, entry in enumerate(objects(test_keys.get("requests"), "test_keys.requests")):
        request = mapping(entry.get("request"), f"test_keys.requests[{place}].request")
        parts = split_url(request.get("url"))
        if parts is not None and parts.hostname:
            yield integer(entry.get("transaction_id")) or 0, parts.hostname.rstrip(".")


def _connections(
    test_keys: Mapping[str, Any], scope: Scope
) -> tuple[dict[tuple[str, int], tuple[str, int]], set[tuple[str, int]], set[tuple[str, int]]]:
    by_key: dict[tuple[str, int], tuple[str, int]] = {}
    connected: set[tuple[str, int]] = set()
    dead: set[tuple[str, int]] = set()
    for entry, where, failed in list_connects(test_keys):
        for key in ("transaction_id", "conn_id"):
            number = integer(entry.get(key))
            if number:
                by_key.setdefault((key, number), where)
        if scope.has_connection(entry, where[0]):
            (dead if failed else connected).add(where)
    return by_key, connected, dead - connected


def _by_port(endpoints: Iterable[tuple[str, int]]) -> dict[int, frozenset[str]]:
    found: defaultdict[int, set[str]] = defaultdict(set)
    for ip, port in endpoints:
        found[port].add(ip)
    return {port: frozenset(ips) for port, ips in found.items()}


def connect_events(test_keys: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the connects among `network_events`, as many as are read of any list.

    A client writes down every read and write of every connection there, far more than anybody needs.
    Errors: Rejected.
    """
    connects = (
        event
        for event in list_events(test_keys)
        if isinstance(event, dict)
        and event.get("operation") == "connect"
        and event.get("proto") in (None, "tcp")
    )
    return list(islice(connects, MAX_ITEMS))


def list_events(test_keys: Mapping[str, Any]) -> list[Any]:
    """Return `network_events`, an empty list for null; entries may be anything. Errors: Rejected."""
    listed = test_keys.get("network_events")
    if not isinstance(listed, list | None):
        raise Rejected(f"test_keys.network_events: expected a list, got {type(listed).__name__}")
    return listed or []


def list_connects(test_keys: Mapping[str, Any]) -> Iterable[tuple[dict[str, Any], tuple[str, int], bool]]:
    """Yield connects with their endpoint and whether they failed, wherever they are written down; those of
    `network_events` may be the same ones. Errors: Rejected."""
    for place, entry in enumerate(objects(test_keys.get("tcp_connect"), "test_keys.tcp_connect")):
        ip, port = address(entry.get("ip")), integer(entry.get("port"))
        status = mapping(entry.get("status"), f"test_keys.tcp_connect[{place}].status")
        if ip and port and port < 65536:
            yield entry, (ip, port), bool(status.get("failure")) or status.get("success") is False
    for entry in connect_events(test_keys):
        where = endpoint(entry.get("address"))
        if where:
            yield entry, where, bool(entry.get("failure"))


def url_of_input(value: str) -> SplitResult | None:
    """Return the parts of an input: a URL, or a bare host name as very old clients had it."""
    return split_url(value) or (split_url(f"http://{value}") if "://" not in value else None)
