"""The sockets of one vantage point: TCP and UDP to an endpoint, through whichever way out it has.

`probes.transport.kinds` knows how each kind of way out opens a socket; no other module opens any.
Everything after the opening runs on the one event loop of the process.
"""

import contextlib
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from probes.failures import VantageError as VantageError
from probes.records import Endpoint
from probes.transport.kinds import KINDS, WayOut

_IP_RECVTTL: Final = 12


@dataclass(frozen=True, slots=True)
class Network:
    """One vantage point's way out. `kind` is a name in `KINDS`.

    Errors: ValueError for another kind. A device, namespace or address that is missing shows when a
    socket is opened, as VantageError: it may come and go while the system runs.
    """

    kind: str = "direct"
    value: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"via: expected one of {', '.join(KINDS)}, got {self.kind!r}")

    def __str__(self) -> str:
        return str(self._way_out)

    @property
    def _way_out(self) -> WayOut:
        return KINDS[self.kind](self.value)

    @property
    def carries_udp(self) -> bool:
        """Where only TCP gets through, DNS goes over TCP and QUIC is not tried."""
        return self._way_out.carries_udp

    def resolver_file(self) -> Path:
        """Return the resolv.conf that holds for this network."""
        return self._way_out.resolver_file()

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        """Return a connected, non-blocking TCP socket. The caller holds the deadline and closes it."""
        return await self._way_out.connect_tcp(endpoint)

    def open_tcp(self, endpoint: Endpoint) -> socket.socket:
        """Return a non-blocking TCP socket that is not connected yet. No proxy can provide one."""
        return self._way_out.open_socket(endpoint, socket.SOCK_STREAM)

    def open_udp(self, endpoint: Endpoint) -> socket.socket:
        """Return a non-blocking UDP socket connected to the endpoint, so that ICMP errors reach it."""
        sock = self._way_out.open_socket(endpoint, socket.SOCK_DGRAM)
        try:
            # An injector is closer than the server: what it sends has crossed fewer hops.
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
            sock.connect((endpoint.address, endpoint.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def has_route(self, endpoint: Endpoint) -> bool:
        """Say whether this machine has a way there at all; a UDP connect asks its tables and sends nothing.

        Behind a proxy only the proxy knows: True.
        """
        if not self.carries_udp:
            return True
        try:
            self.open_udp(endpoint).close()
        except (OSError, VantageError):
            return False
        return True


def load_system_resolver(network: Network) -> str:
    """Return the address of the first name server the system is set to use on this network.

    Errors: VantageError when the file is missing or names none.
    Source: resolv.conf(5).
    """
    path = network.resolver_file()
    try:
        lines = path.read_text(encoding="utf-8", errors="replace")[:65536].splitlines()
    except OSError as error:
        raise VantageError(f"resolver system: {error}") from error
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                return str(ipaddress.ip_address(words[1].partition("%")[0]))
    raise VantageError(f"resolver system: {path} names no nameserver")
