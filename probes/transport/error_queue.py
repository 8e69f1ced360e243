"""What the kernel queues about the ICMP errors that a socket met (ip(7), IP_RECVERR), as it comes.

The error's number alone says little: a router's "administratively prohibited" and its "no such host" are both
EHOSTUNREACH, and so is a rejection by this machine's own firewall.
"""

import contextlib
import socket
from typing import Final

_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_MSG_ERRQUEUE: Final = 0x2000
_V4: Final = (socket.IPPROTO_IP, _IP_RECVERR)
_V6: Final = (socket.IPPROTO_IPV6, _IPV6_RECVERR)


def queue_errors(sock: socket.socket, *, on: bool = True) -> None:
    """Have ICMP errors queued on the socket, or no longer."""
    level, option = _V6 if sock.family == socket.AF_INET6 else _V4
    sock.setsockopt(level, option, on)


def read_error_queue(sock: socket.socket) -> list[bytes]:
    """Empty the socket's queue and return each `struct sock_extended_err`, the sender's address behind it."""
    errors = []
    with contextlib.suppress(OSError):
        while True:
            _, ancillary, _, _ = sock.recvmsg(512, 512, _MSG_ERRQUEUE)
            errors += [data for level, kind, data in ancillary if (level, kind) in (_V4, _V6)]
    return errors
