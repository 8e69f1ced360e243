"""Which questions a measurement asks, which again, and which of the addresses found are tested."""

import dataclasses
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

import probes.procedures.names
import probes.techniques.dns
from probes.procedures.names import IDENTITY_NAME, MAX_OF_SOURCE, NameSteps, Resolvers
from probes.records import DnsObservation, Endpoint, Failure, Resolver
from probes.session import ObservationLog
from probes.techniques.secure_dns import SecureResolver
from probes.transport.network import Network
from probes.transport.trust import Trust
from tests.probes.local import serve
from tests.probes.techniques.test_dns import TRUE, UdpServer, framed, over_stream, reply, udp_server

VANTAGE, PUBLIC, SINK = "192.0.2.53", "8.8.8.8", "192.0.2.99"
V4 = tuple(f"198.51.100.{i}" for i in range(1, 21))
V6 = tuple(f"2001:db8::{i}" for i in range(1, 21))
Replies = Callable[[bytes], list[bytes]]


@dataclass(frozen=True, slots=True)
class Local(Network):
    """Datagrams reach servers of this process. Over TCP one of them answers for all DNS, or none."""

    places: Mapping[str, Endpoint] = field(default_factory=dict)
    tcp_port: int = 1

    def open_udp(self, endpoint: Endpoint) -> socket.socket:
        return Network.open_udp(self, self.places[endpoint.address])

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        port = self.tcp_port if endpoint.port == 53 else 1
        return await Network.connect_tcp(self, Endpoint(address="127.0.0.1", port=port))


@dataclass(frozen=True, kw_only=True)
class Run:
    observations: tuple[DnsObservation, ...]
    tested: list[str]
    servers: dict[str, UdpServer]

    def n_asked(self, address: str, query_type: str = "A") -> int:
        kinds = Counter(
            dns.rdatatype.to_text(dns.message.from_wire(query).question[0].rdtype)
            for query in self.servers[address].queries
        )
        return kinds[query_type]


@pytest.fixture(autouse=True)
def _short_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes.techniques.dns, "SECOND_ANSWER_WAIT_S", 0.2)
    monkeypatch.setattr(probes.procedures.names, "SECOND_ANSWER_WAIT_S", 0.2)
    monkeypatch.setattr(probes.procedures.names, "UDP_TIMEOUT_S", 0.3)


def silence(query: bytes) -> list[bytes]:
    return []


def truncated(wire: bytes) -> bytes:
    return bytes([*wire[:2], wire[2] | 2, *wire[3:]])


def in_turn(*replies: Replies) -> Replies:
    """Answer each type of query first by the first of them, then by the next; the last stays."""
    n_asked: Counter[int] = Counter()

    def answer(query: bytes) -> list[bytes]:
        kind = dns.message.from_wire(query).question[0].rdtype
        n_asked[kind] += 1
        return replies[min(n_asked[kind], len(replies)) - 1](query)

    return answer


async def run(
    vantage: Replies,
    public: Replies = silence,
    sink: Replies = silence,
    *,
    identify: bool = False,
    tcp_port: int = 1,
    canary: str | None = None,
) -> Run:
    tested: list[str] = []
    async with (
        udp_server(vantage) as (own, own_place),
        udp_server(public) as (other, other_place),
        udp_server(sink) as (nothing, nothing_place),
    ):
        network = Local(
            places={VANTAGE: own_place, PUBLIC: other_place, SINK: nothing_place}, tcp_port=tcp_port
        )
        async with (
            SecureResolver(network, Trust(), PUBLIC, "dot") as dot,
            SecureResolver(network, Trust(), PUBLIC, "doh") as doh,
        ):
            log = ObservationLog(deadline_s=8)
            resolvers = Resolvers(
                vantage=Endpoint(address=VANTAGE, port=53),
                public=Endpoint(address=PUBLIC, port=53),
                sink=Endpoint(address=SINK, port=53),
                dot=dot,
                doh=doh,
            )
            steps = NameSteps(network, log, resolvers, "t.me", tested.append, canary=canary)
            await steps.run(identify=identify)
    seen = tuple(o for o in log.observations() if isinstance(o, DnsObservation))
    return Run(observations=seen, tested=tested, servers={VANTAGE: own, PUBLIC: other, SINK: nothing})


