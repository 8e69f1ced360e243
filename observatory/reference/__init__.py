"""Versioned reference data, read once: targets, Telegram's prefixes, Indonesian networks and block pages."""

import ipaddress
from functools import cache
from importlib import resources
from typing import Any, Final

from ruamel.yaml import YAML

from observatory.analysis.judging.fingerprints import Fingerprints
from observatory.analysis.judging.reference import Reference
from observatory.reference.block_pages import digest_of, load_added, shipped
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
    """Return what the rules may know beforehand: what is shipped, then what the operator added. Its version
    changes with any byte of the files.

    Errors: ReferenceError when an added list cannot be used.
    """
    telegram = load_yaml("telegram.yaml")
    own = tuple(shipped(load_yaml("indonesia_networks.yaml"), load_yaml("block_pages.yaml")))
    added = tuple(load_added())
    contents = [resources.files(__name__).joinpath(name).read_bytes() for name in FILES]
    contents += [content for _, content, _ in added]
    return Reference(
        version=f"{telegram['version']}+{digest_of(contents)}",
        telegram_prefixes=tuple(ipaddress.ip_network(prefix) for prefix in telegram["prefixes"]),
        telegram_asns=frozenset(telegram["asns"]),
        fingerprints=Fingerprints([*own, *(f for _, _, those in added for f in those)]),
    )
