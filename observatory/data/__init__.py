"""Versioned reference data, read once: targets, Telegram's prefixes, Indonesian networks and block pages."""

import hashlib
import ipaddress
from functools import cache
from importlib import resources
from typing import Any, Final

from ruamel.yaml import YAML

from observatory.analysis.reference import Reference
from probes.records import Target, TargetKind

FILES: Final = ("telegram.yaml", "indonesia_networks.yaml", "indonesia_2017.yaml", "block_pages.yaml")
# Names that select several targets at once on the command line and on pages.
WEB: Final = "web"
APP: Final = "telegram-app"


def load_yaml(name: str) -> dict[str, Any]:
    """Return one reference file as plain data. Errors: FileNotFoundError for a name not in `FILES`."""
    if name not in FILES:
        raise FileNotFoundError(f"{name}: expected one of {', '.join(FILES)}")
    content = resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(content)
    return data


@cache
def load_targets() -> tuple[Target, ...]:
    """Return what is assessed: the eleven names of 2017, then the app's data centres."""
    telegram = load_yaml("telegram.yaml")
    hosts = (
        Target(name=host["name"], kind=TargetKind.HOST, addresses=tuple(host.get("addresses", ())))
        for host in telegram["hosts"]
    )
    centres = (
        Target(name=dc["name"], kind=TargetKind.DATA_CENTRE, addresses=(dc["address"],), ports=(443, 80))
        for dc in telegram["data_centres"]
    )
    return (*hosts, *centres)


@cache
def load_reference() -> Reference:
    """Return what the rules may know beforehand. Its version changes with any byte of the files."""
    telegram = load_yaml("telegram.yaml")
    networks = load_yaml("indonesia_networks.yaml")
    pages = load_yaml("block_pages.yaml")
    entries = [entry for network in networks["networks"] for entry in network.get("block_pages", ())]
    entries += [value for entry in networks["national"] for value in entry.values()]
    addresses, hosts = _split(entries)
    return Reference(
        version=_version(telegram["version"]),
        telegram_prefixes=tuple(ipaddress.ip_network(prefix) for prefix in telegram["prefixes"]),
        block_page_addresses=addresses,
        block_page_hosts=hosts,
        block_page_texts=tuple(entry["phrase"].lower() for entry in pages["phrases"]),
    )


def _split(entries: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Part `name (address)`, `name/path`, `name` and `address` into addresses and names."""
    addresses: set[str] = set()
    hosts: set[str] = set()
    for entry in entries:
        for word in entry.replace("(", " ").replace(")", " ").split():
            try:
                addresses.add(str(ipaddress.ip_address(word)))
            except ValueError:
                # A page on an ISP's main site counts by its path only, which a redirect's host cannot show.
                if "/" not in word:
                    hosts.add(word.lower())
    return frozenset(addresses), frozenset(hosts)


def _version(dated: str) -> str:
    digest = hashlib.sha256()
    for name in FILES:
        digest.update(resources.files(__name__).joinpath(name).read_bytes())
    return f"{dated}+{digest.hexdigest()[:8]}"
