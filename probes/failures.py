"""The one table: exception or protocol code -> `Failure`.

Reset, refused, timeout, EOF and unreachable are never merged: telling them apart is the product.
An error that is not in the table is `unknown_failure`, never guessed.
"""

import errno
from typing import Final

from probes.records import Failure


class VantageError(Exception):
    """The vantage point's own network is missing: no such device, namespace, source address or proxy."""


class ProxyClosedError(Exception):
    """The SOCKS proxy ended the connection before it had replied."""


class ConnectError(OSError):
    """A connect failed. `queued` is what the kernel kept of the ICMP messages about it, one
    `struct sock_extended_err` each (probes/wire/icmp.py); `own_address` is the one that it was tried from."""

    def __init__(self, error: OSError, *, queued: tuple[bytes, ...], own_address: str) -> None:
        super().__init__(error.errno, error.strerror)
        self.queued = queued
        self.own_address = own_address


class ProtocolError(Exception):
    """The peer's bytes are not the protocol expected; `failure` names the protocol."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


ERRNO_TO_FAILURE: Final[dict[int, Failure]] = {
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.EPIPE: Failure.CONNECTION_RESET,
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNABORTED: Failure.CONNECTION_ABORTED,
    errno.ETIMEDOUT: Failure.TIMEOUT,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Failure.NETWORK_UNREACHABLE,
    # What Linux makes of the rarer ICMP codes (icmp_err_convert in net/ipv4/icmp.c).
    errno.EHOSTDOWN: Failure.HOST_UNKNOWN,
    errno.ENONET: Failure.HOST_ISOLATED,
    errno.ENOPROTOOPT: Failure.PROTOCOL_UNREACHABLE,
    errno.EMSGSIZE: Failure.PACKET_TOO_BIG,
    errno.EPROTO: Failure.PARAMETER_PROBLEM,
    # Linux maps ICMP "administratively prohibited" to different errors, depending on the router's code.
    errno.EACCES: Failure.HOST_UNREACHABLE,
    errno.EPERM: Failure.VANTAGE,
    errno.ENODEV: Failure.VANTAGE,
    errno.EADDRNOTAVAIL: Failure.VANTAGE,
    errno.EMFILE: Failure.VANTAGE,
    errno.ENFILE: Failure.VANTAGE,
    errno.ENOBUFS: Failure.VANTAGE,
    errno.ENOMEM: Failure.VANTAGE,
}

# RFC 1928 section 6: the proxy reports how its own connect ended, as seen from the proxy. 3 to 5 tell of the
# far end; what the others mean differs from proxy to proxy.
SOCKS_REPLY_TO_FAILURE: Final[dict[int, Failure]] = {
    1: Failure.PROXY_FAILED,
    2: Failure.PROXY_FORBIDS,
    3: Failure.NETWORK_UNREACHABLE,
    4: Failure.HOST_UNREACHABLE,
    5: Failure.CONNECTION_REFUSED,
    6: Failure.PROXY_TTL_EXPIRED,
    7: Failure.PROXY_COMMAND,
    8: Failure.PROXY_ADDRESS,
}


def classify_failure(error: BaseException) -> tuple[Failure, str]:
    """Return the failure an exception maps to, and its raw text.

    Source: OONI df-007 for the names, errno(3) and RFC 1928 for the codes.
    """
    # Imported here: the codecs need this module's exceptions, and neither OpenSSL nor a socket.
    from OpenSSL import SSL
    from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

    text = f"{type(error).__name__}: {error}"[:300]
    match error:
        case ProtocolError():
            return error.failure, text
        case VantageError():
            return Failure.VANTAGE, text
        case ProxyTimeoutError() | ProxyConnectionError():
            # The proxy itself did not answer: a fault of the vantage point, not of the target.
            return Failure.VANTAGE, text
        case ProxyClosedError():
            return Failure.PROXY_CLOSED, text
        case ProxyError(error_code=None) if "uthentication" in str(error):
            # No method in common, or a name and password that it does not take.
            return Failure.PROXY_AUTHENTICATION, text
        case ProxyError():
            return SOCKS_REPLY_TO_FAILURE.get(error.error_code or 0, Failure.PROXY), text
        case EOFError() | SSL.ZeroReturnError():
            return Failure.EOF, text
        case SSL.SysCallError():
            return Failure.EOF, text
        case SSL.Error():
            return Failure.SSL_HANDSHAKE, text
        case OSError() if error.errno is not None:
            return ERRNO_TO_FAILURE.get(error.errno, Failure.UNKNOWN), text
        case TimeoutError():
            return Failure.TIMEOUT, text
        case _:
            return Failure.UNKNOWN, text
