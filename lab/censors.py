"""The registry of everything that can be switched on: censors, and failures that are not censorship.

Each entry says what it is, whom it concerns, what it can be aimed at, and which packet rules it needs;
answers of resolvers and servers follow from the same settings in `lab.policy`. Pure.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lab import world
from lab.rules import (
    MARK_ANSWERED,
    MARK_DROP,
    MARK_RESET,
    MITM_PORT,
    PORTAL_PORT,
    QUEUE_DELAY,
    QUEUE_DNS,
    QUEUE_HTTP,
    Place,
    Rule,
    Table,
    drop_both_ways,
    mark_connection,
    match_host_header,
    match_marked,
    match_sni,
)

Value = int | float | str


class Scope(StrEnum):
    ISP = "isp"
    EVERYONE = "everyone"


class Aim(StrEnum):
    """What `hosts` may name."""

    NAMES = "names"
    ADDRESSES = "names or data centres"
    DATA_CENTRES = "data centres"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter: its default and the check every given value passes through."""

    default: Value
    expected: str
    check: Callable[[Value], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that is on. `isp` is None when it concerns everyone."""

    isp: world.Isp | None
    hosts: tuple[str, ...]
    params: dict[str, Value] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[str, ...]:
        return world.addresses_of(self.hosts)


def _no_rules(setting: Setting) -> Iterator[Rule]:
    yield from ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Censor:
    """One entry of the registry."""

    id: str
    summary: str
    scope: Scope = Scope.ISP
    is_failure: bool = False
    aim: Aim = Aim.NAMES
    params: dict[str, Param] = field(default_factory=dict)
    rules: Callable[[Setting], Iterable[Rule]] = _no_rules

    @property
    def valid_hosts(self) -> tuple[str, ...]:
        names = () if self.aim in (Aim.DATA_CENTRES, Aim.NOTHING) else tuple(world.CENSORABLE_HOSTS)
        centres = () if self.aim in (Aim.NAMES, Aim.NOTHING) else tuple(world.DATA_CENTRES)
        return names + centres

    @property
    def default_hosts(self) -> tuple[str, ...]:
        if self.aim is Aim.NOTHING:
            return ()
        return tuple(world.DATA_CENTRES if self.aim is Aim.DATA_CENTRES else world.TELEGRAM_HOSTS)


def _number(default: float, lowest: float, highest: float) -> Param:
    return Param(
        default=default,
        expected=f"a number from {lowest:g} to {highest:g}",
        check=lambda value: not isinstance(value, str) and lowest <= value <= highest,
    )


def _one_of(default: str, *others: str) -> Param:
    choices = (default, *others)
    return Param(
        default=default, expected=f"one of {', '.join(choices)}", check=lambda value: value in choices
    )


def _is_address(value: Value) -> bool:
    try:
        ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _border(table: Table, chain: str, spec: str) -> Rule:
    return Rule(Place.BORDER, table, chain, spec)


def _dns_hijack(setting: Setting) -> Iterator[Rule]:
    if setting.isp is None:
        return
    for protocol in ("udp", "tcp"):
        yield _border(
            Table.NAT,
            "PREROUTING",
            f"-i cust -p {protocol} --dport 53 -j DNAT --to-destination {setting.isp.resolver}:53",
        )


def _dns_injection(setting: Setting) -> Iterator[Rule]:
    # PREROUTING also sees queries to the ISP's own resolver, which lives on this very router.
    yield _border(Table.MANGLE, "PREROUTING", f"-i cust -p udp --dport 53 -j NFQUEUE --queue-num {QUEUE_DNS}")


def _sni_reset(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        yield _border(Table.MANGLE, "FORWARD", f"-i cust {match_sni(host)} {mark_connection(MARK_RESET)}")
    yield _border(
        Table.FILTER, "FORWARD", f"-p tcp {match_marked(MARK_RESET)} -j REJECT --reject-with tcp-reset"
    )


def _sni_drop(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        yield _border(Table.MANGLE, "FORWARD", f"-i cust {match_sni(host)} {mark_connection(MARK_DROP)}")
    yield _border(Table.FILTER, "FORWARD", f"-p tcp {match_marked(MARK_DROP)} -j DROP")


def _ip_blackhole(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield from drop_both_ways(Place.BORDER, address)


def _ip_reject(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _border(
            Table.FILTER, "FORWARD", f"-i cust -d {address} -j REJECT --reject-with icmp-admin-prohibited"
        )


def _http_filter(setting: Setting) -> Iterator[Rule]:
    yield _border(
        Table.MANGLE,
        "FORWARD",
        '-i cust -p tcp --dport 80 -m string --algo kmp --icase --hex-string "|0d0a|Host:" '
        f"-j NFQUEUE --queue-num {QUEUE_HTTP}",
    )
    # The queue marks the request it has answered; from then on nothing of that connection passes.
    yield _border(
        Table.FILTER,
        "FORWARD",
        f"-p tcp -m mark --mark {MARK_ANSWERED:#x}/{MARK_ANSWERED:#x} {mark_connection(MARK_ANSWERED)}",
    )
    yield _border(Table.FILTER, "FORWARD", f"-p tcp {match_marked(MARK_ANSWERED)} -j DROP")


def _tls_mitm(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _border(
            Table.NAT,
            "PREROUTING",
            f"-i cust -p tcp -d {address} --dport 443 -j REDIRECT --to-ports {MITM_PORT}",
        )


def _throttle(setting: Setting) -> Iterator[Rule]:
    bytes_per_s = int(float(setting.params["kbit"]) * 1000 / 8)
    for address in setting.addresses:
        # Policed per connection: parallel downloads must not starve each other into a false timeout.
        yield _border(
            Table.FILTER,
            "FORWARD",
            f"-o cust -p tcp -s {address} -m hashlimit --hashlimit-name throttle "
            "--hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-htable-expire 30000 "
            f"--hashlimit-above {bytes_per_s}b/s --hashlimit-burst {max(bytes_per_s, 6000)}b -j DROP",
        )


def _dc_443_drop(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield from drop_both_ways(Place.BORDER, address, "-p tcp --dport 443 ", "-p tcp --sport 443 ")


def _dc_drop(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield from drop_both_ways(Place.BORDER, address, "-p tcp ", "-p tcp ")


def _quic_drop(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield from drop_both_ways(Place.BORDER, address, "-p udp --dport 443 ", "-p udp --sport 443 ")


def _before(host: str) -> Place:
    """Return the router in front of a host, where its failures are played."""
    is_telegram = host in world.TELEGRAM_HOSTS or host in world.DATA_CENTRES
    return Place.TELEGRAM_ROUTER if is_telegram else Place.EXCHANGE


def _origin_down(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        place = _before(host)
        (address,) = world.addresses_of([host])
        on_the_same = {name for name, known in world.CENSORABLE_HOSTS.items() if known == address}
        if on_the_same <= set(setting.hosts):
            yield from drop_both_ways(place, address)
            continue
        # Names share an address: only the listed ones go silent, by what their clients ask for.
        for match in (match_sni(host), match_host_header(host)):
            yield Rule(place, Table.MANGLE, "FORWARD", f"-d {address} {match} {mark_connection(MARK_DROP)}")
        yield Rule(place, Table.FILTER, "FORWARD", f"-p tcp {match_marked(MARK_DROP)} -j DROP")


def _origin_refused(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        (address,) = world.addresses_of([host])
        yield Rule(
            _before(host), Table.FILTER, "FORWARD", f"-d {address} -p tcp -j REJECT --reject-with tcp-reset"
        )


def _vantage_offline(setting: Setting) -> Iterator[Rule]:
    yield Rule(Place.ACCESS, Table.FILTER, "FORWARD", "-j DROP")
    yield Rule(Place.ACCESS, Table.FILTER, "INPUT", "-i cust -j DROP")


def _packet_loss(setting: Setting) -> Iterator[Rule]:
    probability = float(setting.params["percent"]) / 100
    yield Rule(
        Place.ACCESS,
        Table.FILTER,
        "FORWARD",
        f"-m statistic --mode random --probability {probability:.6f} -j DROP",
    )


def _delay(setting: Setting) -> Iterator[Rule]:
    yield Rule(Place.ACCESS, Table.MANGLE, "FORWARD", f"-j NFQUEUE --queue-num {QUEUE_DELAY}")


def _captive_portal(setting: Setting) -> Iterator[Rule]:
    yield _border(Table.NAT, "PREROUTING", f"-i cust -p tcp --dport 80 -j REDIRECT --to-ports {PORTAL_PORT}")
    yield _border(Table.FILTER, "FORWARD", "-i cust -p tcp --dport 443 -j REJECT --reject-with tcp-reset")


_ENTRIES: Final = (
    Censor(id="dns_nxdomain", summary="the ISP's resolver says the name does not exist"),
    Censor(id="dns_blockpage", summary="the ISP's resolver answers the address of its block page"),
    Censor(
        id="dns_bogon",
        summary="the ISP's resolver answers a private address",
        params={"address": Param(default="10.10.34.35", expected="an IPv4 address", check=_is_address)},
    ),
    Censor(
        id="dns_hijack",
        summary="DNS to whatever resolver is diverted to the ISP's, which answers its block page",
        rules=_dns_hijack,
    ),
    Censor(
        id="dns_injection",
        summary="a forged block-page answer races ahead of the true one, for queries to any address",
        rules=_dns_injection,
    ),
    Censor(
        id="sni_reset", summary="a TLS ClientHello with the name is answered with a reset", rules=_sni_reset
    ),
    Censor(
        id="sni_drop", summary="a TLS ClientHello with the name and all after it is dropped", rules=_sni_drop
    ),
    Censor(
        id="ip_blackhole",
        summary="packets to the addresses vanish",
        aim=Aim.ADDRESSES,
        rules=_ip_blackhole,
    ),
    Censor(
        id="ip_reject",
        summary="packets to the addresses are answered with ICMP administratively prohibited",
        aim=Aim.ADDRESSES,
        rules=_ip_reject,
    ),
    Censor(
        id="http_blockpage",
        summary="plain HTTP with the name in Host is answered with a forged block page (200)",
        rules=_http_filter,
    ),
    Censor(
        id="http_redirect",
        summary="plain HTTP with the name in Host is answered with a forged 302 to internet-positif.org",
        rules=_http_filter,
    ),
    Censor(
        id="tls_mitm",
        summary="TLS to the addresses ends at a middlebox with certificates of another authority",
        rules=_tls_mitm,
    ),
    Censor(
        id="throttle",
        summary="each connection from the addresses is held to a low rate",
        aim=Aim.ADDRESSES,
        params={"kbit": _number(128, 16, 100_000)},
        rules=_throttle,
    ),
    Censor(
        id="dc_443_drop",
        summary="TCP 443 to Telegram's data centres is dropped; port 80 still works",
        aim=Aim.DATA_CENTRES,
        rules=_dc_443_drop,
    ),
    Censor(
        id="dc_drop",
        summary="all TCP to the listed data centres is dropped",
        aim=Aim.DATA_CENTRES,
        rules=_dc_drop,
    ),
    Censor(
        id="quic_drop", summary="UDP 443 to the addresses is dropped", aim=Aim.ADDRESSES, rules=_quic_drop
    ),
    Censor(
        id="origin_down",
        summary="the hosts answer nobody, the control included",
        scope=Scope.EVERYONE,
        is_failure=True,
        aim=Aim.ADDRESSES,
        rules=_origin_down,
    ),
    Censor(
        id="origin_refused",
        summary="the hosts' addresses refuse every connection (TCP reset), for everyone",
        scope=Scope.EVERYONE,
        is_failure=True,
        aim=Aim.ADDRESSES,
        rules=_origin_refused,
    ),
    Censor(
        id="expired_certificate",
        summary="the hosts present a certificate that has run out",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="wrong_certificate",
        summary="the hosts present a valid certificate of another name",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="name_retired",
        summary="the names exist no more: NXDOMAIN on every honest resolver",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="resolver_broken",
        summary="the ISP's resolver fails for every name",
        is_failure=True,
        aim=Aim.NOTHING,
        params={"mode": _one_of("servfail", "timeout", "refused")},
    ),
    Censor(
        id="vantage_offline",
        summary="the client's line is dead, both ways",
        is_failure=True,
        aim=Aim.NOTHING,
        rules=_vantage_offline,
    ),
    Censor(
        id="packet_loss",
        summary="a share of the packets is lost, in each direction",
        is_failure=True,
        aim=Aim.NOTHING,
        params={"percent": _number(5, 0, 100)},
        rules=_packet_loss,
    ),
    Censor(
        id="delay",
        summary="the round trip takes longer",
        is_failure=True,
        aim=Aim.NOTHING,
        params={"ms": _number(300, 1, 5000)},
        rules=_delay,
    ),
    Censor(
        id="captive_portal",
        summary="a login page stands before everything: HTTP goes to it, HTTPS is refused",
        is_failure=True,
        aim=Aim.NOTHING,
        rules=_captive_portal,
    ),
    Censor(
        id="geoblock_403",
        summary="the hosts themselves refuse this ISP's clients with 403, as a service that left a country",
        is_failure=True,
    ),
)
CENSORS: Final[dict[str, Censor]] = {censor.id: censor for censor in _ENTRIES}
