"""What is known beforehand, as a record: whose addresses are whose, and how block pages look."""

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Reference data of one version.

    `block_page_hosts` may start with `*.`; a pattern in `block_page_texts` is a lower-case phrase of the
    notice itself. An address that Telegram owns is never a block page, whatever a list says.
    """

    version: str
    telegram_prefixes: tuple[IPNetwork, ...] = ()
    block_page_addresses: frozenset[str] = frozenset()
    block_page_hosts: frozenset[str] = frozenset()
    block_page_texts: tuple[str, ...] = ()
    telegram_domains: tuple[str, ...] = field(default=("telegram.org", "telegram.me", "t.me"))

    @cached_property
    def _owned(self) -> dict[str, bool]:
        return {}

    def is_telegram_address(self, address: str) -> bool:
        """Say whether an address lies in a prefix that Telegram announces."""
        known = self._owned.get(address)
        if known is None:
            ip = ipaddress.ip_address(address)
            known = any(ip.version == net.version and ip in net for net in self.telegram_prefixes)
            if len(self._owned) < 10_000:
                self._owned[address] = known
        return known

    def is_block_page_address(self, address: str) -> bool:
        return address in self.block_page_addresses and not self.is_telegram_address(address)

    def is_block_page_host(self, host: str) -> bool:
        """Match a host name exactly, or below a pattern `*.example`."""
        name = host.lower().rstrip(".").removeprefix("www.")
        parents = name.split(".")
        return name in self.block_page_hosts or any(
            "*." + ".".join(parents[i:]) in self.block_page_hosts for i in range(1, len(parents))
        )

    def is_telegram_host(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        return any(name == domain or name.endswith("." + domain) for domain in self.telegram_domains)

    def is_block_page_body(self, body: bytes) -> bool:
        text = body[:65536].decode("utf-8", "replace").lower()
        return any(phrase in text for phrase in self.block_page_texts)


def is_bogon(address: str) -> bool:
    """Say whether an address can never be a public server's (private, loopback, reserved: RFC 6890)."""
    return not ipaddress.ip_address(address).is_global
