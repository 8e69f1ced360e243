"""All that the rules may know beforehand, as one versioned object."""

import ipaddress
from functools import cache

from observatory.analysis.judging.fingerprints import Fingerprints
from observatory.analysis.judging.reference import Reference
from observatory.reference.added_lists import load_added
from observatory.reference.block_pages import list_shipped
from observatory.reference.files import FILES, digest_of, load_file, load_yaml


@cache
def load_reference() -> Reference:
    """Return what the rules may know beforehand: what is shipped, then what the operator added. Its version
    changes with any byte of the files.

    Errors: ReferenceDataError when an added list cannot be used.
    """
    telegram = load_yaml("telegram.yaml")
    shipped = tuple(list_shipped(load_yaml("indonesia_networks.yaml"), load_yaml("block_pages.yaml")))
    added = tuple(load_added())
    contents = [load_file(name) for name in FILES]
    contents += [content for _, content, _ in added]
    return Reference(
        version=f"{telegram['version']}+{digest_of(contents)}",
        telegram_prefixes=tuple(ipaddress.ip_network(prefix) for prefix in telegram["prefixes"]),
        telegram_asns=frozenset(telegram["asns"]),
        fingerprints=Fingerprints([*shipped, *(f for _, _, those in added for f in those)]),
    )
