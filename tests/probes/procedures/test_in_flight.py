"""A round's own queries come to a resolver a few at a time, and none waits for another's silence."""

import asyncio
import time

import pytest

from probes.procedures import in_flight
from probes.procedures.in_flight import MAX_IN_FLIGHT, MAX_RETRIES_IN_FLIGHT, QueriesInFlight
from probes.records import Endpoint

SERVER = Endpoint(address="192.0.2.53", port=53)
OTHER = Endpoint(address="8.8.8.8", port=53)


class Resolver:
    """Counts the queries that wait at it; answers each after a while, or never."""

    def __init__(self, answer_s: float | None) -> None:
        self.answer_s = answer_s
        self.n_waiting = self.n_most = 0
        self.began_s: list[float] = []

    async def ask(
        self,
        places: QueriesInFlight,
        server: Endpoint,
        transport: str,
        listen_s: float,
        *,
        is_retry: bool = False,
    ) -> None:
        async with places.place(server, transport, is_retry=is_retry) as give_back:
            self.began_s.append(time.monotonic())
            self.n_waiting += 1
            self.n_most = max(self.n_most, self.n_waiting)
            if self.answer_s is not None:
                await asyncio.sleep(self.answer_s)
                self.n_waiting -= 1
                give_back()
            await asyncio.sleep(listen_s)


async def ask_all(
    resolver: Resolver, transport: str, *, n: int = 24, listen_s: float = 0.0, is_retry: bool = False
) -> float:
    places, started = QueriesInFlight(), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(n):
            group.create_task(resolver.ask(places, SERVER, transport, listen_s, is_retry=is_retry))
    return max(resolver.began_s) - started


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_only_so_many_wait_at_a_time(transport: str) -> None:
    resolver = Resolver(0.01)
    await ask_all(resolver, transport)
    assert resolver.n_most == MAX_IN_FLIGHT[transport] < 10


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_fewer_retries_wait_at_a_time(transport: str) -> None:
    resolver = Resolver(0.01)
    await ask_all(resolver, transport, is_retry=True)
    assert resolver.n_most == MAX_RETRIES_IN_FLIGHT < MAX_IN_FLIGHT[transport]


async def test_a_healthy_round_hardly_waits() -> None:
    """The window for second answers is no reason to hold up other questions."""
    assert await ask_all(Resolver(0.005), "udp", listen_s=0.5) < 0.25


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_silent_resolver_holds_up_no_question_for_long(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(in_flight.MAX_HELD_S, transport, 0.05)
    assert await ask_all(Resolver(None), transport, listen_s=0.5) < 0.4


async def test_resolvers_and_transports_do_not_wait_for_each_other() -> None:
    places = QueriesInFlight()
    silent, other = Resolver(None), Resolver(0.0)
    async with asyncio.timeout(0.25), asyncio.TaskGroup() as group:
        for _ in range(MAX_IN_FLIGHT["udp"]):
            group.create_task(silent.ask(places, SERVER, "udp", 0.2))
        await asyncio.sleep(0)
        for server, transport in ((SERVER, "tcp"), (OTHER, "udp"), (SERVER, "dot")):
            group.create_task(other.ask(places, server, transport, 0.0))
        await asyncio.sleep(0.05)
        assert len(other.began_s) == 3


async def test_cancelled_queries_give_their_places_back() -> None:
    places = QueriesInFlight()
    tasks = [asyncio.create_task(Resolver(None).ask(places, SERVER, "tcp", 9.0)) for _ in range(9)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    after = Resolver(0.0)
    async with asyncio.timeout(0.1):
        await after.ask(places, SERVER, "tcp", 0.0)
    assert len(after.began_s) == 1
