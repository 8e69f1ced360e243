"""What is known beforehand, as a record: whose addresses are whose, and how block pages look."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from observatory.analysis.fingerprints import Fingerprint, Fingerprints
from observatory.analysis.lazy import lazy

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_REMEMBERED = 10_000
# Up to 64 KiB each.
_REMEMBERED_PAGES = 200


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Reference data of one version. An address that Telegram owns is never a block page, whatever a list
    says."""

    version: str
    telegram_prefixes: tuple[IPNetwork, ...] = ()
    telegram_asns: frozenset[int] = frozenset()
    telegram_domains: tuple[str, ...] = field(default=("telegram.org", "telegram.me", "t.me"))
    fingerprints: Fingerprints = field(default_factory=Fingerprints)

    @lazy
    def _owned(self) -> dict[str, bool]:
        return {}

    @lazy
    def _pages(self) -> dict[bytes, Fingerprint | None]:
        return {}

    def is_telegram_address(self, address: str) -> bool:
        """Say whether an address lies in a prefix that Telegram announces."""
        known = self._owned.get(address)
        if known is None:
            ip = ipaddress.ip_address(address)
            known = any(ip.version == net.version and ip in net for net in self.telegram_prefixes)
            if len(self._owned) < _REMEMBERED:
                self._owned[address] = known
        return known

    def is_telegram_host(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        return any(name == domain or name.endswith("." + domain) for domain in self.telegram_domains)

    def match_address(self, address: str) -> Fingerprint | None:
        """Return the block page known at an address.

        Lists hold private ones too; such a one is another machine in every network, so it is no known page.
        """
        found = self.fingerprints.match_address(address)
        if found is None or is_bogon(address) or self.is_telegram_address(address):
            return None
        return found

    def match_name(self, host: str) -> Fingerprint | None:
        """Return the block page known by a name; Telegram's own names are none."""
        return None if self.is_telegram_host(host) else self.fingerprints.match_name(host)

    def match_page(self, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> Fingerprint | None:
        """Return the block page that a body or its headers show; `match_redirect` says where one leads."""
        found = self._match_body(body) if body else None
        others = [h for h in headers if h[0].lower() != "location"]
        return found or self.fingerprints.match_headers(others)

    def match_redirect(self, headers: Sequence[tuple[str, str]]) -> Fingerprint | None:
        """Return the block page whose known address a redirect leads to."""
        return self.fingerprints.match_headers([h for h in headers if h[0].lower() == "location"])

    def _match_body(self, body: bytes) -> Fingerprint | None:
        # The same few pages come back every round; bytes remember their own hash.
        if body not in self._pages:
            if len(self._pages) >= _REMEMBERED_PAGES:
                self._pages.clear()
            self._pages[body] = self.fingerprints.match_body(body)
        return self._pages[body]


def is_bogon(address: str) -> bool:
    """Say whether an address can never be a public server's (private, loopback, reserved: RFC 6890)."""
    return not ipaddress.ip_address(address).is_global
