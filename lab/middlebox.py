"""What a border router does in software: race DNS answers, answer TCP in place of a server, delay packets."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from lab import world
from lab.linux import open_socket
from lab.nfqueue import Copy, Queue
from lab.packets import (
    Packet,
    encode_packet,
    forge_reset_to_server,
    forge_tcp_answer,
    forge_udp_answer,
    parse_packet,
)
from lab.policy import lie_of
from lab.rules import MARK_ANSWERED, QUEUE_DELAY, QUEUE_DNS, QUEUE_QUIC, QUEUE_TCP
from lab.services.names import forge_answer
from lab.services.pages import load_notice, national_redirect
from lab.services.quic import read_server_name
from lab.services.web import Response, encode_whole_response
from lab.state import LabState
from lab.topology import Link

_ETHERTYPES: Final = {4: 0x0800, 6: 0x86DD}
# Servers here send with 64: a forged datagram shows by the number of hops it seems to have crossed.
INJECTED_TTL: Final = 128
# No length that MTProto allows, no HTTP, no TLS.
GARBAGE: Final = b"\x7f\xff\xff\xff" * 16
# A record of TLS 1.2 with the fatal alert 112, unrecognized_name (RFC 8446 section 6).
ALERT: Final = bytes.fromhex("15030300020270")
HANDSHAKE: Final = b"\x16"
# As a proxy says it that shows no page of its country's.
FORBIDDEN: Final = Response(status=403, body=b"<html><title>403</title>Access denied.</html>")

ReadState = Callable[[], LabState]


class _Wire:
    """Puts forged packets straight on a device: no filter and no connection tracking sees them."""

    def __init__(self, namespace_fd: int, device: str, peer_mac: str) -> None:
        self._sock = open_socket(namespace_fd, socket.AF_PACKET, socket.SOCK_DGRAM)
        self._device = device
        self._peer_mac = bytes.fromhex(peer_mac.replace(":", ""))

    def send(self, packet: Packet, *, ttl: int = 64) -> None:
        ethertype = _ETHERTYPES[packet.source.version]
        self._sock.sendto(encode_packet(packet, ttl=ttl), (self._device, ethertype, 0, 0, self._peer_mac))


class Border:
    """The censoring middlebox on one ISP's border router."""

    def __init__(self, isp: world.Isp, namespace_fd: int, inner: Link, outer: Link, state: ReadState) -> None:
        self._isp = isp
        self._state = state
        self._to_client = _Wire(namespace_fd, inner.b_device, inner.a_mac)
        self._to_server = _Wire(namespace_fd, outer.a_device, outer.b_mac)
        self._dns = Queue(namespace_fd, QUEUE_DNS, Copy.WHOLE)
        self._tcp = Queue(namespace_fd, QUEUE_TCP, Copy.WHOLE)
        self._quic = Queue(namespace_fd, QUEUE_QUIC, Copy.WHOLE)
        self._notice = Response(body=load_notice(isp.id))

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._dns.fileno(), self._on_dns)
        loop.add_reader(self._tcp.fileno(), self._on_tcp)
        loop.add_reader(self._quic.fileno(), self._on_quic)

    def _on_dns(self) -> None:
        setting = self._state().of(self._isp.id, "dns_injection")
        for packet_id, data in self._dns.packets():
            query = parse_packet(data)
            if setting and query:
                lie = lie_of("dns_injection", setting, self._isp)
                forged = forge_answer(query.payload, setting.hosts, lie)
                if forged:
                    # The query goes on after the forged answer, so the true answer comes second.
                    self._to_client.send(forge_udp_answer(query, forged), ttl=INJECTED_TTL)
            self._dns.accept(packet_id)

    def _on_tcp(self) -> None:
        for packet_id, data in self._tcp.packets():
            request = parse_packet(data)
            answer = self._tcp_answer(request) if request else None
            if request is None or answer is None:
                self._tcp.accept(packet_id)
                continue
            for segment in forge_tcp_answer(request, answer):
                self._to_client.send(segment)
            self._to_server.send(forge_reset_to_server(request))
            self._tcp.accept(packet_id, mark=MARK_ANSWERED)

    def _on_quic(self) -> None:
        setting = self._state().of(self._isp.id, "quic_sni_drop")
        for packet_id, data in self._quic.packets():
            packet = parse_packet(data)
            is_named = setting and packet and read_server_name(packet.payload) in setting.hosts
            self._quic.accept(packet_id, mark=MARK_ANSWERED if is_named else 0)

    def _tcp_answer(self, request: Packet) -> bytes | None:
        setting = self._state().of(self._isp.id, "mtproto_garbage")
        if setting and str(request.destination) in setting.addresses:
            # The rules queue only the connections that are to be disturbed.
            return GARBAGE
        if request.payload.startswith(HANDSHAKE) and self._state().of(self._isp.id, "sni_alert"):
            return ALERT
        host = host_header(request.payload)
        for censor_id, response in (
            ("http_blockpage", self._notice),
            ("http_redirect", national_redirect()),
            ("http_forbidden", FORBIDDEN),
        ):
            setting = self._state().of(self._isp.id, censor_id)
            if setting and host in setting.hosts:
                return encode_whole_response(response)
        return None


def host_header(payload: bytes) -> str:
    """Return the Host of an HTTP request's first segment, lower case and without a port; "" when none."""
    for line in payload.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"host":
            return value.decode("latin-1").strip().partition(":")[0].lower()
    return ""


class DelayLine:
    """Holds every packet of one access router for half the added round trip, in order."""

    def __init__(self, isp: world.Isp, namespace_fd: int, state: ReadState) -> None:
        self._isp = isp
        self._state = state
        self._queue = Queue(namespace_fd, QUEUE_DELAY, Copy.NUMBER_ONLY)
        self._held: deque[tuple[float, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.add_reader(self._queue.fileno(), self._on_packets, loop)

    def _on_packets(self, loop: asyncio.AbstractEventLoop) -> None:
        setting = self._state().of(self._isp.id, "delay")
        hold_s = float(setting.params["ms"]) / 2000 if setting else 0.0
        due = loop.time() + hold_s
        for packet_id, _ in self._queue.packets():
            # A shortened delay must not let a packet overtake those already held.
            self._held.append((max(due, self._held[-1][0] if self._held else due), packet_id))
        self._release(loop)

    def _release(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        last: int | None = None
        now = loop.time()
        while self._held and self._held[0][0] <= now:
            last = self._held.popleft()[1]
        if last is not None:
            self._queue.accept_up_to(last)
        if self._held:
            self._timer = loop.call_at(self._held[0][0], self._release, loop)
