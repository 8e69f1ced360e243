"""TLS: whatever a server presents and sends, how the handshake ended is recorded."""

import asyncio
import contextlib
import datetime
import functools
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from probes.records import Endpoint, Failure, TlsObservation
from probes.session import ObservationLog
from probes.techniques.tcp import measure_tcp
from probes.techniques.tls import measure_tls
from probes.transport.network import Network
from probes.transport.streams import PlainStream
from probes.transport.trust import (
    INVALID_HOSTNAME,
    UNREADABLE_CERTIFICATE,
    Trust,
    describe_certificate,
    describe_chain,
    describe_errors,
)
from tests.probes.local import say_nothing, serve

KEY = ec.generate_private_key(ec.SECP256R1())
NOW = datetime.datetime.now(datetime.UTC)


@functools.cache
def certificate(name: str = "t.me", *, days: int = 1) -> bytes:
    """Return a self-signed certificate in DER that expires after so many days."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, KEY.public_key(), 7)
        .not_valid_before(NOW - datetime.timedelta(days=10))
        .not_valid_after(NOW + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def of_version(number: int) -> bytes:
    """Return a certificate of an X.509 version that does not exist: OpenSSL takes it."""
    der = certificate()
    marked = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01" + bytes([number]), 1)
    assert marked != der
    return marked


def trusting(path: Path, der: bytes) -> Trust:
    path.write_text(ssl.DER_cert_to_PEM_cert(der))
    return Trust(str(path))


class Server:
    """A server with this certificate, in memory."""

    def __init__(self, folder: Path, der: bytes) -> None:
        file = folder / "server.pem"
        key = KEY.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_text(ssl.DER_cert_to_PEM_cert(der) + key.decode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._came, self._goes, server_side=True)

    def answer(self, data: bytes) -> bytes:
        self._came.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        return self._goes.read()


def say_next(client: SSL.Connection) -> bytes:
    with contextlib.suppress(SSL.WantReadError):
        client.do_handshake()
    try:
        return client.bio_read(65536)
    except SSL.WantReadError:
        return b""


def handshake(trust: Trust, server: Server) -> tuple[SSL.Connection, list[int]]:
    errors: list[int] = []
    client = trust.new_connection("t.me", errors)
    while data := say_next(client):
        if reply := server.answer(data):
            client.bio_write(reply)
    return client, errors


@pytest.mark.parametrize(
    ("situation", "name", "days", "errors"),
    [
        ("signed by no authority", "t.me", 1, ("depth_zero_self_signed_cert",)),
        ("and it is of another name", "x.me", 1, ("depth_zero_self_signed_cert", INVALID_HOSTNAME)),
        ("and it has run out", "t.me", -1, ("depth_zero_self_signed_cert", "cert_has_expired")),
    ],
)
def test_a_chain_is_judged_the_same_in_its_handshake_and_by_itself(
    tmp_path: Path, situation: str, name: str, days: int, errors: tuple[str, ...]
) -> None:
    trust = trusting(tmp_path / "ca.pem", certificate("somebody.else"))
    client, met = handshake(trust, Server(tmp_path, certificate(name, days=days)))
    chain = describe_chain(client)
    assert describe_errors(tuple(dict.fromkeys(met)), chain[0], "t.me") == errors
    assert describe_errors(trust.find_chain_errors((chain[0].der,)), chain[0], "t.me") == errors


def test_a_chain_that_holds_has_no_errors(tmp_path: Path) -> None:
    trust = trusting(tmp_path / "ca.pem", certificate())
    client, met = handshake(trust, Server(tmp_path, certificate()))
    assert met == [] and trust.find_chain_errors(tuple(c.der for c in describe_chain(client))) == ()


def test_a_trusted_certificate_that_ran_out(tmp_path: Path) -> None:
    trust = trusting(tmp_path / "ca.pem", certificate(days=-1))
    leaf = describe_certificate(certificate(days=-1))
    assert describe_errors(trust.find_chain_errors((leaf.der,)), leaf, "t.me") == ("cert_has_expired",)


def test_a_certificate_that_only_openssl_reads_is_kept_and_nothing_is_said_of_its_names(
    tmp_path: Path,
) -> None:
    strange = of_version(9)
    trust = trusting(tmp_path / "ca.pem", certificate("somebody.else"))
    client, met = handshake(trust, Server(tmp_path, strange))
    (leaf,) = describe_chain(client)
    assert (leaf.der, leaf.names) == (strange, ())
    errors = describe_errors(tuple(met), leaf, "t.me")
    assert UNREADABLE_CERTIFICATE in errors and INVALID_HOSTNAME not in errors


@pytest.mark.parametrize(
    ("situation", "there", "instead"),
    [
        ("an X.400 address for a name", b"\x82\x04t.me", b"\xa3\x04t.me"),
        ("a subject that is no text", b"\x0c\x04t.me", b"\x03\x04\0.me"),
        ("a subject in broken UTF-8", b"\x0c\x04t.me", b"\x0c\x04\xff.me"),
    ],
)
def test_names_that_cannot_be_read_are_no_names(situation: str, there: bytes, instead: bytes) -> None:
    der = certificate()
    assert there in der
    strange = describe_certificate(der.replace(there, instead))
    assert strange.names == () or strange.subject == "(unreadable)"


# --- bytes instead of a handshake


async def shake_hands_with(reply: bytes) -> TlsObservation:
    """Make a handshake with a peer that sends these bytes, whatever it receives, and closes."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.setblocking(False)
        theirs.sendall(reply)
        theirs.shutdown(socket.SHUT_WR)
        with PlainStream(ours) as stream:
            observation, _ = await measure_tls(
                Trust(),
                ObservationLog(deadline_s=5.0),
                stream=stream,
                endpoint=Endpoint(address="192.0.2.1", port=443),
                server_name="t.me",
            )
    return observation


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A server's first flight, recorded."""
    server = Server(tmp_path_factory.mktemp("tls"), certificate())
    return server.answer(say_next(Trust().new_connection("t.me", [])))


KNOWN = {Failure.SSL_HANDSHAKE, Failure.EOF, Failure.CONNECTION_RESET}


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 3000), st.integers(0, 255), st.booleans())
def test_a_server_s_flight_with_a_changed_byte_is_a_failure_we_know(
    flight: bytes, at: int, value: int, cut: bool
) -> None:
    reply = bytearray(flight)
    at %= len(reply)
    reply[at] = value
    assert asyncio.run(shake_hands_with(bytes(reply[:at] if cut else reply))).failure in KNOWN


async def test_silence_is_a_timeout() -> None:
    async with serve(say_nothing) as port:
        endpoint = Endpoint(address="127.0.0.1", port=port)
        log = ObservationLog(deadline_s=0.3)
        _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
        assert stream is not None
        with stream:
            observation, tls = await measure_tls(
                Trust(), log, stream=stream, endpoint=endpoint, server_name="t.me"
            )
    assert (observation.failure, tls) == (Failure.TIMEOUT, None)
