"""Which certificate authorities are trusted, and the verification of a chain in its own handshake."""

import hashlib
import ipaddress
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from cryptography import x509
from OpenSSL import SSL, crypto

from probes.failures import VantageError
from probes.records import Certificate, Failure

MAX_CHAIN: Final = 10
MAX_NAMES: Final = 100
HTTP_ALPN: Final = (b"http/1.1",)
INVALID_HOSTNAME: Final = "ssl_invalid_hostname"
UNREADABLE: Final = "(unreadable)"
UNREADABLE_CERTIFICATE: Final = "unreadable_certificate"
EPOCH: Final = datetime.fromtimestamp(0, UTC)

# X509_V_ERR_* of OpenSSL's x509_vfy.h, those a server's chain can meet.
VERIFY_ERRORS: Final[dict[int, str]] = {
    1: "unspecified",
    2: "unable_to_get_issuer_cert",
    7: "cert_signature_failure",
    9: "cert_not_yet_valid",
    10: "cert_has_expired",
    18: "depth_zero_self_signed_cert",
    19: "self_signed_cert_in_chain",
    20: "unable_to_get_issuer_cert_locally",
    21: "unable_to_verify_leaf_signature",
    22: "cert_chain_too_long",
    23: "cert_revoked",
    24: "invalid_ca",
    26: "invalid_purpose",
    27: "cert_untrusted",
    66: "ee_key_too_small",
    67: "ca_key_too_small",
    68: "ca_md_too_weak",
}
UNSPECIFIED: Final = 1
CERT_NOT_YET_VALID: Final = 9
CERT_HAS_EXPIRED: Final = 10
OUT_OF_TIME: Final = (CERT_NOT_YET_VALID, CERT_HAS_EXPIRED)
UNKNOWN_AUTHORITY: Final = frozenset(
    {
        "unable_to_get_issuer_cert",
        "cert_signature_failure",
        "depth_zero_self_signed_cert",
        "self_signed_cert_in_chain",
        "unable_to_get_issuer_cert_locally",
        "unable_to_verify_leaf_signature",
        "invalid_ca",
        "cert_untrusted",
    }
)


