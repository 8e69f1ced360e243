"""The DNS questions about a host: who is asked, over which transport, for which records.

    the vantage's resolver     A over UDP and TCP, AAAA over UDP
    a public resolver          A over UDP; A, AAAA and HTTPS over DoT, A over DoH: the clean comparison
    an address without DNS     A over UDP: any answer was made on the path
    once a round               TXT: who the two resolvers really are
    beside a retry             A for the canary, to the vantage's resolver: does it still answer us at all?

Over UDP each question listens on for a second answer. DoT replaces plain TCP to the public resolver, and
cannot be forged on the path. Where an answer over UDP is truncated, the question is asked over TCP as well.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from probes import registry
from probes.procedures.in_flight import QueriesInFlight
from probes.records import DnsAnswer, DnsObservation, Endpoint, Failure, Resolver
from probes.session import N_ATTEMPTS, ObservationLog
from probes.techniques.dns import (
    SECOND_ANSWER_WAIT_S,
    UDP_TIMEOUT_S,
    Exchange,
    over_tcp,
    over_udp,
)
from probes.techniques.secure_dns import SecureResolver
from probes.transport.network import Network

# The name servers of this name answer with the address of the resolver that asked them.
IDENTITY_NAME: Final = "o-o.myaddr.l.google.com"

# A forged answer may hold any number of addresses, and arrives first. These limits keep room for the next
# answer and for the answers of other sources.
MAX_OF_ANSWER: Final = 3
MAX_OF_SOURCE: Final = 4

# Nothing retransmits UDP but we ourselves. On a line that loses 5 % each way, two lost tries are one in a
# hundred, and a block that answers to a third would not be seen.
N_UDP_ATTEMPTS: Final = 3

# What a server says of the moment rather than of the name.
PASSING: Final = frozenset({Failure.DNS_SERVFAIL, Failure.DNS_REFUSED})

OnAddress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolvers:
    """The resolvers of one round. `sink` is an address that serves no DNS."""

    vantage: Endpoint
    public: Endpoint
    sink: Endpoint
    dot: SecureResolver
    doh: SecureResolver
    in_flight: QueriesInFlight = field(default_factory=QueriesInFlight)

    def server(self, resolver: Resolver) -> Endpoint:
        """Return the server for a question over plain DNS."""
        if resolver is Resolver.VANTAGE:
            return self.vantage
        return self.public if resolver is Resolver.PUBLIC else self.sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    resolver: Resolver
    transport: str
    query_type: str = "A"

    @property
    def source(self) -> str:
        """Who can have made an answer: over DoT and DoH the public resolver alone, else also the path."""
        return "authenticated" if self.transport in ("dot", "doh") else self.resolver


WITHOUT_UDP: Final = (
    Question(resolver=Resolver.VANTAGE, transport="tcp"),
    Question(resolver=Resolver.VANTAGE, transport="tcp", query_type="AAAA"),
    Question(resolver=Resolver.PUBLIC, transport="dot"),
    Question(resolver=Resolver.PUBLIC, transport="dot", query_type="AAAA"),
    Question(resolver=Resolver.PUBLIC, transport="dot", query_type="HTTPS"),
    Question(resolver=Resolver.PUBLIC, transport="doh"),
)
WITH_UDP: Final = (
    Question(resolver=Resolver.VANTAGE, transport="udp"),
    Question(resolver=Resolver.VANTAGE, transport="udp", query_type="AAAA"),
    Question(resolver=Resolver.VANTAGE, transport="tcp"),
    Question(resolver=Resolver.PUBLIC, transport="udp"),
    *WITHOUT_UDP[2:],
    Question(resolver=Resolver.SINK, transport="udp"),
)


class NameSteps:
    """All questions of one measurement; each address found is handed on at once.

    `canary` is the name that is asked for beside retries; None asks for none.
    """

    def __init__(
        self,
        network: Network,
        log: ObservationLog,
        resolvers: Resolvers,
        name: str,
        on_address: OnAddress,
        *,
        canary: str | None = None,
    ) -> None:
        self._network = network
        self._log = log
        self._resolvers = resolvers
        self._name = name
        self._canary = canary
        self._on_address = on_address
        self._accepted: dict[tuple[str, bool], set[str]] = {}

    async def run(self, *, identify: bool = False) -> None:
        """Ask all questions side by side; `identify` also asks the resolvers for their own addresses."""
        async with asyncio.TaskGroup() as group:
            for question in WITH_UDP if self._network.carries_udp else WITHOUT_UDP:
                group.create_task(self._resolve(question))
            if identify and self._network.carries_udp:
                for resolver in (Resolver.VANTAGE, Resolver.PUBLIC):
                    group.create_task(self._identify(resolver))

    @property
    def _main_question(self) -> Question:
        transport = "udp" if self._network.carries_udp else "tcp"
        return Question(resolver=Resolver.VANTAGE, transport=transport)

    async def ask_vantage(self) -> None:
        """Ask the vantage's own resolver alone, for IPv4 addresses."""
        await self._resolve(self._main_question)

    async def _resolve(self, question: Question) -> None:
        tries = [await self._ask(question, 1)]
        while _wants_another(question, tries) and await self._log.may_retry():
            async with asyncio.TaskGroup() as group:
                if self._canary is not None and question == self._main_question:
                    group.create_task(self._ask_for_canary(question, self._canary, len(tries) + 1))
                tries.append(await self._ask(question, len(tries) + 1))
        over_tcp = replace(question, transport="tcp")
        truncated = any(answer.truncated for one in tries for answer in one.answers)
        if truncated and question.resolver is not Resolver.SINK and over_tcp not in WITH_UDP:
            await self._resolve(over_tcp)

    async def _ask(self, question: Question, attempt: int) -> DnsObservation:
        return await self._send(
            question, self._name, attempt, lambda answer: self._take_answer(question.source, answer)
        )

    async def _ask_for_canary(self, question: Question, canary: str, attempt: int) -> None:
        """A resolver or a router that limits rates drops or refuses whatever comes too fast, one name and not
        the next: what the canary meets at the same time tells that from a filter."""
        await self._send(question, canary, attempt, lambda answer: None)

    async def _send(
        self, question: Question, name: str, attempt: int, on_answer: Callable[[DnsAnswer], None]
    ) -> DnsObservation:
        server, exchange = self._prepare(question, attempt)
        # The sink serves nobody, so nothing there can be flooded.
        is_limited = question.resolver is not Resolver.SINK
        async with self._resolvers.in_flight.place(
            server, question.transport if is_limited else "unlimited", is_retry=attempt > 1
        ) as give_back:

            def take(answer: DnsAnswer) -> None:
                give_back()
                on_answer(answer)

            return await registry.DNS.measure(
                self._log,
                exchange=exchange,
                transport=question.transport,
                resolver=question.resolver,
                server=server,
                name=name,
                attempt=attempt,
                query_type=question.query_type,
                on_answer=take,
            )

    def _prepare(self, question: Question, attempt: int) -> tuple[Endpoint, Exchange]:
        if question.transport in ("dot", "doh"):
            secure = self._resolvers.dot if question.transport == "dot" else self._resolvers.doh
            return secure.server, secure.exchange(self._log, attempt)
        server = self._resolvers.server(question.resolver)
        if question.transport == "tcp":
            return server, over_tcp(self._network, self._log, server)
        # No answer is expected from the sink, so the wait is only as long as for a second one.
        wait_s = SECOND_ANSWER_WAIT_S if question.resolver is Resolver.SINK else UDP_TIMEOUT_S
        return server, over_udp(self._network, self._log, server, wait_s=wait_s)

    async def _identify(self, resolver: Resolver) -> None:
        server, exchange = self._prepare(Question(resolver=resolver, transport="udp"), 1)
        async with self._resolvers.in_flight.place(server, "udp") as give_back:
            await registry.DNS.measure(
                self._log,
                exchange=exchange,
                transport="udp",
                resolver=resolver,
                server=server,
                name=IDENTITY_NAME,
                query_type="TXT",
                on_answer=lambda answer: give_back(),
            )

    def _take_answer(self, source: str, answer: DnsAnswer) -> None:
        for is_v6 in (False, True):
            accepted = self._accepted.setdefault((source, is_v6), set())
            new = [one for one in answer.addresses if (":" in one) is is_v6 and one not in accepted]
            for address in new[: min(MAX_OF_ANSWER, MAX_OF_SOURCE - len(accepted))]:
                accepted.add(address)
                self._on_address(address)


def is_routable(address: str) -> bool:
    """Return whether an address is public: a forged answer must not aim us at our own network."""
    return ipaddress.ip_address(address).is_global


def _wants_another(question: Question, tries: list[DnsObservation]) -> bool:
    """An answer settles the question, unless it says that the server would not or could not: a forwarder
    whose table is full refuses every name for a moment. That and silence are asked again, over UDP once more
    where the tries disagree or the server may have been flooded. From an address that serves no DNS silence
    is expected."""
    last = tries[-1]
    if question.resolver is Resolver.SINK or (last.answers and last.failure not in PASSING):
        return False
    if len(tries) < N_ATTEMPTS:
        return True
    failures = {one.failure for one in tries}
    is_open = failures in ({Failure.TIMEOUT}, {Failure.DNS_REFUSED}) or len(failures) > 1
    return question.transport == "udp" and is_open and len(tries) < N_UDP_ATTEMPTS
