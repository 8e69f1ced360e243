"""The kinds of way out that a probe can take: how each opens its sockets. `KINDS` is the one table.

A new kind that opens sockets (such as `ssh`) is a class here and a line in `KINDS`; `Network` takes it from
there. What a settings file may say for it, and its words in the docs, are not the probe's concern.
"""

import asyncio
import contextlib
import ctypes
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from python_socks import ProxyError, ProxyType
from python_socks._errors import IncompleteReadError
from python_socks.async_.asyncio import Proxy

from probes.failures import ConnectError, ProxyClosedError, VantageError
from probes.records import Endpoint
from probes.transport.error_queue import queue_errors, read_error_queue

NETNS_DIR: Final = Path("/run/netns")
NETNS_CONFIG_DIR: Final = Path("/etc/netns")
_SYSTEM_RESOLVER_FILE: Final = Path("/etc/resolv.conf")
_CLONE_NEWNET: Final = 0x40000000


@dataclass(frozen=True, slots=True)
class WayOut:
    """A way out, and what holds for most kinds. `value` says which device, address and so on.

    Errors: VantageError from any method when the device, namespace, address or proxy is not there.
    """

    name: ClassVar[str]
    carries_udp: ClassVar[bool] = True

    value: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.value}" if self.value else self.name

    def resolver_file(self) -> Path:
        """Return the resolv.conf that holds on this way."""
        return _SYSTEM_RESOLVER_FILE

    def open_socket(self, endpoint: Endpoint, kind: socket.SocketKind) -> socket.socket:
        """Return a non-blocking socket, not connected yet, that will send to the endpoint this way."""
        family = socket.AF_INET6 if ":" in endpoint.address else socket.AF_INET
        sock = self._create_socket(family, kind)
        try:
            sock.setblocking(False)
            self._bind(sock, endpoint)
        except OSError as error:
            sock.close()
            raise VantageError(f"{self}: {error}") from error
        except BaseException:
            sock.close()
            raise
        return sock

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        """Return a connected, non-blocking TCP socket. The caller holds the deadline and closes it.

        Errors: ConnectError, an OSError.
        """
        sock = self.open_socket(endpoint, socket.SOCK_STREAM)
        try:
            # Requests follow a handshake at once; Nagle's wait for its ACK would pass for the server's time.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            queue_errors(sock)
            await asyncio.get_running_loop().sock_connect(sock, (endpoint.address, endpoint.port))
            # An established connection outlives ICMP errors, unless they are queued (tcp(7)).
            queue_errors(sock, on=False)
        except OSError as error:
            queued = tuple(read_error_queue(sock))
            own_address = sock.getsockname()[0]
            sock.close()
            raise ConnectError(error, queued=queued, own_address=own_address) from error
        except BaseException:
            sock.close()
            raise
        return sock

    def _create_socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        return socket.socket(family, kind)

    def _bind(self, sock: socket.socket, endpoint: Endpoint) -> None:
        """Tie a new socket to this way, where its creation has not done so."""


class Direct(WayOut):
    """Whatever route the machine takes."""

    __slots__ = ()
    name = "direct"


class Device(WayOut):
    """A network device, by name."""

    __slots__ = ()
    name = "device"

    def _bind(self, sock: socket.socket, endpoint: Endpoint) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.value.encode())


class SourceAddress(WayOut):
    """An address of the machine; policy routing decides by it."""

    __slots__ = ()
    name = "source"

    def _bind(self, sock: socket.socket, endpoint: Endpoint) -> None:
        if (ipaddress.ip_address(self.value).version == 6) != (sock.family == socket.AF_INET6):
            raise VantageError(f"source {self.value} cannot reach {endpoint.address}: other IP version")
        sock.bind((self.value, 0))


class NetworkNamespace(WayOut):
    """A network namespace, by the conventions of ip-netns(8).

    A socket stays in the namespace it was created in, so only the creation happens inside.
    """

    __slots__ = ()
    name = "netns"

    def resolver_file(self) -> Path:
        own = NETNS_CONFIG_DIR / self.value / "resolv.conf"
        return own if own.is_file() else _SYSTEM_RESOLVER_FILE

    def _create_socket(self, family: socket.AddressFamily, kind: socket.SocketKind) -> socket.socket:
        with self._inside():
            return socket.socket(family, kind)

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
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


class Socks5Proxy(WayOut):
    """A SOCKS5 proxy without a password, HOST:PORT. It carries TCP only, so QUIC is not tried."""

    __slots__ = ()
    name = "socks5"
    carries_udp = False

    async def connect_tcp(self, endpoint: Endpoint) -> socket.socket:
        host, _, port = self.value.rpartition(":")
        proxy = Proxy(ProxyType.SOCKS5, host.strip("[]"), int(port))
        try:
            sock: socket.socket = await proxy.connect(endpoint.address, endpoint.port, timeout=3600)
        except ProxyError as error:
            if error.error_code is None and isinstance(error.__context__, IncompleteReadError):
                raise ProxyClosedError(str(error)) from error
            raise
        except ConnectionError as error:
            # A proxy that closes without a reply resets where it had not read everything, else it ends: the
            # same word either way.
            raise ProxyClosedError(str(error)) from error
        except OSError as error:
            raise VantageError(f"{self}: {error}") from error
        sock.setblocking(False)
        return sock


KINDS: Final[Mapping[str, type[WayOut]]] = {
    kind.name: kind for kind in (Direct, Device, SourceAddress, NetworkNamespace, Socks5Proxy)
}


if sys.version_info >= (3, 12):

    def _setns(fd: int) -> None:
        os.setns(fd, _CLONE_NEWNET)

else:
    _libc = ctypes.CDLL(None, use_errno=True)

    def _setns(fd: int) -> None:
        if _libc.setns(fd, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
