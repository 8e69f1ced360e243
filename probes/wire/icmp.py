"""What the kernel queues about an ICMP error: struct sock_extended_err and the sender's address.

Source: linux/errqueue.h; types and codes of RFC 792, RFC 1122, RFC 1812 and RFC 4443.
"""

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from probes.records import Failure, Heard

_ERROR: Final = struct.Struct("=IBBBBII")
# Linux's numbers of the address families.
_AF_INET: Final = 2
_AF_INET6: Final = 10
_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMP6: Final = 3
_TIME_EXCEEDED: Final = {_ORIGIN_ICMP: 11, _ORIGIN_ICMP6: 3}
_UNREACHABLE: Final = {_ORIGIN_ICMP: 3, _ORIGIN_ICMP6: 1}
_PORT_UNREACHABLE: Final = {_ORIGIN_ICMP: 3, _ORIGIN_ICMP6: 4}

_UNREACHABLE_4: Final = (
    Failure.NETWORK_UNREACHABLE,
    Failure.HOST_UNREACHABLE,
    Failure.PROTOCOL_UNREACHABLE,
    Failure.CONNECTION_REFUSED,  # port unreachable: what most firewalls reject with
    Failure.PACKET_TOO_BIG,
    Failure.SOURCE_ROUTE_FAILED,
    Failure.NETWORK_UNKNOWN,
    Failure.HOST_UNKNOWN,
    Failure.HOST_ISOLATED,
    Failure.ADMIN_PROHIBITED,  # the network
    Failure.ADMIN_PROHIBITED,  # the host
    Failure.SERVICE_UNREACHABLE,
    Failure.SERVICE_UNREACHABLE,
    Failure.ADMIN_PROHIBITED,  # communication, by a filter
    Failure.PRECEDENCE_REFUSED,
    Failure.PRECEDENCE_REFUSED,
)
_UNREACHABLE_6: Final = (
    Failure.NETWORK_UNREACHABLE,
    Failure.ADMIN_PROHIBITED,
    Failure.OUT_OF_SCOPE,
    Failure.HOST_UNREACHABLE,
    Failure.CONNECTION_REFUSED,
    Failure.ADMIN_PROHIBITED,  # ingress or egress policy
    Failure.ADMIN_PROHIBITED,  # a route that rejects
)
# By origin and type: one failure for each code, or one for all.
ICMP_FAILURES: Final[dict[tuple[int, int], Failure | tuple[Failure, ...]]] = {
    (_ORIGIN_ICMP, 3): _UNREACHABLE_4,
    (_ORIGIN_ICMP, 11): Failure.HOPS_EXCEEDED,
    (_ORIGIN_ICMP, 12): Failure.PARAMETER_PROBLEM,
    (_ORIGIN_ICMP6, 1): _UNREACHABLE_6,
    (_ORIGIN_ICMP6, 2): Failure.PACKET_TOO_BIG,
    (_ORIGIN_ICMP6, 3): Failure.HOPS_EXCEEDED,
    (_ORIGIN_ICMP6, 4): Failure.PARAMETER_PROBLEM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpError:
    """One ICMP error; `sender` is None where the kernel does not tell. A message of unknown type or code has
    `unknown_failure`, never a guess."""

    failure: Failure
    type: int
    code: int
    sender: str | None

    def __str__(self) -> str:
        return f"ICMP type {self.type} code {self.code} from {self.sender or 'an unknown sender'}"


def find_icmp_error(queued: Iterable[bytes]) -> IcmpError | None:
    """Return the first of the queued errors that came from an ICMP message."""
    return next((error for data in queued if (error := _parse_icmp_error(data)) is not None), None)


def _parse_icmp_error(data: bytes) -> IcmpError | None:
    if len(data) < _ERROR.size:
        return None
    _, origin, kind, code, *_ = _ERROR.unpack_from(data)
    if origin not in (_ORIGIN_ICMP, _ORIGIN_ICMP6):
        return None
    named = ICMP_FAILURES.get((origin, kind), Failure.UNKNOWN)
    if isinstance(named, tuple):
        named = named[code] if code < len(named) else Failure.UNKNOWN
    return IcmpError(failure=named, type=kind, code=code, sender=_address(data[_ERROR.size :]))


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