@pytest.mark.parametrize(
    ("situation", "replies", "n_asked"),
    [
        ("an answer", lambda q: [reply(q, f"A {TRUE}")], 1),
        ("no such name is an answer, too", lambda q: [reply(q, rcode=dns.rcode.NXDOMAIN)], 1),
        ("refused", lambda q: [reply(q, rcode=dns.rcode.REFUSED)], 3),
        ("no address is an answer, too", lambda q: [reply(q)], 1),
        ("server failure", lambda q: [reply(q, rcode=dns.rcode.SERVFAIL)], 2),
        ("silence", silence, 3),
        ("truncated: asked again over TCP", lambda q: [truncated(reply(q))], 1),
    ],
)
async def test_who_is_asked_once_more(situation: str, replies: Replies, n_asked: int) -> None:
    seen = await run(replies, replies, replies)
    assert seen.n_asked(VANTAGE) == seen.n_asked(VANTAGE, "AAAA") == seen.n_asked(PUBLIC) == n_asked
    assert seen.n_asked(SINK) == 1, "silence is expected of an address without DNS"
    attempts = Counter((o.resolver, o.transport, o.query_type, o.attempt) for o in seen.observations)
    assert max(attempts.values()) == 1, "each try is an observation of its own"


def broken(query: bytes) -> list[bytes]:
    return [reply(query, rcode=dns.rcode.SERVFAIL)]


def no_such_name(query: bytes) -> list[bytes]:
    return [reply(query, rcode=dns.rcode.NXDOMAIN)]


@pytest.mark.parametrize(
    ("situation", "replies", "rcodes"),
    [
        ("one lost", in_turn(silence, no_such_name), [None, "NXDOMAIN"]),
        ("two lost", in_turn(silence, silence, no_such_name), [None, None, "NXDOMAIN"]),
        ("lost, then broken: they disagree", in_turn(silence, broken), [None, "SERVFAIL", "SERVFAIL"]),
        ("broken, then lost: they disagree", in_turn(broken, silence), ["SERVFAIL", None, None]),
        ("broken twice: they agree", broken, ["SERVFAIL", "SERVFAIL"]),
    ],
)
async def test_tries_over_udp_until_they_agree(
    situation: str, replies: Replies, rcodes: list[str | None]
) -> None:
    seen = await run(replies)
    tries = [o for o in seen.observations if o.resolver is Resolver.VANTAGE and o.transport == "udp"]
    for kind in ("A", "AAAA"):
        heard = [o.answers[0].rcode if o.answers else None for o in tries if o.query_type == kind]
        assert heard == rcodes


async def test_a_truncated_answer_is_asked_for_over_tcp() -> None:
    """The resolver cuts its answers short as one does that limits rates; over TCP it is whole."""

    def cut(query: bytes) -> list[bytes]:
        return [truncated(reply(query))]

    def over_tcp(query: bytes) -> list[bytes]:
        kind = dns.message.from_wire(query).question[0].rdtype
        return [framed(reply(query, f"A {TRUE}" if kind == dns.rdatatype.A else "AAAA 2001:db8::7"))]

    async with serve(over_stream(over_tcp)) as port:
        seen = await run(cut, cut, tcp_port=port)
    asked = {
        (o.resolver, o.query_type): o for o in seen.observations if o.transport == "tcp" and o.name == "t.me"
    }
    assert set(asked) == {(Resolver.VANTAGE, "A"), (Resolver.VANTAGE, "AAAA"), (Resolver.PUBLIC, "A")}
    assert all(o.failure is None for o in asked.values())
    assert {*seen.tested} == {TRUE, "2001:db8::7"}
    udp = [o for o in seen.observations if o.transport == "udp" and o.answers]
    assert {o.failure for o in udp} == {Failure.DNS_TRUNCATED}


