"""The steps for a host name: resolve, then every address found or known, then follow-ups to failures."""

import asyncio
from typing import Final
from urllib.parse import urlsplit

from probes import registry
from probes.procedures.exchanges import ExchangeResult, Exchanges
from probes.procedures.followups import BROKEN, Canary, FollowUps
from probes.procedures.names import NameSteps, Resolvers, is_routable
from probes.procedures.redirects import Redirects
from probes.records import NO_ROUTE, Endpoint, Failure, HttpObservation, Payload, Purpose, Target, TargetKind
from probes.session import N_ATTEMPTS, ObservationLog

# Of one IP version: the known ones, and those that each source may name (probes/procedures/names.py).
MAX_ADDRESSES: Final = 16
# A body slower than this is measured again, with the target's name and with a harmless one.
SLOW_BODY_BPS: Final = 1_000_000
SLOW_BODY_MIN_BYTES: Final = 4_000
SLOW_TLS_S: Final = 1.5


class HostSteps:
    """One measurement of one host name. Each address is tested once, whichever source named it.

    `measured` are the hosts that the same round measures.
    """

    def __init__(
        self,
        exchanges: Exchanges,
        *,
        target: Target,
        canary: Canary,
        resolvers: Resolvers,
        measured: frozenset[str] = frozenset(),
    ) -> None:
        self._exchanges = exchanges
        self._network = exchanges.network
        self._log: ObservationLog = exchanges.log
        self._target = target
        self._canary = canary
        self._resolvers = resolvers
        # One IP version must not use up the places of the other.
        self._tested: dict[bool, set[str]] = {False: set(), True: set()}
        self._web_app_asked: set[bool] = set()
        self._group = asyncio.TaskGroup()
        self._follow = FollowUps(exchanges, target, canary, resolvers, self._group)
        self._redirects = Redirects(exchanges, resolvers, measured | {target.name, canary.name})

    @property
    def _is_canary(self) -> bool:
        """The canary, which others are compared with, is itself compared with nothing."""
        return self._target.kind is TargetKind.CANARY

    async def run(self) -> None:
        """Run every step; return when the last one has ended, at the latest at the deadline."""
        try:
            async with self._group as group:
                for address in self._target.addresses:
                    self._test_address(address)
                group.create_task(self._resolve())
        finally:
            if self._is_canary:
                self._canary.end()

    async def _resolve(self) -> None:
        await NameSteps(
            self._network,
            self._log,
            self._resolvers,
            self._target.name,
            self._test_address,
            canary=None if self._is_canary else self._canary.name,
        ).run(identify=self._is_canary)
        if not self._is_canary:
            await self._follow.locate_forged_answer()

    def _test_address(self, address: str) -> None:
        family = self._tested[":" in address]
        if address in family or len(family) >= MAX_ADDRESSES or not is_routable(address):
            return
        family.add(address)
        self._group.create_task(self._test_plain_http(Endpoint(address=address, port=80)))
        self._group.create_task(self._test_tls(Endpoint(address=address, port=443)))
        if self._network.carries_udp:
            self._group.create_task(self._test_quic(Endpoint(address=address, port=443)))

    async def _test_quic(self, endpoint: Endpoint) -> None:
        for attempt in range(1, N_ATTEMPTS + 1):
            observation = await registry.QUIC.measure(
                self._network, self._log, self._exchanges.trust, endpoint=endpoint, attempt=attempt
            )
            if observation.failure is None:
                await self._test_quic_handshake(endpoint)
                return
            if observation.failure is not Failure.TIMEOUT or not await self._log.may_retry():
                return

    async def _test_quic_handshake(self, endpoint: Endpoint) -> None:
        """Versions were offered: does a handshake for this name succeed, and if not, for a harmless one?"""

        async def shake_hands(name: str, purpose: Purpose, attempt: int) -> bool:
            observation = await registry.QUIC.measure(
                self._network,
                self._log,
                self._exchanges.trust,
                endpoint=endpoint,
                server_name=name,
                purpose=purpose,
                attempt=attempt,
            )
            return observation.failure is None

        if await shake_hands(self._target.name, Purpose.TARGET, 1) or not await self._log.may_retry():
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(shake_hands(self._target.name, Purpose.TARGET, N_ATTEMPTS))
            if not self._is_canary:
                group.create_task(shake_hands(self._canary.name, Purpose.HARMLESS_NAME, 1))

    async def _test_plain_http(self, endpoint: Endpoint) -> None:
        outcome: ExchangeResult | None = None
        compared = self._is_canary
        for attempt in range(1, N_ATTEMPTS + 1):
            outcome = await self._exchanges.plain(endpoint, host=self._target.name, attempt=attempt)
            if outcome.worked:
                self._follow_redirect(outcome)
                if (
                    outcome.page is not None
                    and not self._is_canary
                    and not _redirects_to_itself(outcome.page)
                ):
                    await self._follow.page_is_strange(outcome.page)
                return
            if self._has_no_route(outcome):
                return
            if not compared and outcome.page is not None:
                compared = True
                await self._follow.request_broke_off(endpoint)
            if not await self._log.may_retry():
                return
        if outcome is not None and outcome.page is not None and not self._is_canary:
            await self._follow.locate(endpoint, Payload.HTTP_REQUEST)

    async def _test_tls(self, endpoint: Endpoint) -> None:
        name = self._target.name
        outcome: ExchangeResult | None = None
        compared = self._is_canary
        for attempt in range(1, N_ATTEMPTS + 1):
            outcome = await self._exchanges.secure(endpoint, name=name, host=name, attempt=attempt)
            self._ask_web_app(endpoint, outcome)
            if outcome.worked:
                self._note_canary(endpoint, outcome)
                self._follow_redirect(outcome)
                if self._is_slow(outcome):
                    await self._measure_speed(endpoint)
                return
            if self._has_no_route(outcome):
                return
            if not compared and outcome.tls is not None:
                compared = True
                await self._follow.handshake_broke_off(endpoint, outcome)
            if not await self._log.may_retry():
                return
        if outcome is not None and not self._is_canary:
            await self._locate(endpoint, outcome)

    def _ask_web_app(self, endpoint: Endpoint, outcome: ExchangeResult) -> None:
        """A certificate alone does not show that the web app works: once for each IP version."""
        is_ipv6 = ":" in endpoint.address
        if self._target.front_of and _is_proved(outcome) and is_ipv6 not in self._web_app_asked:
            self._web_app_asked.add(is_ipv6)
            self._group.create_task(self._test_web_app(endpoint))

    async def _test_web_app(self, endpoint: Endpoint) -> None:
        for attempt in range(1, N_ATTEMPTS + 1):
            outcome = await self._exchanges.web_app(endpoint, name=self._target.name, attempt=attempt)
            if outcome.worked or not await self._log.may_retry():
                return

    async def _locate(self, endpoint: Endpoint, outcome: ExchangeResult) -> None:
        if outcome.tls is None:
            await self._follow.locate_connect(endpoint)
        elif outcome.tls.failure in BROKEN:
            await self._follow.locate(endpoint, Payload.CLIENT_HELLO)

    def _follow_redirect(self, outcome: ExchangeResult) -> None:
        if outcome.page is not None and not self._is_canary:
            self._group.create_task(self._redirects.follow(outcome.page))

    def _note_canary(self, endpoint: Endpoint, outcome: ExchangeResult) -> None:
        if self._is_canary and _is_proved(outcome):
            self._canary.note(endpoint.address)

    async def _measure_speed(self, endpoint: Endpoint) -> None:
        """Transfer once more, with the target's name and side by side with a harmless one."""
        names = {Purpose.TARGET: self._target.name}
        if not self._is_canary:
            names[Purpose.HARMLESS_NAME] = self._canary.name
        async with asyncio.TaskGroup() as group:
            for purpose, name in names.items():
                group.create_task(self._transfer(endpoint, purpose, name))

    async def _transfer(self, endpoint: Endpoint, purpose: Purpose, name: str) -> None:
        _, stream = await registry.TCP.measure(self._network, self._log, endpoint=endpoint, attempt=2)
        if stream is None:
            return
        with stream:
            _, tls = await registry.TLS.measure(
                self._exchanges.trust,
                self._log,
                stream=stream,
                endpoint=endpoint,
                server_name=name,
                purpose=purpose,
                attempt=2,
            )
            if tls is not None:
                await registry.THROUGHPUT.measure(
                    self._log,
                    stream=tls,
                    endpoint=endpoint,
                    server_name=name,
                    host=self._target.name,
                    purpose=purpose,
                )

    def _has_no_route(self, outcome: ExchangeResult) -> bool:
        """Return whether this machine itself has no route, as without IPv6, so that another try is pointless.

        A router that reports the same is another matter.
        """
        tcp = outcome.tcp
        return tcp.failure in NO_ROUTE and not self._network.has_route(tcp.endpoint)

    @staticmethod
    def _is_slow(outcome: ExchangeResult) -> bool:
        page, handshake = outcome.page, outcome.tls
        if page is None or handshake is None:
            return False
        slow_body = (
            page.received_bytes >= SLOW_BODY_MIN_BYTES and page.rated_bytes * 8 < SLOW_BODY_BPS * page.rated_s
        )
        return slow_body or handshake.duration_s > SLOW_TLS_S


def _is_proved(outcome: ExchangeResult) -> bool:
    tls = outcome.tls
    return tls is not None and tls.failure is None and tls.certificate_failure is None


def _redirects_to_itself(page: HttpObservation) -> bool:
    """Return whether the page redirects within its own host, as a server does that wants TLS."""
    if page.status is None or not 300 <= page.status < 400:
        return False
    location = next((value for name, value in page.headers if name.lower() == "location"), "")
    try:
        return bool(location) and urlsplit(location).hostname in (None, page.host)
    except ValueError:
        return False
