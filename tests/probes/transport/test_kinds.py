"""Each kind of way out opens its sockets its own way; what is missing is the vantage point's fault."""

import asyncio
import socket
import struct
from pathlib import Path

import pytest

from probes.failures import ProxyClosedError, VantageError
from probes.records import Endpoint
from probes.transport import kinds
from probes.transport.kinds import KINDS
from probes.transport.network import Network

LOOPBACK = Endpoint(address="127.0.0.1", port=9)
SYSTEM_FILE = Path("/etc/resolv.conf")


def test_unknown_kind_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        ValueError, match="via: expected one of direct, device, source, netns, socks5, got 'ssh'"
    ):
        Network("ssh", "somewhere")


@pytest.mark.parametrize("name", KINDS)
def test_network_is_named_by_kind_and_value(name: str) -> None:
    assert str(Network(name, "x")) == f"{name}: x"
    assert str(Network(name)) == name


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("device", "no-such-dev0", "device: no-such-dev0: [Errno 19] No such device"),
        ("source", "192.0.2.1", "source: 192.0.2.1: [Errno 99] Cannot assign requested address"),
        ("source", "::1", "source ::1 cannot reach 127.0.0.1: other IP version"),
        ("netns", "no-such", "netns: no-such: [Errno 2] No such file or directory: '/run/netns/no-such'"),
    ],
)
def test_what_is_missing_is_said_with_the_way_out(kind: str, value: str, message: str) -> None:
    for open_socket in (Network(kind, value).open_tcp, Network(kind, value).open_udp):
        with pytest.raises(VantageError) as caught:
            open_socket(LOOPBACK)
        assert str(caught.value) == message


async def test_proxy_that_is_gone_is_the_vantage_points_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(VantageError, match=f"^socks5: 127.0.0.1:{port}: "):
        await Network("socks5", f"127.0.0.1:{port}").connect_tcp(LOOPBACK)


async def test_proxy_that_closes_before_it_replies_says_one_thing_by_end_and_by_reset() -> None:
    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.close()

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The client's greeting is never read.
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.close()

    for close in (end, reset):
        async with await asyncio.start_server(close, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(ProxyClosedError):
                await Network("socks5", f"127.0.0.1:{port}").connect_tcp(LOOPBACK)


def test_source_address_is_the_one_that_is_used() -> None:
    with Network("source", "127.0.0.3").open_udp(LOOPBACK) as sock:
        assert sock.getsockname()[0] == "127.0.0.3"


def test_only_a_proxy_carries_no_udp() -> None:
    assert [name for name in KINDS if not Network(name).carries_udp] == ["socks5"]


def test_only_a_namespace_has_a_resolver_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "xl").mkdir()
    (tmp_path / "xl/resolv.conf").touch()
    monkeypatch.setattr(kinds, "NETNS_CONFIG_DIR", tmp_path)
    assert Network("netns", "xl").resolver_file() == tmp_path / "xl/resolv.conf"
    assert Network("netns", "tri").resolver_file() == SYSTEM_FILE
    assert {Network(name, "xl").resolver_file() for name in KINDS if name != "netns"} == {SYSTEM_FILE}
