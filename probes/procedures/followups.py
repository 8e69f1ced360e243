"""Steps after a failure: is it the name or the address, and where on the path does it happen?

After a match a filter may block everything from this client to that address for a while: residual blocking,
here called a penalty. So the harmless name is tried at once and, when that fails, again after a wait; the
target's second try comes after that. Nothing is sent to the canary's port 443: a penalty there would look
like an outage of the vantage point in this round and the next.
"""

import asyncio
import contextlib
import math
from typing import Final

from probes import registry
from probes.procedures.exchanges import ExchangeResult, Exchanges
from probes.procedures.names import Resolvers
from probes.records import (
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Payload,
    Purpose,
    Resolver,
    Target,
)
from probes.session import ObservationLog

# The longest penalty whose end can be seen; shorter where the deadline is nearer.
PENALTY_WAIT_S: Final = 4.0
# The harmless name goes this much before the target's second try, which would start the penalty again.
HEAD_START_S: Final = 0.4
# The target's second try, at its slowest, must still fit.
LAST_TRY_S: Final = 3.2
BROKEN: Final = frozenset(
    {Failure.CONNECTION_RESET, Failure.EOF, Failure.CONNECTION_ABORTED, Failure.TIMEOUT}
)


class Canary:
    """The canary as one round knows it: for each IP version an address that its own measurement has proved
    to work."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._addresses: dict[bool, str] = {}
        self._settled = {is_ipv6: asyncio.Event() for is_ipv6 in (False, True)}

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that are known to work, IPv4 first."""
        return tuple(address for _, address in sorted(self._addresses.items()))

    def note(self, address: str) -> None:
        """Record that this address was proved to work."""
        self._addresses[":" in address] = address
        self._settled[":" in address].set()

    def end(self) -> None:
        """Record that no more addresses will come."""
        for event in self._settled.values():
            event.set()

    def beside(self, endpoint: Endpoint) -> Endpoint | None:
        """Return the same port at the canary, over the same IP version; None until that is known to work."""
        address = self._addresses.get(":" in endpoint.address)
        return Endpoint(address=address, port=endpoint.port) if address else None

    async def find_beside(self, endpoint: Endpoint, log: ObservationLog) -> Endpoint | None:
        """Wait for an address until one is known, none can come any more, or the deadline is reached."""
        with contextlib.suppress(TimeoutError):
            async with log.timeout(math.inf):
                await self._settled[":" in endpoint.address].wait()
        return self.beside(endpoint)


