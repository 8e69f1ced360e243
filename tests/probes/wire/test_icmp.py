"""What the kernel queues about an ICMP error, built by hand from linux/errqueue.h."""

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.records import Failure, Heard
from probes.wire.icmp import find_icmp_error, parse_socket_error

LOCAL, ICMP, ICMP6 = 1, 2, 3
ROUTER, ROUTER_V6 = "10.11.1.1", "2001:db8::1"


def error(origin: int, kind: int, code: int = 0) -> bytes:
    return struct.pack("=IBBBBII", 113, origin, kind, code, 0, 0, 0)


def sender(address: str) -> bytes:
    packed = ipaddress.ip_address(address).packed
    if len(packed) == 4:
        return struct.pack("=HH4s8x", 2, 0, packed)
    return struct.pack("=HHI16sI", 10, 0, 0, packed, 0)


@pytest.mark.parametrize(
    ("situation", "data", "seen"),
    [
        ("time exceeded", error(ICMP, 11) + sender(ROUTER), (Heard.TIME_EXCEEDED, ROUTER)),
        ("time exceeded, IPv6", error(ICMP6, 3) + sender(ROUTER_V6), (Heard.TIME_EXCEEDED, ROUTER_V6)),
        ("host unreachable", error(ICMP, 3, 1) + sender(ROUTER), (Heard.UNREACHABLE, ROUTER)),
        ("prohibited", error(ICMP, 3, 13) + sender(ROUTER), (Heard.UNREACHABLE, ROUTER)),
        ("port unreachable", error(ICMP, 3, 3) + sender(ROUTER), (Heard.REFUSED, ROUTER)),
        ("no route, IPv6", error(ICMP6, 1, 0) + sender(ROUTER_V6), (Heard.UNREACHABLE, ROUTER_V6)),
        ("port unreachable, IPv6", error(ICMP6, 1, 4) + sender(ROUTER_V6), (Heard.REFUSED, ROUTER_V6)),
        ("IPv6 has other numbers", error(ICMP6, 11) + sender(ROUTER_V6), (Heard.UNREACHABLE, ROUTER_V6)),
        ("no sender", error(ICMP, 11), (Heard.TIME_EXCEEDED, None)),
        ("sender of no family", error(ICMP, 11) + bytes(16), (Heard.TIME_EXCEEDED, None)),
        ("sender cut short", error(ICMP, 11) + sender(ROUTER)[:7], (Heard.TIME_EXCEEDED, None)),
        ("IPv6 sender cut short", error(ICMP6, 3) + sender(ROUTER_V6)[:23], (Heard.TIME_EXCEEDED, None)),
        ("this machine's own error", error(LOCAL, 11) + sender(ROUTER), None),
        ("cut short", error(ICMP, 11)[:15], None),
        ("nothing", b"", None),
    ],
)
def test_what_an_error_says(situation: str, data: bytes, seen: tuple[Heard, str | None] | None) -> None:
    assert parse_socket_error(data) == seen


@given(st.binary(max_size=64))
def test_random_bytes_never_crash(data: bytes) -> None:
    parse_socket_error(data)


@given(st.sampled_from([ICMP, ICMP6]), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=32))
def test_whatever_an_icmp_error_is_it_says_something(origin: int, kind: int, code: int, rest: bytes) -> None:
    seen = parse_socket_error(error(origin, kind, code) + rest)
    assert seen is not None
    assert seen[0] in (Heard.TIME_EXCEEDED, Heard.UNREACHABLE, Heard.REFUSED)


# net/ipv4/icmp.c and net/ipv6/icmp.c, code by code.
UNREACHABLE_V4 = """
network_unreachable host_unreachable protocol_unreachable connection_refused packet_too_big
source_route_failed network_unknown host_unknown host_isolated administratively_prohibited
administratively_prohibited type_of_service_unreachable type_of_service_unreachable
administratively_prohibited precedence_refused precedence_refused unknown_failure
""".split()
UNREACHABLE_V6 = """
network_unreachable administratively_prohibited beyond_scope_of_source host_unreachable connection_refused
administratively_prohibited administratively_prohibited unknown_failure
""".split()


@pytest.mark.parametrize(
    ("origin", "kind", "code", "failure"),
    [
        *((ICMP, 3, code, name) for code, name in enumerate(UNREACHABLE_V4)),
        *((ICMP6, 1, code, name) for code, name in enumerate(UNREACHABLE_V6)),
        (ICMP, 11, 0, "hop_limit_exceeded"),
        (ICMP, 11, 1, "hop_limit_exceeded"),
        (ICMP, 12, 0, "parameter_problem"),
        (ICMP, 4, 0, "unknown_failure"),
        (ICMP6, 2, 0, "packet_too_big"),
        (ICMP6, 3, 0, "hop_limit_exceeded"),
        (ICMP6, 4, 1, "parameter_problem"),
        (ICMP6, 200, 0, "unknown_failure"),
    ],
)
def test_every_code_of_an_icmp_error_has_its_name(origin: int, kind: int, code: int, failure: str) -> None:
    found = find_icmp_error([error(origin, kind, code) + sender(ROUTER)])
    assert found is not None
    assert (found.failure, found.type, found.code, found.sender) == (Failure(failure), kind, code, ROUTER)
    assert str(found) == f"ICMP type {kind} code {code} from {ROUTER}"


def test_only_what_an_icmp_message_brought_counts() -> None:
    assert find_icmp_error([]) is None
    assert find_icmp_error([b"", error(LOCAL, 3, 1) + sender(ROUTER)]) is None
    second = find_icmp_error([error(LOCAL, 3, 1), error(ICMP, 3, 13)])
    assert second is not None and (second.failure, second.sender) == (Failure.ADMIN_PROHIBITED, None)


@given(st.lists(st.binary(max_size=64), max_size=4))
def test_random_queues_never_crash(queued: list[bytes]) -> None:
    find_icmp_error(queued)
