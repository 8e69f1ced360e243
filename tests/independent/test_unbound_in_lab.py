"""unbound as a network's resolver: healthy in odd ways, and filtering by each of its own means."""

from collections.abc import Mapping
from typing import Final

import pytest

from lab import world
from observatory.model import State, VantagePoint
from probes.records import DnsObservation, Failure, Resolver
from tests.in_lab import Results
from tests.independent.resolvers import policy_zone, start_unbound, zone_lines
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BLOCKED, LIKELY, IMPAIRED = State.BLOCKED, State.LIKELY_BLOCKED, State.IMPAIRED
# XL has IPv6, CBN has none.
XL = world.ISPS["xl"]
CBN = world.ISPS["cbn"]

# By the name of the vantage point: what its resolver's settings add.
HEALTHY = {
    "plain": "",
    "minimal-any": "deny-any: yes\nminimal-responses: yes\nhide-identity: yes\nuse-caps-for-id: yes",
    "private-address": "private-address: 10.0.0.0/8\nprivate-address: fd00::/8",
    "dns64": 'module-config: "dns64 iterator"\ndns64-synthall: no',
    "rate-limited": "ip-ratelimit: 5\nip-ratelimit-factor: 2\nip-ratelimit-backoff: no",
    "few-tcp": "incoming-num-tcp: 10",
}
# Once a customer asks too fast it drops everything until he asks more slowly.
STRICT: Final = "ip-ratelimit: 7\nip-ratelimit-factor: 0\nip-ratelimit-backoff: yes"

NOTICE: Final = world.NATIONAL_NOTICE_ADDRESS
# A public address at which nothing answers.
NOBODY: Final = "11.12.13.14"
NXDOMAIN: Final = (LIKELY, "dns.nxdomain")
REFUSED: Final = (LIKELY, "dns.refused")
NO_ANSWER: Final = (LIKELY, "dns.no_answer")
SWALLOWED: Final = (LIKELY, "dns.timeout")
BLOCK_PAGE: Final = (BLOCKED, "dns.injection.blockpage")
BOGON: Final = (BLOCKED, "dns.injection.bogon")
ELSEWHERE: Final = (LIKELY, "dns.injection.other")

# Name, kind of local zone, its records, what is true of the name here.
Zones = Mapping[str, tuple[str, tuple[str, ...], Outcome]]
BY_KIND: Final[Zones] = {
    "t.me": ("always_nxdomain", (), NXDOMAIN),
    "telegram.me": ("always_refuse", (), REFUSED),
    "telegram.org": ("always_transparent", (), FINE),
    "core.telegram.org": ("always_deny", (), SWALLOWED),
    "desktop.telegram.org": ("deny", (), SWALLOWED),
    "macos.telegram.org": ("always_null", (), BOGON),
    "web.telegram.org": ("inform_deny", (), SWALLOWED),
    "venus.web.telegram.org": ("always_nodata", (), NO_ANSWER),
    "pluto.web.telegram.org": ("redirect", (f"A {NOTICE}",), BLOCK_PAGE),
    "flora.web.telegram.org": ("redirect", (f"A {world.CANARY_ADDRESS}",), ELSEWHERE),
    "flora-1.web.telegram.org": ("redirect", (f"A {NOBODY}",), ELSEWHERE),
}
OTHER_KINDS: Final[Zones] = {
    "t.me": ("refuse", (), REFUSED),
    "telegram.me": ("inform", (), FINE),
    "telegram.org": ("typetransparent", ("AAAA ::",), FINE),
    "core.telegram.org": ("redirect", (f"A {world.BOGON}",), BOGON),
    "desktop.telegram.org": ("redirect", ("A 203.0.113.7",), BOGON),
    "macos.telegram.org": ("static", (), NXDOMAIN),
    "web.telegram.org": ("redirect", (f"CNAME {world.NATIONAL_NOTICE_NAME}.",), BLOCK_PAGE),
    "venus.web.telegram.org": ("inform_redirect", (f"A {NOTICE}",), BLOCK_PAGE),
    "pluto.web.telegram.org": ("typetransparent", (f"A {NOTICE}",), BLOCK_PAGE),
    "flora.web.telegram.org": ("redirect", ("A 127.0.0.1", "AAAA ::1"), BOGON),
    "flora-1.web.telegram.org": ("redirect", (f"A {NOTICE}", "AAAA ::"), BLOCK_PAGE),
}
# An A record of a private address beside the true AAAA record: who has IPv6 is hindered, nobody else gets in.
BESIDE: Final = "telegram.org"
BESIDE_ZONE: Final = {BESIDE: ("typetransparent", (f"A {world.BOGON}",))}