class FollowUps:
    """The follow-ups of one measurement. Hops are measured once for each payload."""

    def __init__(
        self,
        exchanges: Exchanges,
        target: Target,
        canary: Canary,
        resolvers: Resolvers,
        group: asyncio.TaskGroup,
    ) -> None:
        self._exchanges = exchanges
        self._log = exchanges.log
        self._target = target
        self._canary = canary
        self._resolvers = resolvers
        self._group = group
        self._located: set[Payload] = set()

    async def handshake_broke_off(self, endpoint: Endpoint, first: ExchangeResult) -> None:
        """Try another name, and none, at the same address; return when the target may be tried again.

        Where the handshake finished and the request did not, the request for the harmless name is made too.
        """
        stalled = first.tls is not None and first.tls.failure is None
        host = self._canary.name if stalled else None
        if not stalled:
            self._group.create_task(
                self._exchanges.secure(endpoint, name="", host=None, purpose=Purpose.NO_NAME)
            )
        if (await self._harmless(endpoint, host, attempt=1)).worked:
            return
        await asyncio.sleep(self._penalty_wait_s())
        if not stalled:
            # The public resolver's web port: an address that nobody blocks and that no comparison depends on.
            elsewhere = Endpoint(address=self._resolvers.public.address, port=443)
            self._group.create_task(
                self._exchanges.secure(
                    elsewhere, name=self._target.name, host=None, purpose=Purpose.CANARY_ADDRESS
                )
            )
        again = self._group.create_task(self._harmless(endpoint, host, attempt=2))
        await asyncio.wait({again}, timeout=HEAD_START_S)

    async def _harmless(self, endpoint: Endpoint, host: str | None, *, attempt: int) -> ExchangeResult:
        return await self._exchanges.secure(
            endpoint, name=self._canary.name, host=host, purpose=Purpose.HARMLESS_NAME, attempt=attempt
        )

    def _penalty_wait_s(self) -> float:
        return max(0.0, min(PENALTY_WAIT_S, self._log.left_s() - LAST_TRY_S - HEAD_START_S))

    async def request_broke_off(self, endpoint: Endpoint) -> None:
        """Request the harmless host at the same address, and the target at the canary's, both on port 80."""
        first = await self._plain(endpoint, attempt=1)
        if first.worked:
            return
        await asyncio.sleep(self._penalty_wait_s())
        elsewhere = self._canary.beside(endpoint)
        if elsewhere is not None:
            self._group.create_task(
                self._exchanges.plain(elsewhere, host=self._target.name, purpose=Purpose.CANARY_ADDRESS)
            )
        again = self._group.create_task(self._plain(endpoint, attempt=2))
        await asyncio.wait({again}, timeout=HEAD_START_S)

    async def page_is_strange(self, page: HttpObservation) -> None:
        """Port 80 answered with an unexpected page: request another name and, if the answer differs, find the
        hop it comes from."""
        other = await self._plain(page.endpoint, attempt=1)
        if other.page is None or _gist(other.page) != _gist(page):
            await self.locate(page.endpoint, Payload.HTTP_REQUEST)

    async def _plain(self, endpoint: Endpoint, *, attempt: int) -> ExchangeResult:
        return await self._exchanges.plain(
            endpoint, host=self._canary.name, purpose=Purpose.HARMLESS_NAME, attempt=attempt
        )

    async def locate(self, endpoint: Endpoint, payload: Payload) -> None:
        """Send the payload with rising TTL, once with the target's name and once with a harmless one."""
        if not self._may_locate(payload):
            return
        async with asyncio.TaskGroup() as group:
            for name, purpose in (
                (self._target.name, Purpose.TARGET),
                (self._canary.name, Purpose.HARMLESS_NAME),
            ):
                group.create_task(self._hops(endpoint, payload, purpose, name))

    async def locate_connect(self, endpoint: Endpoint) -> None:
        """Send SYNs with rising TTL to the target's address, and to the canary's beside them.

        Skipped over an IP version in which not even the canary was reached.
        """
        # A connect can be refused before the canary has answered.
        elsewhere = await self._canary.find_beside(endpoint, self._log)
        if elsewhere is None or not self._may_locate(Payload.SYN):
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hops(endpoint, Payload.SYN, Purpose.TARGET, ""))
            group.create_task(self._hops(elsewhere, Payload.SYN, Purpose.CANARY_ADDRESS, ""))

    async def locate_forged_answer(self) -> None:
        """Measure hops where a query got too many answers: at the sink any, elsewhere two that differ."""
        for observation in self._log.observations():
            if isinstance(observation, DnsObservation) and observation.transport == "udp":
                expected = 0 if observation.resolver is Resolver.SINK else 1
                if len({(a.rcode, frozenset(a.addresses)) for a in observation.answers}) > expected:
                    await self.locate(observation.server, Payload.DNS_QUERY)
                    return

    def _may_locate(self, payload: Payload) -> bool:
        wanted = (
            payload not in self._located and self._exchanges.network.carries_udp and self._log.left_s() > 0
        )
        self._located.add(payload)
        return wanted

    async def _hops(self, endpoint: Endpoint, payload: Payload, purpose: Purpose, name: str) -> None:
        await registry.HOPS.measure(
            self._exchanges.network,
            self._log,
            self._exchanges.trust,
            endpoint=endpoint,
            payload=payload,
            name=name,
            purpose=purpose,
        )


def _gist(page: HttpObservation) -> tuple[int | None, str | None]:
    """Return what is equal in two pages when one server, or one portal, treats both names alike."""
    return page.status, next((value for name, value in page.headers if name.lower() == "location"), None)
