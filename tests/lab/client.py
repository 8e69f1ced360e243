"""Plain sockets inside an ISP's namespace: what a customer sees, without any code of the probes."""

import asyncio
import errno
import os
import select
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.edns
import dns.message
import dns.rcode
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from lab import linux, world
from tests.lab.http3 import fetch_http3

# Long enough for a loaded machine, short enough to tell a dropped packet from a slow one.
LIMIT_S = 2.0
SECOND_ANSWER_S = 0.5
# linux/in.h and linux/in6.h; the socket module does not name them.
_IP_RECVTTL = 12
_IPV6_RECVERR = 25


@dataclass(frozen=True, slots=True)
class Customer:
    """One ISP's customer. Results are words: an address, a reason, or the first line of an answer."""

    isp: str

    def _socket(self, kind: socket.SocketKind, address: str) -> socket.socket:
        """Return a socket of the version of IP that an address has."""
        fd = os.open(f"/run/netns/{self.isp}", os.O_RDONLY)
        try:
            with linux.inside(fd):
                sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        finally:
            os.close(fd)
        sock.settimeout(LIMIT_S)
        if kind is socket.SOCK_STREAM:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def resolver(self) -> str:
        return world.ISPS[self.isp].resolver

    def ask(self, name: str, server: str | None = None, kind: str = "A") -> list[str]:
        """Return every answer that comes over UDP: addresses, or the rcode; [] for silence."""
        query = dns.message.make_query(name, kind)
        answers: list[str] = []
        server = server or self.resolver()
        with self._socket(socket.SOCK_DGRAM, server) as sock:
            sock.settimeout(LIMIT_S / 2)
            sock.connect((server, 53))
            # UDP may lose the first packet on a busy machine.
            for _ in range(2):
                sock.send(query.to_wire())
                try:
                    while True:
                        answers.append(_read_answer(sock.recv(4096)))
                        sock.settimeout(SECOND_ANSWER_S)
                except TimeoutError:
                    if answers:
                        break
        return answers

    def ask_tcp(self, name: str, server: str | None = None, port: int = 53, ca: str | None = None) -> str:
        """Return the answer over TCP, or over TLS when a CA file is given."""
        wire = dns.message.make_query(name, "A").to_wire()
        server = server or self.resolver()
        try:
            with self._socket(socket.SOCK_STREAM, server) as plain:
                plain.connect((server, port))
                sock: socket.socket = plain
                if ca:
                    sock = ssl.create_default_context(cafile=ca).wrap_socket(
                        plain, server_hostname=world.PUBLIC_RESOLVER_NAME
                    )
                with sock, sock.makefile("rb") as stream:
                    sock.sendall(struct.pack(">H", len(wire)) + wire)
                    (length,) = struct.unpack(">H", stream.read(2))
                    return _read_answer(stream.read(length))
        except OSError as error:
            return reason(error)

    def extended(self, name: str, server: str | None = None, *, edns: bool = True) -> str:
        """Return the EDNS options of the answer: "error CODE" or "no error", and the NSID."""
        query = dns.message.make_query(name, "A")
        if edns:
            query.use_edns(options=[dns.edns.NSIDOption(b"")])
        server = server or self.resolver()
        with self._socket(socket.SOCK_DGRAM, server) as sock:
            sock.connect((server, 53))
            sock.send(query.to_wire())
            answer = dns.message.from_wire(sock.recv(4096))
        if answer.edns < 0:
            return "no EDNS"
        codes = [
            f"error {option.code}" for option in answer.options if isinstance(option, dns.edns.EDEOption)
        ]
        ids = [option.nsid.decode() for option in answer.options if isinstance(option, dns.edns.NSIDOption)]
        return ", ".join([*(codes or ["no error"]), *ids])

    def answer_hop_limits(self, name: str, server: str, n_answers: int) -> list[int]:
        """Return the TTL that each IPv4 datagram of an answer arrived with."""
        found = []
        with self._socket(socket.SOCK_DGRAM, server) as sock:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
            sock.connect((server, 53))
            sock.send(dns.message.make_query(name, "A").to_wire())
            for _ in range(n_answers):
                _, ((_, _, value),), _, _ = sock.recvmsg(4096, 64)
                found.append(int.from_bytes(value, sys.byteorder))
        return found

    def tls(self, name: str, path: str = "/", address: str | None = None, limit_s: float = LIMIT_S) -> str:
        """Return "200 <title>" over HTTPS, or the reason why not."""
        address = address or world.ZONE[name]
        try:
            with self._socket(socket.SOCK_STREAM, address) as plain:
                plain.connect((address, 443))
                context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
                with context.wrap_socket(plain, server_hostname=name) as sock:
                    sock.settimeout(limit_s)
                    try:
                        return _get(sock, name, path)
                    except TimeoutError:
                        return "timeout after the handshake"
        except (OSError, ssl.SSLError) as error:
            return reason(error)

    def chain_issuers(self, name: str, address: str) -> str:
        """Return the issuer's name in the certificate presented, trusted or not, as raw bytes hold it."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with self._socket(socket.SOCK_STREAM, address) as plain:
            plain.connect((address, 443))
            with context.wrap_socket(plain, server_hostname=name) as sock:
                certificate = sock.getpeercert(binary_form=True) or b""
        return "ISP Filter CA" if b"ISP Filter CA" in certificate else "another"

    def http(self, name: str, address: str | None = None) -> str:
        """Return status and location or title of a plain HTTP answer, or the reason why there is none."""
        address = address or world.ZONE[name]
        try:
            with self._socket(socket.SOCK_STREAM, address) as sock:
                sock.connect((address, 80))
                return _get(sock, name, "/")
        except OSError as error:
            return reason(error)

    def connect(self, address: str, port: int) -> str:
        """Return "connected", or the reason why not."""
        try:
            with self._socket(socket.SOCK_STREAM, address) as sock:
                sock.connect((address, port))
                return "connected"
        except OSError as error:
            return reason(error)

    def mtproto(
        self, data_centre: str, port: int = 443, *, obfuscated: bool = False, address: str | None = None
    ) -> str:
        """Return "resPQ" when a data centre echoes our nonce, over the intermediate transport."""
        nonce, frame = _question()
        try:
            address = address or world.DATA_CENTRES[data_centre][0]
            with self._socket(socket.SOCK_STREAM, address) as sock:
                sock.connect((address, port))
                received = bytes
                if obfuscated:
                    start, cipher, received = _obfuscation(b"\xee" * 4)
                    sock.sendall(start + cipher(frame))
                else:
                    sock.sendall(b"\xee" * 4 + frame)
                with sock.makefile("rb") as stream:
                    (length,) = struct.unpack("<I", received(stream.read(4)))
                    answer = received(stream.read(min(length, 4096)))
        except OSError as error:
            return reason(error)
        return _recognise(answer, nonce)

    def web_app(self, name: str) -> str:
        """Return "resPQ" when the data centre behind a front echoes our nonce inside WebSocket.

        "cut off": the connection ended within it.
        """
        nonce, frame = _question()
        start, cipher, received = _obfuscation(b"\xee" * 4)
        try:
            with self._socket(socket.SOCK_STREAM, world.ZONE[name]) as sock:
                sock.connect((world.ZONE[name], 443))
                with connect(
                    f"wss://{name}/apiws",
                    sock=sock,
                    ssl=ssl.create_default_context(cafile=os.environ["LAB_CA"]),
                    subprotocols=[Subprotocol("binary")],
                    compression=None,
                    open_timeout=LIMIT_S,
                    close_timeout=0.1,
                ) as web_socket:
                    web_socket.send(start + cipher(frame))
                    answer = web_socket.recv(timeout=LIMIT_S, decode=False)
        except InvalidStatus as error:
            return f"HTTP {error.response.status_code}"
        except WebSocketException:
            return "cut off"
        except OSError as error:
            return reason(error)
        return _recognise(received(answer)[4:], nonce)

    def quic(self, address: str) -> str:
        """Return "version negotiation", or the reason why not."""
        source, destination = b"S" * 8, b"D" * 8
        datagram = (b"\xc0\x1a\x2a\x3a\x4a\x08" + destination + b"\x08" + source).ljust(1200, b"\0")
        with self._socket(socket.SOCK_DGRAM, address) as sock:
            sock.connect((address, 443))
            for _ in range(2):
                sock.send(datagram)
                try:
                    answer = sock.recv(2048)
                except TimeoutError:
                    continue
                except OSError as error:
                    return reason(error)
                is_negotiation = answer[1:5] == b"\0" * 4 and answer[6:14] == source
                return "version negotiation" if is_negotiation else "something else"
        return "timeout"

    def hop(self, address: str, limit: int) -> str:
        """Return who answers that the hop limit of a datagram to an IPv6 address ran out, or "timeout"."""
        with self._socket(socket.SOCK_DGRAM, address) as sock:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, limit)
            sock.connect((address, 33434))
            sock.send(b"probe")
            waiting = select.poll()
            waiting.register(sock, 0)
            if not waiting.poll(LIMIT_S * 1000):
                return "timeout"
            _, ancillary, _, _ = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
            # struct sock_extended_err, then the sockaddr_in6 of the offender.
            (error,) = (data for level, _, data in ancillary if level == socket.IPPROTO_IPV6)
            return socket.inet_ntop(socket.AF_INET6, error[24:40])

    def http3(self, name: str, address: str | None = None) -> str:
        """Return "200 <title>" over HTTP/3, or the reason why not."""
        address = address or world.ZONE[name]
        with self._socket(socket.SOCK_DGRAM, address) as sock:
            sock.setblocking(False)
            sock.bind(("::" if ":" in address else "0.0.0.0", 0))
            return asyncio.run(fetch_http3(sock, name, address))

    def connect_ms(self, address: str, port: int) -> float:
        """Return how long a TCP connection takes to be established."""
        with self._socket(socket.SOCK_STREAM, address) as sock:
            started = time.monotonic()
            sock.connect((address, port))
            return (time.monotonic() - started) * 1000

    def transfer_kbit_s(self, name: str, n_bytes: int, address: str | None = None) -> float:
        """Return the rate of one HTTPS transfer, from the request to its last byte."""
        address = address or world.ZONE[name]
        with self._socket(socket.SOCK_STREAM, address) as plain:
            plain.connect((address, 443))
            context = ssl.create_default_context(cafile=os.environ["LAB_CA"])
            with context.wrap_socket(plain, server_hostname=name) as sock:
                sock.settimeout(30)
                started = time.monotonic()
                _get(sock, name, f"/blob/{n_bytes}")
                return n_bytes * 8 / 1000 / (time.monotonic() - started)


def _question() -> tuple[bytes, bytes]:
    """Return a nonce and the intermediate frame that asks for it to be echoed."""
    nonce = os.urandom(16)
    body = struct.pack("<I", 0xBE7E8EF1) + nonce
    message = struct.pack("<qqi", 0, int(time.time()) << 32, len(body)) + body
    return nonce, struct.pack("<I", len(message)) + message


def _recognise(answer: bytes, nonce: bytes) -> str:
    return "resPQ" if answer[20:40] == struct.pack("<I", 0x05162463) + nonce else "something else"


def _obfuscation(tag: bytes) -> tuple[bytes, Callable[[bytes], bytes], Callable[[bytes], bytes]]:
    """Return what an obfuscated MTProto connection starts with, its cipher and its decipher."""
    # A start that no plain transport has.
    init = b"\x01" + os.urandom(55) + tag + os.urandom(4)
    reverse = init[8:56][::-1]
    cipher, decipher = (
        Cipher(algorithms.AES(key[:32]), modes.CTR(key[32:48])).encryptor().update
        for key in (init[8:56], reverse)
    )
    return init[:56] + cipher(init)[56:], cipher, decipher


def reason(error: Exception) -> str:
    """Return one word for a failure; an unlisted error is returned in full."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and (error.reason or "").startswith(("TLSV1_", "SSLV3_ALERT")):
        return "alert"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionResetError):
        return "reset"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, OSError) and error.errno == errno.EHOSTUNREACH:
        return "host unreachable"
    if isinstance(error, OSError) and error.errno == errno.ENETUNREACH:
        return "network unreachable"
    if isinstance(error, PermissionError):
        return "prohibited"
    return repr(error)


def _read_answer(wire: bytes) -> str:
    message = dns.message.from_wire(wire)
    addresses = ",".join(str(item) for rrset in message.answer for item in rrset)
    return addresses or dns.rcode.to_text(message.rcode())


def _get(sock: socket.socket, name: str, path: str) -> str:
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while received := sock.recv(65536):
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = lines[0].split(" ")[1]
    location = next((line.split(": ", 1)[1] for line in lines if line.lower().startswith("location:")), "")
    title = body.partition(b"<title>")[2].partition(b"</title>")[0].decode()
    return " ".join(part for part in (status, location or title or f"{len(body)} bytes") if part)


def lab_ca() -> str:
    return os.environ["LAB_CA"]
