"""dnsmasq as the forwarder of a home router: healthy in odd ways, filtering itself, or before a filter."""

from collections.abc import Mapping
from typing import Final

import pytest

from lab import world
from observatory.model import State, VantagePoint
from probes.records import DnsObservation, Failure, Resolver
from tests.in_lab import Results
from tests.independent.resolvers import start_dnsmasq, start_unbound, zone_lines
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BLOCKED, LIKELY = State.BLOCKED, State.LIKELY_BLOCKED
# XL has IPv6, CBN has none.
XL = world.ISPS["xl"]
CBN = world.ISPS["cbn"]
NOTICE: Final = world.NATIONAL_NOTICE_ADDRESS
NOBODY: Final = "11.12.13.14"
ALL_FINE: Final[dict[str, Outcome]] = dict.fromkeys(world.TELEGRAM_HOSTS, FINE)

# Name, line of the settings, what is true of the name here.
OWN_FILTER: Final[Mapping[str, tuple[str, Outcome]]] = {
    "t.me": (f"address=/t.me/{NOTICE}", (BLOCKED, "dns.injection.blockpage")),
    "telegram.me": (f"address=/telegram.me/{NOBODY}", (LIKELY, "dns.injection.other")),
    "core.telegram.org": ("address=/core.telegram.org/", (LIKELY, "dns.nxdomain")),
    "desktop.telegram.org": ("address=/desktop.telegram.org/0.0.0.0", (BLOCKED, "dns.injection.bogon")),
    "macos.telegram.org": ("address=/macos.telegram.org/#", (BLOCKED, "dns.injection.bogon")),
    "venus.web.telegram.org": ("server=/venus.web.telegram.org/", (LIKELY, "dns.nxdomain")),
    # Sent to a server that is not there.
    "pluto.web.telegram.org": ("server=/pluto.web.telegram.org/10.99.9.9", (LIKELY, "dns.timeout")),
    "flora.web.telegram.org": (
        f"address=/flora.web.telegram.org/{world.BOGON}",
        (BLOCKED, "dns.injection.bogon"),
    ),
    "flora-1.web.telegram.org": (
        f"cname=flora-1.web.telegram.org,{world.NATIONAL_NOTICE_NAME}",
        (BLOCKED, "dns.injection.blockpage"),
    ),
}
# What the provider's resolver does, and what comes of it behind a router that itself turns away private
# addresses (stop-dns-rebind) and the address of a notice (bogus-nxdomain).
UPSTREAM: Final = {
    "t.me": ("redirect", (f"A {NOTICE}",)),
    "telegram.me": ("redirect", (f"A {world.BOGON}",)),
    "core.telegram.org": ("always_refuse", ()),
    "desktop.telegram.org": ("always_null", ()),
    "macos.telegram.org": ("always_deny", ()),
    "venus.web.telegram.org": ("always_nxdomain", ()),
    "pluto.web.telegram.org": ("redirect", (f"A {world.CANARY_ADDRESS}",)),
    "flora.web.telegram.org": ("always_nodata", ()),
    "flora-1.web.telegram.org": ("redirect", (f"A {NOBODY}",)),
}


BEHIND: Final[dict[str, Outcome]] = {
    # What dnsmasq turns away itself it declares as blocked (RFC 8914, code 15).
    "t.me": (BLOCKED, "dns.nxdomain"),
    "telegram.me": (BLOCKED, "dns.no_answer"),
    "core.telegram.org": (LIKELY, "dns.refused"),
    "desktop.telegram.org": (BLOCKED, "dns.no_answer"),
    "macos.telegram.org": (LIKELY, "dns.timeout"),
    "venus.web.telegram.org": (LIKELY, "dns.nxdomain"),
    "pluto.web.telegram.org": (LIKELY, "dns.injection.other"),
    "flora.web.telegram.org": (LIKELY, "dns.no_answer"),
    "flora-1.web.telegram.org": (LIKELY, "dns.injection.other"),
}
TURNS_AWAY: Final = f"stop-dns-rebind\nbogus-nxdomain={NOTICE}"


def at_home(
    servers: Servers, name: str, isp: world.Isp, more: str, *, upstream: str | None = None
) -> VantagePoint:
    """Return a vantage point behind a router with these settings."""
    address = start_dnsmasq(servers, name, isp, more=more, upstream=upstream)
    return vantage_point(servers.config, isp.id, name, resolver=address)


@pytest.fixture(scope="module")
def healthy(servers: Servers) -> Results:
    points = (
        at_home(servers, "usual", XL, "cache-size=150"),
        at_home(servers, "turns-away", XL, TURNS_AWAY),
        at_home(servers, "no-ipv6-addresses", XL, "filter-AAAA"),
        at_home(servers, "no-ipv4-addresses", XL, "filter-A"),
        at_home(servers, "no-usable-addresses", CBN, "filter-A"),
        at_home(servers, "small-table", CBN, "dns-forward-max=10\ncache-size=0"),
    )
    return measure(servers.config, points, ["web"])


@pytest.fixture(scope="module")
def filtered(servers: Servers) -> Results:
    own = "\n".join(line for line, _ in OWN_FILTER.values())
    upstream = start_unbound(servers, "upstream", CBN, server=zone_lines(UPSTREAM))
    points = (
        at_home(servers, "own-filter", CBN, own),
        at_home(servers, "own-filter-with-ipv6", XL, own),
        at_home(servers, "behind-filter", CBN, TURNS_AWAY, upstream=upstream),
        at_home(servers, "full-table", CBN, "dns-forward-max=2\ncache-size=0"),
    )
    return measure(servers.config, points, ["web"])


@pytest.mark.parametrize(
    "name", ["usual", "turns-away", "no-ipv6-addresses", "no-ipv4-addresses", "small-table"]
)
def test_healthy_router_is_ok(name: str, healthy: Results) -> None:
    assert verdicts(healthy, name) == ALL_FINE


def test_router_that_gives_nobody_a_usable_address_filters_no_name(healthy: Results) -> None:
    found = verdicts(healthy, "no-usable-addresses")
    assert found == dict.fromkeys(world.TELEGRAM_HOSTS, (State.INSUFFICIENT, None))


def test_each_line_of_its_own_filter(filtered: Results) -> None:
    expected = {name: outcome for name, (_, outcome) in OWN_FILTER.items()}
    assert verdicts(filtered, "own-filter") == ALL_FINE | expected


def test_true_ipv6_addresses_beside_forged_ones_where_they_are_used(filtered: Results) -> None:
    """The router forges A records and lets AAAA records pass."""
    found = verdicts(filtered, "own-filter-with-ipv6")
    hindered = (State.IMPAIRED, None)
    assert found["t.me"] == (BLOCKED, "dns.injection.blockpage"), "the notice shows who forged it"
    assert found["telegram.me"] == FINE
    assert found["desktop.telegram.org"] == found["flora.web.telegram.org"] == hindered


def test_router_in_front_of_a_filtering_resolver(filtered: Results) -> None:
    assert verdicts(filtered, "behind-filter") == ALL_FINE | BEHIND


def test_router_whose_table_is_full_filters_nothing(filtered: Results) -> None:
    """It refuses what comes while two queries are on their way: now one name, now another, the canary too."""
    answers = [
        o.failure
        for (vantage, _), result in filtered.items()
        for o in result.measurement.observations
        if vantage == "full-table" and isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE
    ]
    assert answers.count(Failure.DNS_REFUSED) > 0
    assert verdicts(filtered, "full-table") == ALL_FINE
