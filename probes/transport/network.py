"""The only place that opens sockets: through which namespace, device, source address or proxy.

A socket stays for ever in the network namespace it was created in, so only the creation happens
"inside"; everything after it runs on the one event loop of the process.
"""

import asyncio
import contextlib
import ctypes
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy

from probes.failures import VantageError as VantageError
from probes.records import Endpoint

NETNS_DIR: Final = Path("/run/netns")
_IP_RECVTTL: Final = 12
_CLONE_NEWNET: Final = 0x40000000
_KINDS: Final = ("direct", "device", "source", "netns", "socks5")


@dataclass(frozen=True, slots=True)
class Network:
    """One vantage point's way out. `kind` is one of direct, device, source, netns, socks5.

    Errors: ValueError for another kind. A device, namespace or address that is missing shows when a
    socket is opened, as VantageError: it may come and go while the system runs.
    """

    kind: str = "direct"
    value: str = ""

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise ValueError(f"via: expected one of {', '.join(_KINDS)}, got {self.kind!r}")

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}" if self.value else self.kind

    @property
    def carries_udp(self) -> bool:
        """A SOCKS5 proxy carries TCP only here: DNS goes over TCP, QUIC is not tried."""
        return self.kind != "socks5"

    def resolver_file(self) -> Path:
        """Return the resolv.conf that holds for this network, by the convention of ip-netns(8)."""
        own = Path("/etc/netns") / self.value / "resolv.conf"
        return own if self.kind == "netns" and own.is_file() else Path("/etc/resolv.conf")

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        """Return a connected, non-blocking TCP socket. The caller holds the deadline and closes it."""
        if self.kind == "socks5":
            return await self._connect_through_proxy(endpoint)
        sock = self.open_tcp(endpoint)
        try:
            # Requests follow a handshake at once; Nagle's wait for its ACK would pass for the server's time.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(sock, (endpoint.address, endpoint.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def open_tcp(self, endpoint: Endpoint) -> socket.socket:
        """Return a non-blocking TCP socket that is not connected yet. No proxy can be asked for one."""
        return self._open(endpoint, socket.SOCK_STREAM)

    def open_udp(self, endpoint: Endpoint) -> socket.socket:
        """Return a non-blocking UDP socket connected to the endpoint, so that ICMP errors reach it."""
        sock = self._open(endpoint, socket.SOCK_DGRAM)
        try:
            # An injector stands nearer than the server: what it sends has crossed fewer hops.
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

    def _open(self, endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        with self._namespace():
            sock = socket.socket(family, kind)
        try:
            sock.setblocking(False)
            if self.kind == "device":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.value.encode())
            elif self.kind == "source":
                if (ipaddress.ip_address(self.value).version == 6) != (family == socket.AF_INET6):
                    raise VantageError(
                        f"source {self.value} cannot reach {endpoint.address}: other IP version"
                    )
                sock.bind((self.value, 0))
        except OSError as error:
            sock.close()
            raise VantageError(f"{self}: {error}") from error
        except BaseException:
            sock.close()
            raise
        return sock

    @contextlib.contextmanager
    def _namespace(self) -> Iterator[None]:
        if self.kind != "netns":
            yield
            return
        try:
            inside = os.open(NETNS_DIR / self.value, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise VantageError(f"{self}: {error}") from error
        try:
            home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                try:
                    _setns(inside)
                except OSError as error:
                    raise VantageError(f"{self}: cannot enter: {error}") from error
                try:
                    yield
                finally:
                    _setns(home)
            finally:
                os.close(home)
        finally:
            os.close(inside)

    async def _connect_through_proxy(self, endpoint: Endpoint) -> socket.socket:
        host, _, port = self.value.rpartition(":")
        proxy = Proxy(ProxyType.SOCKS5, host.strip("[]"), int(port))
        try:
            sock: socket.socket = await proxy.connect(endpoint.address, endpoint.port, timeout=3600)
        except ProxyError:
            raise
        except OSError as error:
            raise VantageError(f"{self}: {error}") from error
        sock.setblocking(False)
        return sock


if sys.version_info >= (3, 12):

    def _setns(fd: int) -> None:
        os.setns(fd, _CLONE_NEWNET)

else:
    _libc = ctypes.CDLL(None, use_errno=True)

    def _setns(fd: int) -> None:
        if _libc.setns(fd, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))


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
