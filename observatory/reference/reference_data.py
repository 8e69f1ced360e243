"""All that the rules may know beforehand, as one versioned object."""

import ipaddress
from functools import cache

from observatory.analysis.judging.fingerprints import Fingerprints
from observatory.analysis.judging.reference import Reference
from observatory.reference.added_lists import load_added
from observatory.reference.authorities import RootStore
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
    blocks = load_yaml("reserved_addresses.yaml")["blocks"]
    prefixes = [(ipaddress.ip_network(block["prefix"]), block.get("reachable", False)) for block in blocks]
    return Reference(
        version=f"{telegram['version']}+{digest_of(contents)}",
        telegram_prefixes=tuple(ipaddress.ip_network(prefix) for prefix in telegram["prefixes"]),
        telegram_asns=frozenset(telegram["asns"]),
        fingerprints=Fingerprints([*shipped, *(f for _, _, those in added for f in those)]),
        reserved_prefixes=tuple(prefix for prefix, reachable in prefixes if not reachable),
        reachable_prefixes=tuple(prefix for prefix, reachable in prefixes if reachable),
        client_prefixes=tuple(ipaddress.ip_network(b["prefix"]) for b in blocks if b.get("by_clients")),
        interceptors=tuple(load_yaml("interceptors.yaml")["issuers"]),
        authorities=RootStore(load_file("authorities.pem")),
    )
