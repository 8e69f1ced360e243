"""What the kernel queues about an ICMP error: struct sock_extended_err and the sender's address.

Source: linux/errqueue.h; types and codes of RFC 792 and RFC 4443.
"""

import ipaddress
import struct
from typing import Final

from probes.records import Heard

_ERROR: Final = struct.Struct("=IBBBBII")
# Linux's numbers of the address families.
_AF_INET: Final = 2
_AF_INET6: Final = 10
_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMP6: Final = 3
_TIME_EXCEEDED: Final = {_ORIGIN_ICMP: 11, _ORIGIN_ICMP6: 3}
_UNREACHABLE: Final = {_ORIGIN_ICMP: 3, _ORIGIN_ICMP6: 1}
_PORT_UNREACHABLE: Final = {_ORIGIN_ICMP: 3, _ORIGIN_ICMP6: 4}


def parse_socket_error(data: bytes) -> tuple[Heard, str | None] | None:
    """Return what an extended socket error says and the address of the router that sent it.

    None when it did not come from an ICMP message. The far end's own "port unreachable" is `refused`.
    """
    if len(data) < _ERROR.size:
        return None
    _, origin, kind, code, *_ = _ERROR.unpack_from(data)
    if origin not in _TIME_EXCEEDED:
        return None
    router = _address(data[_ERROR.size :])
    if kind == _TIME_EXCEEDED[origin]:
        return Heard.TIME_EXCEEDED, router
    if kind == _UNREACHABLE[origin] and code == _PORT_UNREACHABLE[origin]:
        return Heard.REFUSED, router
    return Heard.UNREACHABLE, router


def _address(data: bytes) -> str | None:
    """Read a sockaddr_in or sockaddr_in6; None for any other family."""
    if len(data) < 2:
        return None
    family = struct.unpack_from("=H", data)[0]
    if family == _AF_INET and len(data) >= 8:
        return str(ipaddress.IPv4Address(data[4:8]))
    if family == _AF_INET6 and len(data) >= 24:
        return str(ipaddress.IPv6Address(data[8:24]))
    return None
