"""What is known beforehand, as a record: whose addresses are whose, and how block pages look."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from observatory.analysis.judging.chains import Authorities
from observatory.analysis.judging.fingerprints import Fingerprint, Fingerprints
from observatory.analysis.judging.lazy import lazy

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Which bytes of an IPv6 address hold the IPv4 one inside, by the length of the prefix in bits. Byte 8, and
# what follows the address, are zero.
_EMBEDDED: Final = {
    32: (4, 5, 6, 7),
    40: (5, 6, 7, 9),
    48: (6, 7, 9, 10),
    56: (7, 9, 10, 11),
    64: (9, 10, 11, 12),
    96: (12, 13, 14, 15),
}
_REMEMBERED = 10_000
# Up to 64 KiB each.
_REMEMBERED_PAGES = 200


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Reference data of one version. An address that Telegram owns is never a block page, whatever a list
    says.

    Of `reserved_prefixes` and `reachable_prefixes` (parts of them that are public after all) the longest
    that holds an address decides. `client_prefixes` are those from which proxy clients make addresses up.
    `interceptors` begin the names of issuers that are programs on a machine or in a house, in lower case.
    `authorities` None: clients are believed about certificates.
    """

    version: str
    telegram_prefixes: tuple[IPNetwork, ...] = ()
    telegram_asns: frozenset[int] = frozenset()
    telegram_domains: tuple[str, ...] = field(default=("telegram.org", "telegram.me", "t.me"))
    fingerprints: Fingerprints = field(default_factory=Fingerprints)
    reserved_prefixes: tuple[IPNetwork, ...] = ()
    reachable_prefixes: tuple[IPNetwork, ...] = ()
    client_prefixes: tuple[IPNetwork, ...] = ()
    interceptors: tuple[str, ...] = ()
    authorities: Authorities | None = None

    @lazy
    def _owned(self) -> dict[str, bool]:
        return {}

    @lazy
    def _reserved(self) -> dict[str, bool]:
        return {}

    @lazy
    def _pages(self) -> dict[bytes, Sequence[Fingerprint]]:
        return {}

    def is_telegram_address(self, address: str) -> bool:
        """Say whether an address lies in a prefix that Telegram announces."""
        known = self._owned.get(address)
        if known is None:
            ip = _reached(address)
            known = any(ip.version == net.version and ip in net for net in self.telegram_prefixes)
            if len(self._owned) < _REMEMBERED:
                self._owned[address] = known
        return known

    def is_reserved(self, address: str) -> bool:
        """Say whether an address can never be a public server's.

        Source: the IANA special-purpose registries, as `reserved_addresses.yaml` has them.
        """
        known = self._reserved.get(address)
        if known is None:
            known = self._is_reserved(_reached(address))
            if len(self._reserved) < _REMEMBERED:
                self._reserved[address] = known
        return known

    def _is_reserved(self, ip: IPAddress) -> bool:
        def longest(prefixes: tuple[IPNetwork, ...]) -> int:
            return max(
                (net.prefixlen for net in prefixes if ip.version == net.version and ip in net), default=-1
            )

        return longest(self.reserved_prefixes) > longest(self.reachable_prefixes)

    def is_made_up(self, address: str) -> bool:
        """Say whether an address is one that proxy clients answer names with."""
        ip = _reached(address)
        return any(ip.version == net.version and ip in net for net in self.client_prefixes)

    def is_interceptor(self, issuer: str) -> bool:
        """Say whether an issuer (RFC 4514) is a program that reads its own customer's TLS."""
        parts = (part.partition("=")[2].strip().lower() for part in issuer.split(","))
        return any(part.startswith(self.interceptors) for part in parts)

    def is_telegram_host(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        return any(name == domain or name.endswith("." + domain) for domain in self.telegram_domains)

    def match_address(self, address: str) -> Fingerprint | None:
        """Return the block page known at an address.

        Lists hold private ones too; such a one is another machine in every network, so it is no known page.
        """
        spelt = str(_reached(address)) if ":" in address else address
        found = self.fingerprints.match_address(spelt)
        if found is None or self.is_reserved(address) or self.is_telegram_address(address):
            return None
        return found

    def match_name(self, host: str) -> Fingerprint | None:
        """Return the block page known by a name; never for Telegram's own names."""
        return None if self.is_telegram_host(host) else self.fingerprints.match_name(host)

    def match_page(self, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Fingerprint | None:
        """Return the block page that a body or its headers show; `match_redirect` says where one leads."""
        others = [h for h in headers if h[0].lower() != "location"]
        return self.fingerprints.match_page(self._find_in_body(body) if body else (), others)

    def match_redirect(self, headers: Sequence[tuple[str, str]]) -> Fingerprint | None:
        """Return the block page that a redirect leads to, by its address, its name or a known URL.

        One that stays within its server or leads to Telegram leads to none, whatever else its URL says.
        """
        locations = [h for h in headers if h[0].lower() == "location"]
        host = _host_of(locations[0][1]) if locations else None
        if host is None:
            return None
        try:
            address = str(ipaddress.ip_address(host))
        except ValueError:
            owned, found = self.is_telegram_host(host), self.match_name(host)
        else:
            owned, found = self.is_telegram_address(address), self.match_address(address)
        return None if owned else found or self.fingerprints.match_headers(locations[:1])

    def _find_in_body(self, body: bytes) -> Sequence[Fingerprint]:
        # The same few pages come back every round; bytes remember their own hash.
        if body not in self._pages:
            if len(self._pages) >= _REMEMBERED_PAGES:
                self._pages.clear()
            self._pages[body] = self.fingerprints.find_in_body(body)
        return self._pages[body]


@lru_cache(maxsize=_REMEMBERED)
def embedded_addresses(address: str) -> Mapping[int, str]:
    """Return the IPv4 addresses that may stand inside an IPv6 one, by the length of the prefix before them.

    Shape:  a NAT64 network may use any prefix; what the resolver says of a name whose IPv4 address is known
            shows which (RFC 7050).
    Errors: none; empty for an IPv4 address and for what is no address.
    Source: RFC 6052 section 2.2.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return {}
    if ip.version == 4:
        return {}
    packed = ip.packed
    found = {}
    for length, places in _EMBEDDED.items():
        rest = [packed[8], *packed[places[-1] + 1 :]] if length < 96 else [packed[8]]
        if not any(rest):
            found[length] = str(ipaddress.IPv4Address(bytes(packed[place] for place in places)))
    return found


def _reached(address: str) -> IPAddress:
    """Return what an address leads to: the IPv4 one inside it, where a network translates (NAT64) or maps.

    Errors: ValueError for what is no address.
    Source: RFC 6052 section 2.1; RFC 4291 section 2.5.5.2.
    """
    ip = ipaddress.ip_address(address)
    if ip.version == 6 and (ip in _NAT64 or ip.ipv4_mapped is not None):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
