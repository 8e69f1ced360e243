"""Connects across the emulated Internet: what a router rejects has the router's name and address."""

import asyncio
from collections.abc import Iterator

import pytest

from lab.control import LabControl
from probes.records import Endpoint, Failure, TcpObservation
from probes.session import ObservationLog
from probes.techniques.tcp import measure_tcp
from probes.transport.network import Network

pytestmark = [pytest.mark.lab]


@pytest.fixture(autouse=True)
def _nothing_on(lab: LabControl) -> Iterator[None]:
    yield
    lab.reset()


def connect(address: str) -> TcpObservation:
    async def run() -> TcpObservation:
        log, endpoint = ObservationLog(deadline_s=5), Endpoint(address=address, port=443)
        observation, stream = await measure_tcp(Network("netns", "xl"), log, endpoint=endpoint)
        if stream is not None:
            stream.close()
        return observation

    return asyncio.run(run())


@pytest.mark.parametrize("address", ["149.154.167.99", "2001:67c:4e8:f004::9"])
def test_a_router_that_prohibits_says_so(lab: LabControl, address: str) -> None:
    assert connect(address).failure is None
    lab.switch("xl", "ip_reject", True, hosts=["t.me"])
    seen = connect(address)
    assert seen.failure is Failure.ADMIN_PROHIBITED
    assert "ICMP type" in (seen.detail or "")
