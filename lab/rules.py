"""Packet-filter rules as data, the patterns they search for, and their text for iptables-restore. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# xt_string holds 128 bytes of pattern; the length fields before a server name take seven.
MAX_HOST_BYTES: Final = 100

# Connection marks: a censor's decision about a connection stays with the connection.
MARK_RESET: Final = 0x1
MARK_DROP: Final = 0x2
MARK_ANSWERED: Final = 0x4
MARK_STALL: Final = 0x8
MARK_SLOW: Final = 0x10

QUEUE_DNS: Final = 1
QUEUE_TCP: Final = 2
QUEUE_DELAY: Final = 3
QUEUE_QUIC: Final = 4

MITM_PORT: Final = 8443
PROXY_PORT: Final = 8444
PORTAL_PORT: Final = 8080


class Place(StrEnum):
    """On which router a rule works."""

    CLIENT = "client"
    ACCESS = "access"
    BORDER = "border"
    EXCHANGE = "exchange"
    TELEGRAM_ROUTER = "telegram-router"


class Table(StrEnum):
    MANGLE = "mangle"
    NAT = "nat"
    FILTER = "filter"


# Tables that are always written, so that a rule taken out of the list is really gone.
_TABLE_CHAINS: Final[dict[Table, tuple[str, ...]]] = {
    Table.MANGLE: ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    Table.NAT: ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    Table.FILTER: ("INPUT", "FORWARD", "OUTPUT"),
}


_ADDRESS: Final = re.compile(r"(?:^| )(?:-s|-d|--to-destination) (\S+)")
# Where the payload of a TCP segment begins, in the syntax of xt_u32.
_PAYLOAD: Final = "0>>22&0x3C@12>>26&0x3C@0"
# What ip6tables writes differently.
_IPV6_SYNTAX: Final = {
    _PAYLOAD: "52>>26&0x3C@40",
    "icmp-admin-prohibited": "icmp6-adm-prohibited",
    "icmp-host-unreachable": "icmp6-addr-unreachable",
    "icmp-net-unreachable": "icmp6-no-route",
    "icmp-port-unreachable": "icmp6-port-unreachable",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a table: `spec` is what follows `-A CHAIN`, in the syntax of IPv4's iptables.

    A rule that names an address holds for that address's version of IP, any other for both.
    """

    place: Place
    table: Table
    chain: str
    spec: str

    def holds_for(self, version: int) -> bool:
        """Return whether the rule belongs in the ruleset of IP version 4 or 6."""
        address = _ADDRESS.search(self.spec)
        # Every IPv4 address has a dot, even with a port behind it; no IPv6 address here has one.
        return address is None or version == (4 if "." in address[1] else 6)

    def text(self, version: int) -> str:
        """Return the line for iptables-restore (4) or ip6tables-restore (6)."""
        spec = self.spec
        if version == 6:
            for ours, theirs in _IPV6_SYNTAX.items():
                spec = spec.replace(ours, theirs)
        return f"-A {self.chain} {spec}"


def encode_ruleset(rules: Iterable[Rule], version: int = 4) -> str:
    """Return one router's whole ruleset for IP version 4 or 6, as iptables-restore or ip6tables-restore
    reads it: it replaces what was there.

    The same rule wanted by two censors is written once, at its first place.
    """
    wanted = tuple(rule for rule in dict.fromkeys(rules) if rule.holds_for(version))
    lines = []
    for table, chains in _TABLE_CHAINS.items():
        lines.append(f"*{table}")
        lines += [f":{chain} ACCEPT [0:0]" for chain in chains]
        lines += [rule.text(version) for rule in wanted if rule.table is table]
        lines.append("COMMIT")
    return "\n".join(lines) + "\n"


def sni_pattern(host: str) -> str:
    """Return the xt_string pattern of exactly this name in a ClientHello's server_name extension.

    The length fields stand right before the name, so neither `xt.me` nor `t.me.evil.example` holds it.
    Errors: ValueError for a name that is empty or too long for xt_string.
    Source: RFC 6066 section 3.
    """
    size = len(_checked(host))
    return f"|{size + 5:04x}{size + 3:04x}00{size:04x}|{host}"


def query_pattern(host: str) -> str:
    """Return the xt_string pattern of a name, or one below it, in a DNS query.

    Source: RFC 1035 section 3.1.
    """
    labels = _checked(host).split(".")
    return "".join(f"|{len(label):02x}|{label}" for label in labels) + "|00|"


def host_header_pattern(host: str) -> str:
    """Return the xt_string pattern of exactly this name in an HTTP/1.1 Host header without a port."""
    return f"|0d0a|Host: {_checked(host)}|0d0a|"


def _checked(host: str) -> str:
    if not 0 < len(host) <= MAX_HOST_BYTES or not host.isascii():
        raise ValueError(f"host: expected 1 to {MAX_HOST_BYTES} ASCII characters, got {host!r}")
    return host


def match_sni(host: str) -> str:
    return f'-p tcp --dport 443 -m string --algo kmp --icase --hex-string "{sni_pattern(host)}"'


def match_host_header(host: str) -> str:
    return f'-p tcp --dport 80 -m string --algo kmp --icase --hex-string "{host_header_pattern(host)}"'


def match_payload(test: str) -> str:
    """Match TCP segments whose first four bytes of payload pass an xt_u32 test, like `>>16=0x1603`.

    A segment with less payload passes no test.
    """
    return f'-p tcp -m u32 --u32 "{_PAYLOAD}{test}"'


ANY_PAYLOAD: Final = match_payload("=0:0xFFFFFFFF")
CLIENT_HELLO: Final = match_payload(">>16=0x1603")
APPLICATION_DATA: Final = match_payload(">>24=0x17")
# How the MTProto transports that are not obfuscated announce themselves: abridged with the length of the one
# message that a client starts with, intermediate, padded intermediate, HTTP.
MTPROTO_PLAIN: Final = tuple(
    match_payload(test) for test in (">>16=0xEF0A", "=0xEEEEEEEE", "=0xDDDDDDDD", "=0x504F5354")
)


def mark_connection(mark: int) -> str:
    return f"-j CONNMARK --set-xmark {mark:#x}/{mark:#x}"


def match_marked(mark: int) -> str:
    return f"-m connmark --mark {mark:#x}/{mark:#x}"


def drop_both_ways(place: Place, address: str, extra: str = "", reply_extra: str = "") -> tuple[Rule, ...]:
    """Return the rules that drop everything to an address and everything from it."""
    return (
        Rule(place, Table.FILTER, "FORWARD", f"-d {address} {extra}-j DROP"),
        Rule(place, Table.FILTER, "FORWARD", f"-s {address} {reply_extra}-j DROP"),
    )
