"""The root store of the reference data: chains are verified for the time of their measurement, by OpenSSL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from OpenSSL import crypto

from observatory.analysis.judging.chains import ChainKind
from probes.records import Certificate
from probes.transport.trust import OUT_OF_TIME, matches_name

MAX_BESIDE: Final = 20
END: Final = b"-----END CERTIFICATE-----\n"
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which pyOpenSSL has no name for.
NO_CHECK_TIME: Final = 0x200000


class RootStore:
    """Root certificates in PEM. Errors: ValueError when there is none, or one that cannot be read."""

    def __init__(self, pem: bytes) -> None:
        # The stricter parser of `cryptography` complains of roots that are as old as the web.
        parts = pem.split(END)[:-1]
        try:
            self._roots = [crypto.load_certificate(crypto.FILETYPE_PEM, part + END) for part in parts]
        except crypto.Error as error:
            raise ValueError(f"expected root certificates in PEM, got {error}") from error
        if not self._roots:
            raise ValueError("expected root certificates in PEM, got none")

    def verify(
        self, chain: Sequence[Certificate], beside: Sequence[Certificate], name: str, at: datetime
    ) -> ChainKind | None:
        """Return what a chain is for a name at a time, as `Authorities` says."""
        try:
            leaf, *above = (crypto.load_certificate(crypto.FILETYPE_ASN1, c.der) for c in chain)
        except (crypto.Error, ValueError):
            return None
        above += _read(beside)
        code = self._verify(leaf, above, at)
        late = code in OUT_OF_TIME
        if late:
            code = self._verify(leaf, above, None)
        if code is not None:
            return ChainKind.SELF_SIGNED if _signs_itself(leaf) else ChainKind.UNKNOWN_CA
        if late:
            return ChainKind.OUT_OF_TIME
        return ChainKind.VALID if matches_name(chain[0], name) else ChainKind.OTHER_NAME

    def _verify(self, leaf: crypto.X509, above: list[crypto.X509], at: datetime | None) -> int | None:
        """Return OpenSSL's first error; without a time none is checked."""
        # A store carries its time, and judges may run in several threads.
        store = crypto.X509Store()
        for root in self._roots:
            store.add_cert(root)
        if at is not None:
            store.set_time(at.astimezone(UTC))
        else:
            store.set_flags(NO_CHECK_TIME)
        return _first_error(store, leaf, above)


def _read(certificates: Sequence[Certificate]) -> list[crypto.X509]:
    found = []
    for certificate in certificates[:MAX_BESIDE]:
        try:
            found.append(crypto.load_certificate(crypto.FILETYPE_ASN1, certificate.der))
        except (crypto.Error, ValueError):
            continue
    return found


def _signs_itself(leaf: crypto.X509) -> bool:
    store = crypto.X509Store()
    store.add_cert(leaf)
    store.set_flags(NO_CHECK_TIME | crypto.X509StoreFlags.CHECK_SS_SIGNATURE)
    return _first_error(store, leaf, []) is None


def _first_error(store: crypto.X509Store, leaf: crypto.X509, above: list[crypto.X509]) -> int | None:
    try:
        crypto.X509StoreContext(store, leaf, above).verify_certificate()
    except crypto.X509StoreContextError as error:
        return int(error.errors[0])
    return None
