"""mitmproxy in the way of port 443: reading what is said, or only passing it on."""

from typing import Final

import pytest

from lab import world
from observatory.model import State
from probes.records import TlsObservation
from tests.in_lab import Results
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers, find_built

pytestmark = [pytest.mark.lab, pytest.mark.slow]

NAME: Final = "venus.web.telegram.org"
NEIGHBOURS: Final = ("t.me", "telegram.org")
PORT: Final = 18443
ONE_ADDRESS: Final = f"-d {world.TELEGRAM_HOSTS[NAME]}"
READ: Final[Outcome] = (State.BLOCKED, "tls.mitm.unknown_ca")
# By network (none of them has IPv6): what is diverted, how mitmproxy is told to treat it, what is true then.
# Who reads every site accuses nobody's provider: an antivirus or a company's proxy does just this.
WAYS: Final[dict[str, tuple[str, list[str], dict[str, Outcome]]]] = {
    "tri": (ONE_ADDRESS, [], {NAME: READ, **dict.fromkeys(NEIGHBOURS, FINE)}),
    "cbn": ("", ["--ignore-hosts", ".*"], dict.fromkeys((NAME, *NEIGHBOURS), FINE)),
    "mnc": ("", [], dict.fromkeys((NAME, *NEIGHBOURS), (State.INSUFFICIENT, None))),
}


@pytest.fixture(scope="module")
def measured(servers: Servers) -> Results:
    program = find_built("mitmproxy/bin/mitmdump")
    for network, (match, options, _) in WAYS.items():
        border = world.ISPS[network].border_namespace
        folder = servers.folder / f"mitmproxy-{network}"
        argv = [program, "--mode", "transparent", "--listen-port", str(PORT), "--set", f"confdir={folder}"]
        servers.start(border, [*argv, "--ssl-insecure", *options], ready=("127.0.0.1", PORT))
        servers.divert(border, f"-i cust {match} -p tcp --dport 443", PORT)
    points = [vantage_point(servers.config, network, network) for network in WAYS]
    return measure(servers.config, points, [NAME, *NEIGHBOURS])


@pytest.mark.parametrize("network", WAYS)
def test_who_reads_one_name_is_found_and_who_reads_all_or_none_accuses_nobody(
    network: str, measured: Results
) -> None:
    assert verdicts(measured, network) == WAYS[network][2]


def test_mitmproxy_answers_where_it_reads(measured: Results) -> None:
    """Otherwise the other tests would show nothing."""
    for network in ("tri", "mnc"):
        steps = measured[network, NAME].measurement.observations
        assert "mitmproxy" in repr([o for o in steps if isinstance(o, TlsObservation)]).lower()
