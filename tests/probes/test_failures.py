"""The one table from exceptions to failures: telling them apart is the product."""

import errno

import pytest
from OpenSSL import SSL
from python_socks import ProxyError, ProxyTimeoutError

from probes.failures import ProtocolError, ProxyClosedError, VantageError, classify_failure
from probes.records import Failure


@pytest.mark.parametrize(
    ("situation", "error", "failure"),
    [
        ("reset", ConnectionResetError(errno.ECONNRESET, "reset"), Failure.CONNECTION_RESET),
        ("refused", ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Failure.CONNECTION_REFUSED),
        ("host unreachable", OSError(errno.EHOSTUNREACH, "no route"), Failure.HOST_UNREACHABLE),
        ("network unreachable", OSError(errno.ENETUNREACH, "no net"), Failure.NETWORK_UNREACHABLE),
        ("host unknown", OSError(errno.EHOSTDOWN, "down"), Failure.HOST_UNKNOWN),
        ("host isolated", OSError(errno.ENONET, "isolated"), Failure.HOST_ISOLATED),
        ("protocol unreachable", OSError(errno.ENOPROTOOPT, "protocol"), Failure.PROTOCOL_UNREACHABLE),
        ("packet too big", OSError(errno.EMSGSIZE, "long"), Failure.PACKET_TOO_BIG),
        ("parameter problem", OSError(errno.EPROTO, "header"), Failure.PARAMETER_PROBLEM),
        ("our own timeout", TimeoutError(), Failure.TIMEOUT),
        ("the kernel's timeout", TimeoutError(errno.ETIMEDOUT, "timed out"), Failure.TIMEOUT),
        ("end of stream", EOFError("closed"), Failure.EOF),
        ("TLS alert", SSL.Error([("ssl", "", "alert")]), Failure.SSL_HANDSHAKE),
        ("not the protocol", ProtocolError(Failure.MTPROTO_BAD_REPLY, "x"), Failure.MTPROTO_BAD_REPLY),
        ("own device gone", VantageError("no device"), Failure.VANTAGE),
        ("own address gone", OSError(errno.EADDRNOTAVAIL, "gone"), Failure.VANTAGE),
        ("no descriptors left", OSError(errno.EMFILE, "many"), Failure.VANTAGE),
        ("proxy says refused", ProxyError("refused", error_code=5), Failure.CONNECTION_REFUSED),
        ("proxy says unreachable", ProxyError("no route", error_code=4), Failure.HOST_UNREACHABLE),
        ("proxy says that it failed", ProxyError("general", error_code=1), Failure.PROXY_FAILED),
        ("proxy's rules forbid it", ProxyError("rules", error_code=2), Failure.PROXY_FORBIDS),
        ("proxy says time ran out", ProxyError("TTL", error_code=6), Failure.PROXY_TTL_EXPIRED),
        ("proxy knows no connects", ProxyError("command", error_code=7), Failure.PROXY_COMMAND),
        ("proxy has no such addresses", ProxyError("type", error_code=8), Failure.PROXY_ADDRESS),
        (
            "proxy wants another login",
            ProxyError("No acceptable authentication"),
            Failure.PROXY_AUTHENTICATION,
        ),
        ("proxy says what is no SOCKS", ProxyError("Malformed connect reply"), Failure.PROXY),
        ("proxy ended without a reply", ProxyClosedError("closed"), Failure.PROXY_CLOSED),
        ("proxy silent", ProxyTimeoutError("slow"), Failure.VANTAGE),
        ("unlisted code", OSError(errno.EXDEV, "odd"), Failure.UNKNOWN),
        ("unlisted exception", KeyError("odd"), Failure.UNKNOWN),
    ],
)
def test_every_error_has_one_name(situation: str, error: BaseException, failure: Failure) -> None:
    assert classify_failure(error)[0] is failure


def test_raw_text_is_kept_and_bounded() -> None:
    _, detail = classify_failure(OSError(errno.EXDEV, "x" * 1000))
    assert detail.startswith("OSError: ") and len(detail) == 300