async def test_an_address_without_dns_is_not_asked_over_tcp() -> None:
    seen = await run(silence, silence, lambda q: [truncated(reply(q))])
    assert [o.transport for o in seen.observations if o.resolver is Resolver.SINK] == ["udp"]


async def test_only_the_canary_asks_who_the_resolvers_are() -> None:
    def who(query: bytes) -> list[bytes]:
        is_identity = IDENTITY_NAME in str(dns.message.from_wire(query).question[0].name)
        return [reply(query, 'TXT "192.0.2.1"')] if is_identity else []

    canary = await run(who, who, who, identify=True)
    identities = {o.resolver: o.answers[0].texts for o in canary.observations if o.name == IDENTITY_NAME}
    assert identities == {Resolver.VANTAGE: ("192.0.2.1",), Resolver.PUBLIC: ("192.0.2.1",)}
    target = await run(who, who, who)
    assert {o.name for o in target.observations} == {"t.me"}


def answers_only(name: str, replies: Replies) -> Replies:
    return lambda query: replies(query) if name in str(dns.message.from_wire(query).question[0].name) else []


@pytest.mark.parametrize("canary", ["control.example", None])
async def test_beside_each_retry_the_canary_is_asked_for(canary: str | None) -> None:
    """A resolver that still answers for another name at that moment is silent about this one only."""
    seen = await run(answers_only("control", lambda q: [reply(q, f"A {V4[0]}")]), canary=canary)
    beside = [o for o in seen.observations if o.name == "control.example"]
    asked = [(o.resolver, o.transport, o.query_type, o.attempt) for o in beside]
    assert asked == ([(Resolver.VANTAGE, "udp", "A", n) for n in (2, 3)] if canary else [])
    assert all(o.answers for o in beside)
    assert seen.tested == [], "what the canary was sent to is no address of the target"


async def test_an_answer_needs_no_canary_beside_it() -> None:
    seen = await run(lambda q: [reply(q, rcode=dns.rcode.NXDOMAIN)], canary="control.example")
    assert {o.name for o in seen.observations} == {"t.me"}


def addresses(v4: tuple[str, ...], v6: tuple[str, ...] = ()) -> Replies:
    def replies(query: bytes) -> list[bytes]:
        return [reply(query, *[f"A {one}" for one in v4], *[f"AAAA {one}" for one in v6])]

    return replies


async def test_forged_answers_full_of_addresses_leave_room_for_the_true_one() -> None:
    """The injector names more addresses than can be tested, to every question, and is always first."""

    def race(query: bytes) -> list[bytes]:
        return [*addresses(V4)(query), reply(query, f"A {TRUE}")]

    seen = await run(race, addresses(V4[10:]), addresses(V4[15:]))
    assert TRUE in seen.tested
    assert len(seen.tested) < 20


async def test_one_ip_version_leaves_the_other_its_room() -> None:
    seen = await run(addresses(V4, V6))
    assert [one for one in seen.tested if ":" in one] == list(V6[:MAX_OF_SOURCE])
    assert len([one for one in seen.tested if ":" not in one]) == MAX_OF_SOURCE


@pytest.mark.parametrize("kind", ["udp", "tcp", "dot", "doh"])
def test_who_can_have_made_an_answer(kind: str) -> None:
    public = probes.procedures.names.Question(resolver=Resolver.PUBLIC, transport=kind)
    own = dataclasses.replace(public, resolver=Resolver.VANTAGE)
    assert (public.source == "authenticated") is (kind in ("dot", "doh"))
    assert kind in ("dot", "doh") or own.source == "vantage"
