"""Which of the app's data centres share an announced prefix with an address: one route leads to both."""

from collections.abc import Iterable
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from observatory.reference.files import load_yaml
from observatory.reference.targets import load_targets
from probes.records import TargetKind


def find_neighbours(target: str, seen: Iterable[str] = ()) -> frozenset[str]:
    """Return the names of data centres in a prefix of the target's known addresses, or of those `seen`.

    Shape:  addresses as text; what is no address, or in no prefix of Telegram's, has no neighbours.
    """
    own = {t.name: t.addresses for t in load_targets()}.get(target, ())
    prefixes = {prefix for address in (*own, *seen) if (prefix := _prefix_of(address)) is not None}
    return frozenset(
        other.name
        for other in load_targets()
        if other.kind is TargetKind.DATA_CENTRE
        and other.name != target
        and any(_prefix_of(address) in prefixes for address in other.addresses)
    )


@cache
def _prefixes() -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(prefix) for prefix in load_yaml("telegram.yaml")["prefixes"])


def _prefix_of(address: str) -> IPv4Network | IPv6Network | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return next((prefix for prefix in _prefixes() if parsed in prefix), None)
