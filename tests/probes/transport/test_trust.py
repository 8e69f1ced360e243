"""Hostile certificates: whatever they hold, they are kept and break no round."""

import ssl
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from probes.records import Endpoint, Failure
from probes.session import ObservationLog
from probes.techniques.tcp import measure_tcp
from probes.techniques.tls import measure_tls
from probes.transport.network import Network
from probes.transport.trust import Trust, keep_certificate
from tests.probes.local import make_certificate, say_nothing, serve

# The version of a certificate: [0] EXPLICIT INTEGER 2 means 3. There is no 8.
VERSION_3, VERSION_8 = bytes.fromhex("a003020102"), bytes.fromhex("a003020107")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The file of an authority and its certificate's bytes."""
    folder = tmp_path_factory.mktemp("authority")
    make_certificate(folder)
    cert = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    return folder / "ca.pem", cert.public_bytes(Encoding.DER)


def test_a_good_chain_has_no_errors(authority: tuple[Path, bytes]) -> None:
    file, der = authority
    assert Trust(str(file)).find_chain_errors((der,)) == ()
    assert keep_certificate(der).names == ("t.me",)


def test_a_chain_of_another_authority(authority: tuple[Path, bytes], tmp_path: Path) -> None:
    make_certificate(tmp_path)
    assert Trust(str(tmp_path / "ca.pem")).find_chain_errors((authority[1],)) != ()


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), min_size=1, max_size=4))
def test_mutated_certificates_are_kept_and_never_crash(
    authority: tuple[Path, bytes], changes: list[tuple[int, int]]
) -> None:
    file, der = authority
    mutated = bytearray(der)
    for at, value in changes:
        mutated[at % len(mutated)] = value
    with warnings.catch_warnings(action="ignore"):
        assert keep_certificate(bytes(mutated)).der == mutated
        Trust(str(file)).find_chain_errors((bytes(mutated),))


@given(st.binary(max_size=300))
def test_random_bytes_are_no_certificate(authority: tuple[Path, bytes], data: bytes) -> None:
    assert keep_certificate(data).subject == "(unreadable)"
    assert Trust(str(authority[0])).find_chain_errors((data,)) == (1,)


async def test_a_server_that_presents_an_unreadable_certificate_beside_its_own(tmp_path: Path) -> None:
    """OpenSSL accepts it; the parser of certificates refuses it."""
    _, ca_file = make_certificate(tmp_path)
    der = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes()).public_bytes(Encoding.DER)
    unreadable = der.replace(VERSION_3, VERSION_8)
    chain = tmp_path / "chain.pem"
    chain.write_text((tmp_path / "ca.pem").read_text() + ssl.DER_cert_to_PEM_cert(unreadable))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, tmp_path / "key.pem")

    async with serve(say_nothing, context) as port:
        log, endpoint = ObservationLog(deadline_s=5.0), Endpoint(address="127.0.0.1", port=port)
        _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
        assert stream is not None
        with stream:
            observation, tls = await measure_tls(
                Trust(ca_file), log, stream=stream, endpoint=endpoint, server_name="t.me"
            )
    assert tls is not None and observation.failure is None
    assert [c.der for c in observation.chain] == [der, unreadable]
    assert [c.subject for c in observation.chain] == ["CN=t.me", "(unreadable)"]


async def test_a_server_whose_only_certificate_is_unreadable_proves_nothing(tmp_path: Path) -> None:
    _, ca_file = make_certificate(tmp_path)
    der = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes()).public_bytes(Encoding.DER)
    (tmp_path / "leaf.pem").write_text(ssl.DER_cert_to_PEM_cert(der.replace(VERSION_3, VERSION_8)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "key.pem")

    async with serve(say_nothing, context) as port:
        log, endpoint = ObservationLog(deadline_s=5.0), Endpoint(address="127.0.0.1", port=port)
        _, stream = await measure_tcp(Network(), log, endpoint=endpoint)
        assert stream is not None
        with stream:
            observation, _ = await measure_tls(
                Trust(ca_file), log, stream=stream, endpoint=endpoint, server_name="t.me"
            )
    assert observation.certificate_failure is Failure.SSL_UNKNOWN_AUTHORITY
