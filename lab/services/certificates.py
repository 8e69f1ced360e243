"""The lab's certificate authorities, and TLS contexts that present the right leaf for the asked name."""

import datetime
import ipaddress
import os
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY: Final = datetime.timedelta(days=1)
_MAX_CACHED_LEAVES: Final = 256


class Authority:
    """A root and an intermediate; leaves are signed by the intermediate and sent with it."""

    def __init__(self, name: str) -> None:
        now = datetime.datetime.now(datetime.UTC)
        self._valid = (now - _DAY, now + 90 * _DAY)
        self._expired = (now - 60 * _DAY, now - 2 * _DAY)
        root_key = ec.generate_private_key(ec.SECP256R1())
        root_name = _name(f"{name} Root")
        self._root = _sign(root_name, root_key.public_key(), root_name, root_key, self._valid, path_length=1)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._intermediate = _sign(
            _name(f"{name} Intermediate"),
            self._key.public_key(),
            root_name,
            root_key,
            self._valid,
            path_length=0,
        )

    def root_pem(self) -> str:
        """Return what a client must trust."""
        return self._root.public_bytes(Encoding.PEM).decode()

    def chain_pem(self, names: tuple[str, ...], *, expired: bool = False) -> bytes:
        """Return key, leaf and intermediate of a new certificate for these names or addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _sign(
            _name(names[0]),
            key.public_key(),
            self._intermediate.subject,
            self._key,
            self._expired if expired else self._valid,
            names=names,
        )
        return _key_pem(key) + leaf.public_bytes(Encoding.PEM) + self._intermediate.public_bytes(Encoding.PEM)


def self_signed_pem(name: str) -> bytes:
    """Return key and certificate of a server, signed by no authority."""
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _sign(
        _name(name), key.public_key(), _name(name), key, (now - _DAY, now + 90 * _DAY), names=(name,)
    )
    return _key_pem(key) + certificate.public_bytes(Encoding.PEM)


def new_context(pem: bytes) -> ssl.SSLContext:
    """Return a server context (TLS 1.2 and 1.3, ALPN http/1.1) from key and chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A resumed session shows no certificate, and which one is shown changes at run time here.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    # The ssl module loads a key only from a file, so this one is a file in memory.
    fd = os.memfd_create("certificate")
    try:
        os.write(fd, pem)
        context.load_cert_chain(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)
    return context


@dataclass(frozen=True, slots=True)
class Leaf:
    """One certificate: key and chain, and the context that presents it over TCP."""

    pem: bytes
    context: ssl.SSLContext


PickLeaf = Callable[[str], Leaf]


class Certificates:
    """Leaves by (name, expired) of one authority, or self-signed without one; made on first use."""

    def __init__(self, authority: Authority | None) -> None:
        self._authority = authority
        self._leaves: OrderedDict[tuple[str, bool], Leaf] = OrderedDict()

    def leaf_for(self, name: str, *, expired: bool = False) -> Leaf:
        """Return the leaf of this name. Errors: ValueError for a name that no certificate can carry."""
        key = (name, expired)
        if key not in self._leaves:
            if self._authority is None:
                pem = self_signed_pem(name)
            else:
                pem = self._authority.chain_pem((name,), expired=expired)
            self._leaves[key] = Leaf(pem, new_context(pem))
            if len(self._leaves) > _MAX_CACHED_LEAVES:
                self._leaves.popitem(last=False)
        self._leaves.move_to_end(key)
        return self._leaves[key]


def pick_leaf(pick: PickLeaf, server_name: str | None, default_name: str) -> Leaf:
    """Return the leaf for the name a client asks for; `default_name`'s for none, and for one that no
    certificate can carry."""
    try:
        return pick(server_name.lower() if server_name else default_name)
    except ValueError:
        return pick(default_name)


def listening_context(default_name: str, pick: PickLeaf) -> ssl.SSLContext:
    """Return a context that asks `pick(server name)` each time for the leaf to go on with."""
    context = new_context(self_signed_pem(default_name))

    def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> int | None:
        connection.context = pick_leaf(pick, server_name, default_name).context
        return None

    context.sni_callback = choose
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _sign(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime.datetime, datetime.datetime],
    *,
    names: tuple[str, ...] = (),
    path_length: int | None = None,
) -> x509.Certificate:
    is_authority = path_length is not None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=path_length), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
