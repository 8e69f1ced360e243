"""Chains as servers send them, made on the spot: a root, an authority below it, and leaves."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from probes.records import Certificate
from probes.transport.trust import describe_certificate
from tests.observatory.analysis.judging.builder import AT

Key = ec.EllipticCurvePrivateKey


@cache
def key_of(owner: str) -> Key:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def signed(
    subject: str, issuer: str, *, names: tuple[str, ...] = (), until: datetime = AT + timedelta(days=90)
) -> Certificate:
    """A certificate for `subject` by `issuer`; one without names is an authority's."""

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key_of(subject).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        made = made.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
        )
    return describe_certificate(made.sign(key_of(issuer), hashes.SHA256()).public_bytes(Encoding.DER))


def pem(certificate: Certificate) -> bytes:
    return x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM)


ROOT = signed("Root", "Root")
MIDDLE = signed("Middle", "Root")
GENUINE = (signed("t.me", "Middle", names=("t.me",)), MIDDLE)
EXPIRED = (signed("t.me", "Middle", names=("t.me",), until=AT - timedelta(days=1)), MIDDLE)
STRANGER = (signed("stranger.example", "Middle", names=("stranger.example",)), MIDDLE)
FILTER = (signed("t.me", "Filter", names=("t.me",)), signed("Filter", "Filter"))
SELF_SIGNED = (signed("t.me", "t.me", names=("t.me",)),)
