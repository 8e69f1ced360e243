"""The steps for a host name: resolve, then every address found or known, then follow-ups to failures."""

import asyncio
import ipaddress
from typing import Final

from probes.http import measure_http
from probes.names import NameSteps, Resolvers
from probes.network import Network
from probes.notebook import Notebook
from probes.quic import measure_quic
from probes.records import (
    Endpoint,
    Failure,
    HttpObservation,
    Purpose,
    Target,
    TargetKind,
    TlsObservation,
)
from probes.streams import PlainStream, TlsStream
from probes.tcp import measure_tcp
from probes.throughput import measure_throughput
from probes.tls import measure_tls
from probes.trust import Trust

RETRY_PAUSE_S: Final = 0.3
N_ATTEMPTS: Final = 2
MAX_ADDRESSES: Final = 6
# A body slower than this is measured again, to be compared with the control host's.
SLOW_BODY_BPS: Final = 1_000_000
SLOW_BODY_MIN_BYTES: Final = 8_000
SLOW_TLS_S: Final = 1.5


class HostSteps:
    """One measurement of one host name. An address is tested once, whoever named it."""

    def __init__(
        self,
        *,
        network: Network,
        notebook: Notebook,
        trust: Trust,
        target: Target,
        control: str,
        resolvers: Resolvers,
    ) -> None:
        self._network = network
        self._notebook = notebook
        self._trust = trust
        self._target = target
        self._control = control
        self._resolvers = resolvers
        # One IP version must not take the room of the other.
        self._tested: dict[bool, set[str]] = {False: set(), True: set()}
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Run every step; returns when the last one has ended, at the latest at the deadline."""
        async with self._group as group:
            for address in self._target.addresses:
                self._test_address(address)
            names = NameSteps(
                self._network, self._notebook, self._resolvers, self._target.name, self._test_address
            )
            group.create_task(names.run(identify=self._target.kind is TargetKind.CONTROL_HOST))

    def _test_address(self, address: str) -> None:
        family = self._tested[":" in address]
        if address in family or len(family) >= MAX_ADDRESSES or not _is_routable(address):
            return
        family.add(address)
        self._group.create_task(self._test_plain_http(Endpoint(address=address, port=80)))
        self._group.create_task(self._test_tls(Endpoint(address=address, port=443)))
        if self._network.carries_udp:
            self._group.create_task(self._test_quic(Endpoint(address=address, port=443)))

    async def _test_quic(self, endpoint: Endpoint) -> None:
        for attempt in range(1, N_ATTEMPTS + 1):
            observation = await measure_quic(
                self._network, self._notebook, endpoint=endpoint, attempt=attempt
            )
            if observation.failure is not Failure.TIMEOUT or not await self._may_retry():
                return

    async def _test_plain_http(self, endpoint: Endpoint) -> None:
        for attempt in range(1, N_ATTEMPTS + 1):
            _, stream = await measure_tcp(self._network, self._notebook, endpoint=endpoint, attempt=attempt)
            if stream is not None:
                with stream:
                    observation = await self._get(stream, endpoint, over_tls=False, attempt=attempt)
                if observation.failure is None:
                    return
            if not await self._may_retry():
                return

    async def _test_tls(self, endpoint: Endpoint) -> None:
        harmless: asyncio.Task[None] | None = None
        for attempt in range(1, N_ATTEMPTS + 1):
            _, stream = await measure_tcp(self._network, self._notebook, endpoint=endpoint, attempt=attempt)
            if stream is not None:
                with stream:
                    handshake, tls = await self._shake_hands(stream, endpoint, attempt=attempt)
                    page = await self._get(tls, endpoint, over_tls=True, attempt=attempt) if tls else None
                if page is not None and page.failure is None:
                    if self._is_slow(handshake, page):
                        await self._measure_speed(endpoint)
                    return
                if harmless is None and self._target.kind is TargetKind.HOST:
                    # The pair separates a name that is filtered from an address that is dead.
                    harmless = self._group.create_task(self._test_harmless_name(endpoint))
            if not await self._may_retry():
                return

    async def _test_harmless_name(self, endpoint: Endpoint) -> None:
        for attempt in range(1, N_ATTEMPTS + 1):
            _, stream = await measure_tcp(self._network, self._notebook, endpoint=endpoint, attempt=attempt)
            if stream is not None:
                with stream:
                    observation, _ = await self._shake_hands(
                        stream, endpoint, attempt=attempt, purpose=Purpose.HARMLESS_NAME
                    )
                if observation.failure is None:
                    return
            if not await self._may_retry():
                return

    async def _measure_speed(self, endpoint: Endpoint) -> None:
        """Transfer once more, with the target's name and (beside it) with a harmless one."""
        purposes = [Purpose.TARGET]
        if self._target.kind is TargetKind.HOST:
            purposes.append(Purpose.HARMLESS_NAME)
        async with asyncio.TaskGroup() as group:
            for purpose in purposes:
                group.create_task(self._transfer(endpoint, purpose))

    async def _transfer(self, endpoint: Endpoint, purpose: Purpose) -> None:
        _, stream = await measure_tcp(self._network, self._notebook, endpoint=endpoint, attempt=2)
        if stream is None:
            return
        with stream:
            observation, tls = await self._shake_hands(stream, endpoint, attempt=2, purpose=purpose)
            if tls is not None:
                await measure_throughput(
                    self._notebook,
                    stream=tls,
                    endpoint=endpoint,
                    server_name=observation.server_name,
                    host=self._target.name,
                    purpose=purpose,
                )

    async def _shake_hands(
        self, stream: PlainStream, endpoint: Endpoint, *, attempt: int, purpose: Purpose = Purpose.TARGET
    ) -> tuple[TlsObservation, TlsStream | None]:
        return await measure_tls(
            self._trust,
            self._notebook,
            stream=stream,
            endpoint=endpoint,
            server_name=self._target.name if purpose is Purpose.TARGET else self._control,
            purpose=purpose,
            attempt=attempt,
        )

    async def _get(
        self, stream: PlainStream | TlsStream, endpoint: Endpoint, *, over_tls: bool, attempt: int
    ) -> HttpObservation:
        return await measure_http(
            self._notebook,
            stream=stream,
            endpoint=endpoint,
            over_tls=over_tls,
            host=self._target.name,
            attempt=attempt,
        )

    async def _may_retry(self) -> bool:
        await asyncio.sleep(max(0.0, min(RETRY_PAUSE_S, self._notebook.left_s())))
        return self._notebook.left_s() > 0

    @staticmethod
    def _is_slow(handshake: TlsObservation, page: HttpObservation) -> bool:
        body_s = page.duration_s - (page.first_byte_s or page.duration_s)
        slow_body = (
            page.received_bytes >= SLOW_BODY_MIN_BYTES and page.received_bytes * 8 < SLOW_BODY_BPS * body_s
        )
        return slow_body or handshake.duration_s > SLOW_TLS_S


def _is_routable(address: str) -> bool:
    """Never connect where a forged answer could aim us at this machine or its neighbours."""
    return ipaddress.ip_address(address).is_global
