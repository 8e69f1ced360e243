"""Over IPv6: what is clean, what each censor does there, and the two failures that concern IPv6."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import world
from lab.censors import CENSORS
from lab.control import LabControl
from lab.settings import Scope
from tests.lab.client import Customer

pytestmark = pytest.mark.lab

TELEGRAM = world.ADDRESSES_V6["t.me"]
CANARY = world.CANARY_ADDRESS_V6
GENUINE = "200 Telegram: Join Group Chat"
UNTRUSTED = "certificate: unable to get local issuer certificate"

Look = Callable[[Customer], object]
LOOKS: dict[str, Look] = {
    "own resolver": lambda c: c.ask("t.me", kind="AAAA"),
    "public resolver": lambda c: c.ask("t.me", world.PUBLIC_RESOLVER, "AAAA"),
    "no resolver at all": lambda c: c.ask("t.me", CANARY),
    "t.me": lambda c: c.tls("t.me", address=TELEGRAM),
    "telegram.org": lambda c: c.tls("telegram.org", address=TELEGRAM),
    "venus": lambda c: c.tls("venus.web.telegram.org", address=world.ADDRESSES_V6["venus.web.telegram.org"]),
    "canary": lambda c: c.tls(world.CANARY, address=CANARY),
    "http": lambda c: c.http("t.me", TELEGRAM),
    "http telegram.org": lambda c: c.http("telegram.org", TELEGRAM),
    "quic": lambda c: c.quic(TELEGRAM),
    "t.me over IPv4": lambda c: c.tls("t.me"),
}
CLEAN = {
    "own resolver": [TELEGRAM],
    "public resolver": [TELEGRAM],
    "no resolver at all": [],
    "t.me": GENUINE,
    "telegram.org": "200 Telegram Messenger",
    "venus": "200 Telegram Web: Venus",
    "canary": "200 Control Example: a page nobody blocks",
    "http": "301 https://t.me/",
    "http telegram.org": "301 https://telegram.org/",
    "quic": "version negotiation",
    "t.me over IPv4": GENUINE,
}
AT_THE_ADDRESS = ("t.me", "telegram.org", "http", "http telegram.org", "quic")
OVER_IPV6 = (*AT_THE_ADDRESS, "venus", "canary")
# Censor -> (hosts, what a customer then sees otherwise than when clean).
EFFECTS: dict[str, tuple[list[str] | None, Mapping[str, object]]] = {
    "dns_nxdomain": (["t.me"], {"own resolver": ["NXDOMAIN"]}),
    "dns_blockpage": (["t.me"], {"own resolver": ["NOERROR"]}),
    "dns_bogon": (["t.me"], {"own resolver": ["NOERROR"]}),
    "dns_hijack": (["t.me"], {"own resolver": ["NOERROR"], "public resolver": ["NOERROR"]}),
    "dns_injection": (["t.me"], {"no resolver at all": [world.ISPS["xl"].notice_address]}),
    "sni_reset": (["t.me"], {"t.me": "reset", "t.me over IPv4": "reset"}),
    "sni_drop": (["t.me"], {"t.me": "timeout", "t.me over IPv4": "timeout"}),
    "ip_blackhole": (["t.me"], dict.fromkeys((*AT_THE_ADDRESS, "t.me over IPv4"), "timeout")),
    "ip_reject": (
        ["t.me"],
        dict.fromkeys(AT_THE_ADDRESS, "prohibited") | {"t.me over IPv4": "host unreachable"},
    ),
    "http_blockpage": (["t.me"], {"http": "200 XL Axiata - Situs Diblokir"}),
    "http_redirect": (["t.me"], {"http": "302 http://internet-positif.org/"}),
    "tls_mitm": (["t.me"], dict.fromkeys(("t.me", "telegram.org", "t.me over IPv4"), UNTRUSTED)),
    "dns_cname_blockpage": (["t.me"], {"own resolver": [world.ISPS["xl"].notice_name + "."]}),
    "dns_no_answer": (["t.me"], {"own resolver": ["NOERROR"]}),
    "dns_refused": (["t.me"], {"own resolver": ["REFUSED"]}),
    "dns_timeout": (["t.me"], {"own resolver": []}),
    "tls_reset": (["t.me"], dict.fromkeys(("t.me", "telegram.org", "t.me over IPv4"), "reset")),
    "tls_drop": (["t.me"], dict.fromkeys(("t.me", "telegram.org", "t.me over IPv4"), "timeout")),
    "tls_stall": (["t.me"], dict.fromkeys(("t.me", "t.me over IPv4"), "timeout after the handshake")),
    "http_reset": (["t.me"], {"http": "reset"}),
    "http_drop": (["t.me"], {"http": "timeout"}),
    "ip_refused": (
        ["t.me"],
        dict.fromkeys(("t.me", "telegram.org", "http", "http telegram.org", "t.me over IPv4"), "refused"),
    ),
    "local_firewall": (
        ["t.me"],
        dict.fromkeys(("t.me", "telegram.org", "http", "http telegram.org", "t.me over IPv4"), "timeout"),
    ),
    "company_proxy": (
        None,
        dict.fromkeys(("t.me", "telegram.org", "venus", "canary", "t.me over IPv4"), UNTRUSTED)
        | {"quic": "timeout"},
    ),
    "quic_drop": (["t.me"], {"quic": "timeout"}),
    "origin_down": (["t.me"], dict.fromkeys(("t.me", "http", "t.me over IPv4"), "timeout")),
    "origin_refused": (["venus.web.telegram.org"], {"venus": "refused"}),
    "name_retired": (["t.me"], {"own resolver": ["NXDOMAIN"], "public resolver": ["NXDOMAIN"]}),
    "aaaa_only": (["t.me"], {}),
    "ipv6_broken": (None, dict.fromkeys(OVER_IPV6, "timeout")),
    "vantage_offline": (
        None,
        dict.fromkeys((*OVER_IPV6, "t.me over IPv4"), "timeout")
        | {"own resolver": [], "public resolver": []},
    ),
    "captive_portal": (
        None,
        dict.fromkeys(("http", "http telegram.org"), "302 http://192.0.2.1/login")
        | dict.fromkeys(("t.me", "telegram.org", "venus", "canary", "t.me over IPv4"), "refused")
        | {"quic": "timeout"},
    ),
    "geoblock_403": (["t.me"], dict.fromkeys(("t.me", "t.me over IPv4"), "403 403 Forbidden")),
}


def look(customer: Customer, names: Iterable[str] = tuple(LOOKS)) -> dict[str, object]:
    """Look at everything named, side by side: namespaces are entered per thread."""
    wanted = [name for name in LOOKS if name in set(names)]
    with ThreadPoolExecutor(max_workers=len(LOOKS)) as pool:
        return dict(zip(wanted, pool.map(lambda name: LOOKS[name](customer), wanted), strict=True))


def test_clean(control: LabControl, xl: Customer) -> None:
    assert look(xl) == CLEAN


@pytest.mark.slow
@pytest.mark.parametrize("censor", EFFECTS)
def test_censor_on_and_off(control: LabControl, xl: Customer, censor: str) -> None:
    hosts, changed = EFFECTS[censor]
    isp = None if CENSORS[censor].scope is Scope.EVERYONE else "xl"
    control.switch(isp, censor, True, hosts)
    assert look(xl) == CLEAN | {**changed}
    control.switch(isp, censor, False, hosts)
    touched = set(changed) or {"t.me"}
    assert look(xl, touched) == {name: CLEAN[name] for name in touched}


def test_throttle_holds_a_connection_down(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "throttle", True, ["t.me"])
    assert xl.transfer_kbit_s("t.me", 40_000, TELEGRAM) < 200
    control.switch("xl", "throttle", False)
    assert xl.transfer_kbit_s("t.me", 40_000, TELEGRAM) > 1000


def test_delay_adds_to_the_round_trip(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "delay", True, ms=200)
    assert xl.connect_ms(TELEGRAM, 443) >= 200


@pytest.mark.parametrize("isp", [isp for isp in world.ISPS.values() if isp.has_ipv6], ids=lambda isp: isp.id)
def test_a_network_with_ipv6_reaches_every_address(control: LabControl, isp: world.Isp) -> None:
    customer = Customer(isp.id)
    addresses = dict.fromkeys(world.ADDRESSES_V6.values(), "connected")
    assert {address: customer.connect(address, 443) for address in addresses} == addresses


@pytest.mark.parametrize(
    "isp", [isp for isp in world.ISPS.values() if not isp.has_ipv6], ids=lambda isp: isp.id
)
def test_a_network_without_ipv6_reports_it_at_once(control: LabControl, isp: world.Isp) -> None:
    customer = Customer(isp.id)
    assert customer.connect(TELEGRAM, 443) == "network unreachable"
    assert customer.ask("t.me", kind="AAAA") == [TELEGRAM]


def test_broken_ipv6_concerns_its_network_only(control: LabControl) -> None:
    control.switch("*", "ipv6_broken", True)
    seen = {isp: Customer(isp).connect(TELEGRAM, 443) for isp in ("telkomsel", "indosat", "control-sg")}
    assert seen == {"telkomsel": "timeout", "indosat": "network unreachable", "control-sg": "connected"}
    # Not even the first router is seen.
    assert Customer("telkomsel").hop(TELEGRAM, 1) == "timeout"


def test_an_address_that_does_not_exist_is_silent(control: LabControl, xl: Customer) -> None:
    for address in ("2001:67c:4e8:f004::dead", "2606:4700:4700::1111"):
        assert xl.connect(address, 443) == "timeout"


def test_every_hop_answers(control: LabControl, xl: Customer) -> None:
    assert [xl.hop(TELEGRAM, limit) for limit in (1, 2, 3, 4)] == [
        "fd00:3:1::1",
        "fd00:3:2::1",
        "fd00:3:3::1",
        "fd00:0:1::2",
    ]
