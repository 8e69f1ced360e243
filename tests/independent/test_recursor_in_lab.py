"""PowerDNS's recursor as a network's resolver, saying by extended errors (RFC 8914) why it denies a name."""

from typing import Final

import pytest

from lab import world
from observatory.model import State
from probes.records import DnsObservation, Resolver
from tests.in_lab import Results
from tests.independent.resolvers import policy_zone, start_recursor
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BLOCKED: Final = State.BLOCKED
# By network: the extended error, and what is true of a name that is denied with it. 15 is the resolver's own
# wish, 16 an order from outside, 17 the customer's.
ERRORS: Final[dict[str, tuple[int, State]]] = {
    "cbn": (15, BLOCKED),
    "tri": (16, BLOCKED),
    "mnc": (17, State.LIKELY_BLOCKED),
}
DENIED: Final = {"t.me": ("CNAME .", "dns.nxdomain"), "telegram.me": ("CNAME *.", "dns.no_answer")}
NEIGHBOUR: Final = "telegram.org"


@pytest.fixture(scope="module")
def measured(servers: Servers) -> Results:
    zone = policy_zone(servers, "policy", {name: record for name, (record, _) in DENIED.items()})
    points = []
    for network, (code, _) in ERRORS.items():
        isp = world.ISPS[network]
        address = start_recursor(servers, network, isp, policy=zone, extended_error=code)
        points.append(vantage_point(servers.config, network, network, resolver=address))
    return measure(servers.config, points, [*DENIED, NEIGHBOUR])


@pytest.mark.parametrize("network", ERRORS)
def test_the_recursor_says_why(network: str, measured: Results) -> None:
    """Otherwise the other tests would show nothing."""
    for name in DENIED:
        steps = measured[network, name].measurement.observations
        asked = [o for o in steps if isinstance(o, DnsObservation) and o.resolver is Resolver.VANTAGE]
        codes = {e.code for o in asked for one in o.answers for e in one.extended_errors}
        assert codes == {ERRORS[network][0]}


@pytest.mark.parametrize("network", ERRORS)
def test_a_name_is_judged_by_the_reason_and_its_neighbour_is_ok(network: str, measured: Results) -> None:
    expected: dict[str, Outcome] = {name: (ERRORS[network][1], how) for name, (_, how) in DENIED.items()}
    assert verdicts(measured, network) == {**expected, NEIGHBOUR: FINE}