class Trust:
    """One CA store, loaded once and shared by every handshake of the process.

    `ca_file` replaces the system's store: it is for a private network such as the lab. `name` goes into
    every measurement.
    """

    def __init__(self, ca_file: str | None = None) -> None:
        self._ca_file = ca_file
        self._contexts: dict[tuple[bytes, ...], SSL.Context] = {}
        self.name = "system"
        if ca_file is not None:
            try:
                content = Path(ca_file).read_bytes()
            except OSError as error:
                raise VantageError(f"ca_file {ca_file}: expected PEM certificates, got {error}") from error
            self.name = f"ca_file sha256:{hashlib.sha256(content).hexdigest()}"
        self._find_chain_errors = lru_cache(maxsize=64)(self._verify)
        # A store that cannot be read fails here, before the first handshake.
        self._context(HTTP_ALPN)

    def _context(self, alpn: tuple[bytes, ...]) -> SSL.Context:
        """Return the context for these ALPN protocols, which OpenSSL takes from the context."""
        context = self._contexts.get(alpn)
        if context is None:
            context = SSL.Context(SSL.TLS_CLIENT_METHOD)
            context.set_verify(SSL.VERIFY_PEER, _note_error)
            if alpn:
                context.set_alpn_protos(list(alpn))
            self._load_authorities(context)
            self._contexts[alpn] = context
        return context

    def _load_authorities(self, context: SSL.Context) -> None:
        if self._ca_file is None:
            context.set_default_verify_paths()
            return
        try:
            context.load_verify_locations(self._ca_file)
        except SSL.Error as error:
            raise VantageError(f"ca_file {self._ca_file}: expected PEM certificates, got {error}") from error

    def new_connection(
        self, server_name: str, errors: list[int], *, alpn: tuple[bytes, ...] = HTTP_ALPN
    ) -> SSL.Connection:
        """Return a client connection over memory; X509_V_ERR numbers are appended to `errors`.

        No name is sent when it is an address or empty.
        """
        connection = SSL.Connection(self._context(alpn), None)
        connection.set_app_data(errors)
        if server_name and not _is_address(server_name):
            connection.set_tlsext_host_name(server_name.encode("idna"))
        connection.set_connect_state()
        return connection

    def find_chain_errors(self, chain: tuple[bytes, ...]) -> tuple[int, ...]:
        """Return the X509_V_ERR numbers of a chain (DER, leaf first) that did not come from one of our own
        TLS handshakes; none when it is valid.

        OpenSSL stops at the first error here; an expired leaf is added to it.
        """
        # Cached for a minute only: certificates expire.
        return self._find_chain_errors(chain, int(time.time() // 60))

    def _verify(self, chain: tuple[bytes, ...], _minute: int) -> tuple[int, ...]:
        store = self._context(HTTP_ALPN).get_cert_store()
        if store is None:
            raise VantageError("no store of certificate authorities")
        try:
            leaf, *above = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain)
            crypto.X509StoreContext(store, leaf, above).verify_certificate()
        except crypto.X509StoreContextError as error:
            first = int(error.errors[0])
            ended_at = keep_certificate(chain[0]).not_after
            late = first not in OUT_OF_TIME and EPOCH < ended_at < datetime.now(UTC)
            return (first, CERT_HAS_EXPIRED) if late else (first,)
        except crypto.Error:
            return (UNSPECIFIED,)
        return ()


def load_trust(ca_file: str | None = None) -> Trust:
    """Return the trust of a CA file (None: the system's), loaded again only when the file changed.

    Errors: VantageError when the file is missing or holds no PEM certificate.
    """
    try:
        changed_ns = Path(ca_file).stat().st_mtime_ns if ca_file else 0
    except OSError as error:
        raise VantageError(f"ca_file {ca_file}: {error}") from error
    return _load_trust(ca_file, changed_ns)


@lru_cache(maxsize=4)
def _load_trust(ca_file: str | None, _changed_ns: int) -> Trust:
    return Trust(ca_file)


def _note_error(connection: SSL.Connection, _cert: object, code: int, _depth: int, ok: int) -> bool:
    # Continuing after an error keeps the chain and the remaining errors; what they mean is judged later.
    if not ok:
        connection.get_app_data().append(code)
    return True


def describe_errors(codes: tuple[int, ...], leaf: Certificate | None, server_name: str) -> tuple[str, ...]:
    """Return the name of every error of a chain for this server name."""
    names = [VERIFY_ERRORS.get(code, f"x509_v_err_{code}") for code in codes]
    if leaf is not None and not matches_name(leaf, server_name):
        # An unreadable certificate may well carry the name.
        unreadable = leaf.subject == UNREADABLE and not leaf.names
        names.append(UNREADABLE_CERTIFICATE if unreadable else INVALID_HOSTNAME)
    return tuple(names)


def certificate_failure(errors: tuple[str, ...]) -> Failure | None:
    """Return the df-007 name for a list of errors: the authority comes first, then the name."""
    if UNKNOWN_AUTHORITY.intersection(errors):
        return Failure.SSL_UNKNOWN_AUTHORITY
    if INVALID_HOSTNAME in errors:
        return Failure.SSL_INVALID_HOSTNAME
    return Failure.SSL_INVALID_CERTIFICATE if errors else None


def matches_name(leaf: Certificate, server_name: str) -> bool:
    """Return whether a leaf carries the name: exactly, or by a wildcard as its whole left-most label.

    Source: RFC 9525 section 6.3; the subject's common name does not count.
    """
    wanted = server_name.lower().rstrip(".")
    parent = wanted.partition(".")[2]
    for name in leaf.names:
        candidate = name.lower().rstrip(".")
        if candidate == wanted or ("." in parent and candidate == f"*.{parent}"):
            return True
    return False


def describe_chain(connection: SSL.Connection) -> tuple[Certificate, ...]:
    """Return the certificates that the peer presented, leaf first, at most 10."""
    # OpenSSL accepts certificates that the stricter parser of `cryptography` refuses.
    chain = connection.get_peer_cert_chain() or []
    ders = (crypto.dump_certificate(crypto.FILETYPE_ASN1, cert) for cert in chain[:MAX_CHAIN])
    return tuple(keep_certificate(der) for der in ders)


def keep_certificate(der: bytes) -> Certificate:
    """Return one certificate's fields; for one that cannot be read, its bytes, with both times at 1970."""
    try:
        return describe_certificate(der)
    except ValueError:
        return Certificate(
            der=der,
            sha256=hashlib.sha256(der).hexdigest(),
            subject=UNREADABLE,
            issuer=UNREADABLE,
            not_before=EPOCH,
            not_after=EPOCH,
        )


@lru_cache(maxsize=512)
def describe_certificate(der: bytes) -> Certificate:
    """Return one certificate's fields. Errors: ValueError when it cannot be read."""
    # The same chain comes back every round: parsing it once saves most of the time.
    try:
        cert = x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from error
    not_before, not_after = cert.not_valid_before_utc, cert.not_valid_after_utc
    try:
        subject, issuer = cert.subject.rfc4514_string(), cert.issuer.rfc4514_string()
        self_signed = cert.subject == cert.issuer
    except (ValueError, TypeError):
        subject = issuer = UNREADABLE
        self_signed = False
    return Certificate(
        der=der,
        sha256=hashlib.sha256(der).hexdigest(),
        subject=subject[:300],
        issuer=issuer[:300],
        not_before=not_before.astimezone(UTC),
        not_after=not_after.astimezone(UTC),
        names=_names(cert),
        self_signed=self_signed,
    )


def _names(cert: x509.Certificate) -> tuple[str, ...]:
    try:
        san = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return ()
    names = san.get_values_for_type(x509.DNSName)
    addresses = [str(address) for address in san.get_values_for_type(x509.IPAddress)]
    return tuple([name[:253] for name in names][:MAX_NAMES] + addresses[:MAX_NAMES])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
