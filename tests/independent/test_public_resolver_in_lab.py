"""unbound in the place of a public resolver, forging answers, while the network's own resolver is honest."""

from typing import Final

import pytest

from lab import world
from observatory.model import State
from tests.in_lab import Results
from tests.independent.resolvers import start_unbound, zone_lines
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers

pytestmark = [pytest.mark.lab, pytest.mark.slow]

ISP: Final = world.ISPS["cbn"]
BLOCKED, LIKELY = State.BLOCKED, State.LIKELY_BLOCKED
# Kind of local zone, its records, what is true of the name here.
FORGED: Final[dict[str, tuple[str, tuple[str, ...], Outcome]]] = {
    "t.me": ("redirect", (f"A {world.NATIONAL_NOTICE_ADDRESS}",), (BLOCKED, "dns.injection.blockpage")),
    "telegram.me": ("redirect", (f"A {world.BOGON}",), (BLOCKED, "dns.injection.bogon")),
    "telegram.org": ("typetransparent", (f"A {world.CANARY_ADDRESS}",), (LIKELY, "dns.injection.other")),
    "core.telegram.org": ("always_nxdomain", (), (LIKELY, "dns.nxdomain")),
    "desktop.telegram.org": ("always_refuse", (), (LIKELY, "dns.refused")),
    "macos.telegram.org": ("always_nodata", (), (LIKELY, "dns.no_answer")),
}


@pytest.fixture(scope="module")
def diverted(servers: Servers) -> Results:
    zones = {name: (kind, records) for name, (kind, records, _) in FORGED.items()}
    liar = start_unbound(servers, "liar", ISP, server=zone_lines(zones))
    match = f"-i cust -d {world.PUBLIC_RESOLVER} -p udp --dport 53"
    servers.divert(ISP.border_namespace, match, 53, to=liar)
    return measure(servers.config, [vantage_point(servers.config, ISP.id, "diverted")], ["web"])


@pytest.mark.parametrize("name", FORGED)
def test_answers_forged_on_the_way_to_the_public_resolver_are_a_finding(name: str, diverted: Results) -> None:
    assert verdicts(diverted, "diverted")[name] == FORGED[name][2]
    assert diverted["diverted", name].verdict.partial


def test_names_that_the_forger_leaves_alone_are_fine(diverted: Results) -> None:
    others = {name: found for name, found in verdicts(diverted, "diverted").items() if name not in FORGED}
    assert others and set(others.values()) == {FINE}
