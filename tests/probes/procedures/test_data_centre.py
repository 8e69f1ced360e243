"""The steps at one endpoint of a data centre, on local servers: what is tried, and how often."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lab.services.data_centre import serve_data_centre
from probes.procedures.data_centre import measure_data_centre
from probes.records import (
    SPARE_PORT,
    AnyObservation,
    Endpoint,
    Failure,
    HopsObservation,
    MtprotoObservation,
    Target,
    TargetKind,
    TcpObservation,
)
from probes.session import ObservationLog
from probes.transport.network import Network
from probes.transport.trust import Trust
from tests.probes.local import LocalNetwork, Serve, close, serve

DC2 = Target(name="dc2", kind=TargetKind.DATA_CENTRE, addresses=("149.154.167.51",), ports=(443,))
ENDPOINT = Endpoint(address="149.154.167.51", port=443)
FIRST, REST = {"obfuscated": 1, "abridged": 1}, {"intermediate": 1, "padded": 1, "http": 1}
TWICE = {"obfuscated": 2, "abridged": 2}


async def data_centre(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await serve_data_centre(reader, writer)
    except ValueError:  # as the lab's listener does: what is not MTProto is closed
        return


async def data_centre_for_the_app_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close every transport that its first bytes reveal."""
    head = await reader.readexactly(8)
    if head[:1] == b"\xef" or head[:4] in (b"\xee" * 4, b"\xdd" * 4, b"POST"):
        return
    again = asyncio.StreamReader()
    again.feed_data(head + await reader.read(65536))
    await data_centre(again, writer)


class FirstConnectRefused(LocalNetwork):
    """The very first connect is lost, as a single packet may be."""

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        if not REFUSED:
            REFUSED.append(endpoint)
            raise ConnectionRefusedError(111, "refused once")
        return await LocalNetwork.connect_tcp(self, endpoint)


REFUSED: list[Endpoint] = []


@pytest.fixture(autouse=True)
def _none_refused() -> None:
    REFUSED.clear()


async def measured(network: Network) -> tuple[AnyObservation, ...]:
    log = ObservationLog(deadline_s=5.0)
    await measure_data_centre(network, log, Trust(), DC2)
    return log.observations()


@asynccontextmanager
async def served(handler: Serve, kind: type[LocalNetwork] = LocalNetwork) -> AsyncIterator[LocalNetwork]:
    async with serve(handler) as port:
        yield kind(ports={ENDPOINT: port})


def tried(observations: tuple[AnyObservation, ...]) -> Counter[str]:
    return Counter(o.transport for o in observations if isinstance(o, MtprotoObservation))


async def test_two_transports_where_nothing_is_wrong() -> None:
    async with served(data_centre) as network:
        observations = await measured(network)
    assert tried(observations) == FIRST
    assert all(o.nonce_echoed for o in observations if isinstance(o, MtprotoObservation))


async def test_where_one_fails_it_is_tried_again_and_the_others_once() -> None:
    async with served(data_centre_for_the_app_only) as network:
        observations = await measured(network)
    assert tried(observations) == {"obfuscated": 1, "abridged": 2, **REST}
    proved = {o.transport for o in observations if isinstance(o, MtprotoObservation) and o.nonce_echoed}
    assert proved == {"obfuscated"}


async def test_where_all_fail_everything_is_tried() -> None:
    async with served(close) as network:
        observations = await measured(network)
    assert tried(observations) == TWICE | REST


async def test_the_spare_port_is_tried_where_the_usual_ones_fail() -> None:
    spare = Endpoint(address=ENDPOINT.address, port=SPARE_PORT)
    async with serve(close) as broken, serve(data_centre) as works:
        observations = await measured(LocalNetwork(ports={ENDPOINT: broken, spare: works}))
    proved = [o for o in observations if isinstance(o, MtprotoObservation) and o.nonce_echoed]
    assert {(o.endpoint, o.transport) for o in proved} == {(spare, transport) for transport in FIRST}


async def test_the_spare_port_is_left_alone_where_one_transport_works() -> None:
    async with served(data_centre_for_the_app_only) as network:
        observations = await measured(network)
    assert {o.endpoint.port for o in observations if isinstance(o, TcpObservation)} == {443}


async def test_a_connect_lost_once_hides_no_filter_of_what_is_said() -> None:
    async with served(close, FirstConnectRefused) as network:
        observations = await measured(network)
    assert tried(observations) == {"obfuscated": 1, "abridged": 2, **REST}
    usual = [o for o in observations if isinstance(o, TcpObservation) and o.endpoint == ENDPOINT]
    connects = Counter(o.failure for o in usual)
    assert connects == {Failure.CONNECTION_REFUSED: 1, None: 6}


async def test_a_connect_lost_once_is_made_again() -> None:
    async with served(data_centre, FirstConnectRefused) as network:
        observations = await measured(network)
    assert tried(observations) == FIRST | REST
    assert all(o.nonce_echoed for o in observations if isinstance(o, MtprotoObservation))


async def test_where_nothing_connects_nothing_is_said() -> None:
    observations = await measured(LocalNetwork())
    connects = [o.endpoint.port for o in observations if isinstance(o, TcpObservation)]
    assert Counter(connects) == {443: 3, SPARE_PORT: 3} and len(connects) == len(observations)
    assert tried(observations) == {}
    assert not any(isinstance(o, HopsObservation) for o in observations)  # a proxy sends no packets of ours
