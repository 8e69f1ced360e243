"""squid in the way of port 80: it lets all through, or denies one name by each of its own means."""

from typing import Final

import pytest

from lab import world
from observatory.model import State
from probes.records import HttpObservation
from tests.in_lab import Results
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers, find_program

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BLOCKED, LIKELY = State.BLOCKED, State.LIKELY_BLOCKED
NAME: Final = "t.me"
# At the same address, and at another one.
NEIGHBOURS: Final = ("telegram.me", "venus.web.telegram.org")
PORT: Final = 18080
NOTICE: Final = f"http://{world.NATIONAL_NOTICE_NAME}/"
DENY: Final = f"acl denied dstdomain {NAME}\nhttp_access deny denied\n"
PAGE: Final[Outcome] = (LIKELY, "http.blockpage.host")
# By network (none of them has IPv6): how squid denies the name, what is true of it then.
FILTERS: Final[dict[str, tuple[str, Outcome]]] = {
    "firstmedia": (DENY, PAGE),
    "tri": (f"{DENY}deny_info 451:ERR_ACCESS_DENIED denied\n", PAGE),
    "mnc": (f"{DENY}deny_info 200:ERR_ACCESS_DENIED denied\n", PAGE),
    # Despite its name, this squid answers a page of the one word "reset".
    "iforte": (f"{DENY}deny_info TCP_RESET denied\n", PAGE),
    "smartfren": (f"{DENY}deny_info 302:{NOTICE} denied\n", (BLOCKED, "http.redirect")),
    "iconplus": (f"{DENY}deny_info 302:http://closed.example/?u=%u denied\n", (LIKELY, "http.redirect")),
}
# By network: squid in the way of every site, and nothing is true of this name alone.
FOR_EVERY_SITE: Final[dict[str, str]] = {
    "cbn": "",
    "indosat": "memory_cache_mode always\nminimum_object_size 0\nvia off\nforwarded_for delete\n",
    "myrepublic": "reply_header_add X-Checked yes all\nrequest_header_access User-Agent deny all\n",
    "gmedia": "http_access deny all\n",
}


def settings(lines: str) -> str:
    """Return squid's settings: it intercepts what is diverted to it and asks the real server."""
    return f"""\
http_port {PORT} intercept
http_port {PORT + 1}
pid_filename none
access_log none
cache_log stdio:/dev/stderr
coredump_dir none
pinger_enable off
netdb_filename none
visible_hostname squid.example
dns_nameservers {world.PUBLIC_RESOLVER}
{lines}http_access allow all
"""


def start_squid(servers: Servers, network: str, lines: str) -> None:
    border = world.ISPS[network].border_namespace
    path = servers.file(f"{network}.conf", settings(lines))
    # As a user that may not change to another: under a user namespace there is only one.
    unshare = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    argv = [*unshare, find_program("squid"), "-N", "-f", str(path)]
    servers.start(border, argv, ready="Accepting NAT intercepted")
    servers.divert(border, "-i cust -p tcp --dport 80", PORT)


@pytest.fixture(scope="module")
def measured(servers: Servers) -> Results:
    filters = {network: lines for network, (lines, _) in FILTERS.items()}
    for network, lines in {**FOR_EVERY_SITE, **filters}.items():
        start_squid(servers, network, lines)
    points = [vantage_point(servers.config, network, network) for network in (*FOR_EVERY_SITE, *FILTERS)]
    return measure(servers.config, points, [NAME, *NEIGHBOURS])


def test_squid_answers_for_port_80(measured: Results) -> None:
    """Otherwise the other tests would show nothing."""
    for network in (*FOR_EVERY_SITE, *FILTERS):
        steps = measured[network, NAME].measurement.observations
        plain = [o for o in steps if isinstance(o, HttpObservation) and not o.over_tls]
        assert {any(name == "x-cache" for name, _ in o.headers) for o in plain} == {True}


@pytest.mark.parametrize("network", FOR_EVERY_SITE)
def test_what_squid_does_to_every_site_accuses_none(network: str, measured: Results) -> None:
    assert verdicts(measured, network) == dict.fromkeys((NAME, *NEIGHBOURS), FINE)


@pytest.mark.parametrize("network", FILTERS)
def test_each_way_to_deny_one_name_is_found_and_spares_the_others(network: str, measured: Results) -> None:
    assert verdicts(measured, network) == {NAME: FILTERS[network][1], **dict.fromkeys(NEIGHBOURS, FINE)}
