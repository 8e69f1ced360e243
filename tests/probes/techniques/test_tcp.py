"""One connect: what the kernel, a router or this machine's own firewall said of it."""

import errno
import os
import socket
from dataclasses import dataclass

import pytest

from probes.failures import ConnectError
from probes.records import Endpoint, Failure, TcpObservation
from probes.session import ObservationLog
from probes.techniques.tcp import measure_tcp
from probes.transport.network import Network
from tests.probes.local import close, serve
from tests.probes.wire.test_icmp import ICMP, ICMP6, LOCAL, ROUTER, ROUTER_V6, error, sender

OWN, OWN_V6 = "10.11.1.100", "2001:db8::100"


@dataclass(frozen=True, slots=True)
class Failing(Network):
    """Every connect ends with this error and these messages."""

    code: int = 0
    queued: tuple[bytes, ...] = ()
    own_address: str = OWN

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        reason = OSError(self.code, os.strerror(self.code))
        raise ConnectError(reason, queued=self.queued, own_address=self.own_address)


async def connect(network: Network, endpoint: Endpoint) -> TcpObservation:
    observation, stream = await measure_tcp(network, ObservationLog(deadline_s=5), endpoint=endpoint)
    if stream is not None:
        stream.close()
    return observation


@pytest.mark.parametrize(
    ("situation", "code", "queued", "failure"),
    [
        ("no message", errno.EHOSTUNREACH, b"", Failure.HOST_UNREACHABLE),
        ("a reset", errno.ECONNREFUSED, b"", Failure.CONNECTION_REFUSED),
        ("a route that prohibits, or a rule", errno.EACCES, b"", Failure.VANTAGE),
        ("a rule", errno.EPERM, b"", Failure.VANTAGE),
        ("no such host", errno.EHOSTUNREACH, error(ICMP, 3, 1) + sender(ROUTER), Failure.HOST_UNREACHABLE),
        ("a filter", errno.EHOSTUNREACH, error(ICMP, 3, 13) + sender(ROUTER), Failure.ADMIN_PROHIBITED),
        ("a filter, IPv6", errno.EACCES, error(ICMP6, 1, 1) + sender(ROUTER_V6), Failure.ADMIN_PROHIBITED),
        ("no TCP", errno.ENOPROTOOPT, error(ICMP, 3, 2) + sender(ROUTER), Failure.PROTOCOL_UNREACHABLE),
        ("a loop", errno.EHOSTUNREACH, error(ICMP, 11) + sender(ROUTER), Failure.HOPS_EXCEEDED),
        (
            "of a new kind",
            errno.EPROTO,
            error(ICMP, 99) + sender(ROUTER),
            Failure.PARAMETER_PROBLEM,
        ),
        ("ourselves", errno.EHOSTUNREACH, error(ICMP, 3, 13) + sender(OWN), Failure.VANTAGE),
        ("ourselves, the port", errno.ECONNREFUSED, error(ICMP, 3, 3) + sender(OWN), Failure.VANTAGE),
        ("the kernel's own", errno.ENETUNREACH, error(LOCAL, 0), Failure.NETWORK_UNREACHABLE),
    ],
)
async def test_who_ended_a_connect(situation: str, code: int, queued: bytes, failure: Failure) -> None:
    network = Failing(code=code, queued=(queued,) if queued else ())
    seen = await connect(network, Endpoint(address="149.154.167.99", port=443))
    assert seen.failure is failure
    assert ("ICMP type" in (seen.detail or "")) is (bool(queued) and situation != "the kernel's own")


async def test_our_own_address_over_ipv6() -> None:
    network = Failing(code=errno.EACCES, queued=(error(ICMP6, 1, 1) + sender(OWN_V6),), own_address=OWN_V6)
    seen = await connect(network, Endpoint(address="2001:67c:4e8:f004::9", port=443))
    assert seen.failure is Failure.VANTAGE


async def test_a_closed_port_refuses_without_any_message() -> None:
    seen = await connect(Network(), Endpoint(address="127.0.0.1", port=1))
    assert seen.failure is Failure.CONNECTION_REFUSED and "ICMP" not in (seen.detail or "")


async def test_an_open_connection_no_longer_minds_icmp() -> None:
    """With queued errors the kernel would end it for any router's passing complaint (tcp(7))."""
    async with serve(close) as port:
        sock = await Network().connect_tcp(Endpoint(address="127.0.0.1", port=port))
        with sock:
            assert sock.getsockopt(socket.IPPROTO_IP, 11) == 0