# Trigger, record of the response policy zone, what is true of the name here.
BY_POLICY: Final[Mapping[str, tuple[str, str, Outcome]]] = {
    "t.me": ("t.me", "CNAME .", NXDOMAIN),
    "telegram.me": ("telegram.me", "CNAME *.", NO_ANSWER),
    "telegram.org": ("telegram.org", f"A {world.CANARY_ADDRESS}", ELSEWHERE),
    "core.telegram.org": ("core.telegram.org", "CNAME rpz-drop.", SWALLOWED),
    "desktop.telegram.org": ("desktop.telegram.org", "CNAME rpz-tcp-only.", FINE),
    "macos.telegram.org": ("macos.telegram.org", "CNAME rpz-passthru.", FINE),
    "web.telegram.org": ("web.telegram.org", f"A {NOBODY}", ELSEWHERE),
    "venus.web.telegram.org": ("venus.web.telegram.org", f"A {NOTICE}", BLOCK_PAGE),
    "pluto.web.telegram.org": ("pluto.web.telegram.org", f"A {world.BOGON}", BOGON),
    "flora.web.telegram.org": (
        "flora.web.telegram.org",
        f"CNAME {world.NATIONAL_NOTICE_NAME}.",
        BLOCK_PAGE,
    ),
    # By the address in the answer.
    "flora-1.web.telegram.org": ("32.120.165.154.149.rpz-ip", "CNAME .", NXDOMAIN),
}


def without_outcome(zones: Zones) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {name: (kind, records) for name, (kind, records, _) in zones.items()}


def behind(servers: Servers, name: str, isp: world.Isp, *, server: str, more: str = "") -> VantagePoint:
    """Return a vantage point whose network's resolver is an unbound with these settings."""
    address = start_unbound(servers, name, isp, server=server, more=more)
    return vantage_point(servers.config, isp.id, name, resolver=address)


@pytest.fixture(scope="module")
def healthy(servers: Servers) -> Results:
    points = [
        behind(servers, name, (XL, CBN)[n % 2], server=lines)
        for n, (name, lines) in enumerate({**HEALTHY, "strict": STRICT}.items())
    ]
    return measure(servers.config, points, ["web"])


@pytest.fixture(scope="module")
def filtered(servers: Servers) -> Results:
    zone = policy_zone(servers, "policy", {trigger: record for trigger, record, _ in BY_POLICY.values()})
    points = [
        behind(servers, "by-kind", XL, server=zone_lines(without_outcome(BY_KIND))),
        behind(servers, "other-kinds", CBN, server=zone_lines(without_outcome(OTHER_KINDS))),
        behind(servers, "beside-with-ipv6", XL, server=zone_lines(BESIDE_ZONE)),
        behind(servers, "beside-without-ipv6", CBN, server=zone_lines(BESIDE_ZONE)),
        behind(
            servers,
            "by-policy",
            CBN,
            server='module-config: "respip iterator"',
            more=f'rpz:\n  name: "{zone.stem}"\n  zonefile: "{zone}"\n',
        ),
    ]
    return measure(servers.config, points, ["web"])


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_resolver_is_ok(name: str, healthy: Results) -> None:
    assert verdicts(healthy, name) == dict.fromkeys(world.TELEGRAM_HOSTS, FINE)


def asked(results: Results, vantage: str) -> list[DnsObservation]:
    """Return what was asked of a vantage point's resolver."""
    return [
        o
        for (where, _), result in results.items()
        for o in result.measurement.observations
        if where == vantage and isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE
    ]


def test_limits_of_rates_are_met(healthy: Results) -> None:
    """Otherwise the tests of them would show nothing."""
    for name in ("rate-limited", "strict"):
        assert any(o.failure is Failure.TIMEOUT for o in asked(healthy, name))


def test_resolver_that_drops_what_comes_too_fast_filters_no_name(healthy: Results) -> None:
    """What it dropped of one name alone was luck; nothing may be said of that name."""
    assert {state for state, _ in verdicts(healthy, "strict").values()} <= {State.OK, State.INSUFFICIENT}


def test_each_kind_of_local_zone(filtered: Results) -> None:
    assert verdicts(filtered, "by-kind") == {name: outcome for name, (_, _, outcome) in BY_KIND.items()}
    assert verdicts(filtered, "other-kinds") == {
        name: outcome for name, (_, _, outcome) in OTHER_KINDS.items()
    }


def test_private_address_beside_a_true_one_counts_where_the_true_one_is_used(filtered: Results) -> None:
    others = dict.fromkeys(world.TELEGRAM_HOSTS, FINE)
    assert verdicts(filtered, "beside-with-ipv6") == {**others, BESIDE: (IMPAIRED, None)}
    assert verdicts(filtered, "beside-without-ipv6") == {**others, BESIDE: BOGON}


def test_each_action_of_a_response_policy_zone(filtered: Results) -> None:
    assert verdicts(filtered, "by-policy") == {name: outcome for name, (_, _, outcome) in BY_POLICY.items()}
