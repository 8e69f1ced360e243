"""NFQUEUE over a plain netlink socket: packets the kernel hands over, and the verdicts on them.

Source: linux/netfilter/nfnetlink_queue.h. Attributes are padded to four bytes, integers inside them
are big-endian, the netlink headers are in host order.
"""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from lab.linux import open_socket

_NETLINK_NETFILTER: Final = 12
_SUBSYSTEM_QUEUE: Final = 3 << 8
_MSG_PACKET, _MSG_VERDICT, _MSG_CONFIG, _MSG_VERDICT_BATCH = range(4)
_NLMSG_ERROR: Final = 2
_REQUEST: Final = 1
_ACK: Final = 4
_ATTR_PACKET_HDR, _ATTR_VERDICT_HDR, _ATTR_MARK = 1, 2, 3
_ATTR_PAYLOAD: Final = 10
_CFG_CMD, _CFG_PARAMS, _CFG_MAXLEN, _CFG_MASK, _CFG_FLAGS = 1, 2, 3, 4, 5
_CMD_BIND: Final = 1
_FLAG_GSO: Final = 1 << 2
_SOL_NETLINK: Final = 270
_NETLINK_NO_ENOBUFS: Final = 5
_SO_RCVBUFFORCE: Final = 33
_MAX_PACKETS: Final = 65536
_RECEIVE_BYTES: Final = 1 << 17


class Copy(IntEnum):
    """How much of a packet comes along with its number."""

    NUMBER_ONLY = 1
    WHOLE = 2


class Queue:
    """One queue of one network namespace. Errors: OSError when the kernel has no NFQUEUE."""

    def __init__(self, namespace_fd: int, number: int, copy: Copy) -> None:
        self._number = number
        self._sock = open_socket(namespace_fd, socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._sock.bind((0, 0))
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 23)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._sock.setsockopt(_SOL_NETLINK, _NETLINK_NO_ENOBUFS, 1)
        self._configure(_attribute(_CFG_CMD, struct.pack(">BxH", _CMD_BIND, socket.AF_INET)))
        self._configure(_attribute(_CFG_PARAMS, struct.pack(">IB", 0xFFFF, copy)))
        self._configure(_attribute(_CFG_MAXLEN, struct.pack(">I", _MAX_PACKETS)))
        if copy is Copy.NUMBER_ONLY:
            # Whole aggregates pass unsplit: their bytes are not read, so they need no splitting.
            flags = struct.pack(">I", _FLAG_GSO)
            self._configure(_attribute(_CFG_FLAGS, flags) + _attribute(_CFG_MASK, flags))

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """Yield (number, bytes) of every packet waiting now; bytes are empty for Copy.NUMBER_ONLY."""
        while True:
            try:
                data = self._sock.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    continue
                raise
            yield from parse_packet_messages(data)

    def accept(self, packet_id: int, *, mark: int = 0) -> None:
        """Let one packet go on, with a netfilter mark when not 0."""
        attributes = _attribute(_ATTR_VERDICT_HDR, struct.pack(">II", 1, packet_id))
        if mark:
            attributes += _attribute(_ATTR_MARK, struct.pack(">I", mark))
        self._send(_MSG_VERDICT, _REQUEST, attributes)

    def accept_up_to(self, packet_id: int) -> None:
        """Let every packet up to and including this number go on, in order."""
        self._send(
            _MSG_VERDICT_BATCH, _REQUEST, _attribute(_ATTR_VERDICT_HDR, struct.pack(">II", 1, packet_id))
        )

    def _configure(self, attributes: bytes) -> None:
        self._send(_MSG_CONFIG, _REQUEST | _ACK, attributes)
        self._sock.setblocking(True)
        try:
            reply = self._sock.recv(_RECEIVE_BYTES)
        finally:
            self._sock.setblocking(False)
        kind = struct.unpack_from("=H", reply, 4)[0]
        number = -struct.unpack_from("=i", reply, 16)[0] if kind == _NLMSG_ERROR else 0
        if number:
            raise OSError(number, f"NFQUEUE {self._number}: {os.strerror(number)}")

    def _send(self, message: int, flags: int, attributes: bytes) -> None:
        body = struct.pack(">BBH", socket.AF_UNSPEC, 0, self._number) + attributes
        header = struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM_QUEUE | message, flags, 0, 0)
        self._sock.send(header + body)


def parse_packet_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (packet number, packet bytes) of each packet message in one netlink datagram."""
    offset = 0
    while offset + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if length < 16:
            return
        if kind == _SUBSYSTEM_QUEUE | _MSG_PACKET:
            packet_id: int | None = None
            payload = b""
            position, end = offset + 20, min(offset + length, len(data))
            while position + 4 <= end:
                attribute_bytes, attribute = struct.unpack_from("=HH", data, position)
                if attribute_bytes < 4:
                    break
                value = data[position + 4 : position + attribute_bytes]
                if attribute & 0x3FFF == _ATTR_PACKET_HDR:
                    packet_id = int.from_bytes(value[:4])
                elif attribute & 0x3FFF == _ATTR_PAYLOAD:
                    payload = value
                position += (attribute_bytes + 3) & ~3
            if packet_id is not None:
                yield packet_id, payload
        offset += (length + 3) & ~3


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + b"\0" * (-length % 4)
