"""What a stored chain of certificates shows, asked of the root store that the reference data carries.

A client's word depends on its own store: an old one lacks roots, and one that an antivirus program has added
to trusts what nobody else does. The stored chain says the same to everybody.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from probes.records import Certificate


class ChainKind(StrEnum):
    """What a chain is for one name at one time.

    valid        a known authority vouches for the name
    other_name   a known authority vouches, for other names
    out_of_time  it would be one of these, but not at that time
    self_signed  nobody vouches but the certificate itself
    unknown_ca   signed by an authority that is not known, or that left its own certificate out
    """

    VALID = "valid"
    OTHER_NAME = "other_name"
    OUT_OF_TIME = "out_of_time"
    SELF_SIGNED = "self_signed"
    UNKNOWN_CA = "unknown_ca"


class Authorities(Protocol):
    """A store of root certificates."""

    def verify(
        self, chain: Sequence[Certificate], beside: Sequence[Certificate], name: str, at: datetime
    ) -> ChainKind | None:
        """Return what a chain (leaf first) is for `name` at a time; None when it cannot be read.

        Shape:  `beside` are certificates that others were shown: a server may have left one out of its chain.
        Errors: none.
        """
