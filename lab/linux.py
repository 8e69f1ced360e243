"""The few Linux calls the standard library lacks in Python 3.11: unshare, setns, mount, prctl."""

import ctypes
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000

_PR_SET_PDEATHSIG: Final = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process (this thread, for network and mounts) into new namespaces. Errors: OSError."""
    _check(_libc.unshare(flags), "unshare")


def set_network_namespace(fd: int) -> None:
    """Move this thread into the network namespace behind `fd`. Errors: OSError."""
    _check(_libc.setns(fd, CLONE_NEWNET), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount as mount(2) does. Errors: OSError naming the target."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        options.encode() or None,
    )
    _check(result, f"mount {target}")


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, however the parent ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


def _own_network_namespace() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def new_network_namespace() -> int:
    """Return an open descriptor of a fresh network namespace; it lives as long as something holds it."""
    home = _own_network_namespace()
    try:
        unshare(CLONE_NEWNET)
        try:
            return _own_network_namespace()
        finally:
            set_network_namespace(home)
    finally:
        os.close(home)


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Move this thread into a network namespace for the block. Never await or start a thread in it:
    what starts there stays there."""
    home = _own_network_namespace()
    try:
        set_network_namespace(fd)
        try:
            yield
        finally:
            set_network_namespace(home)
    finally:
        os.close(home)


def open_socket(fd: int, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Return a non-blocking socket that belongs for ever to the network namespace behind `fd`."""
    with inside(fd):
        sock = socket.socket(family, kind, protocol)
    sock.setblocking(False)
    return sock
