"""nginx and haproxy in the place of Telegram's pages over IPv4: odd, yet healthy, or held to a rate by name.

The controls see the lab's own pages over IPv6, which no vantage point here has.
"""

from typing import Final

import pytest

from lab import world
from lab.control import LabControl
from observatory.model import State
from tests.in_lab import Results
from tests.independent.nginx import site, start_nginx
from tests.independent.rounds import FINE, Outcome, verdicts
from tests.independent.servers import Servers
from tests.independent.slowed import ADDRESS, BODIES, HONEST, RATES, measure_slowed, write_pages

pytestmark = [pytest.mark.lab, pytest.mark.slow]

# By name: what nginx says to everybody, at every network and at the controls.
WORDS: Final = {
    "desktop.telegram.org": "return 429",
    "macos.telegram.org": "return 451",
    "web.telegram.org": "return 403",
    "venus.web.telegram.org": "return 302 https://venus.web.telegram.org/",
}
VERSIONS: Final = {"pluto.web.telegram.org": "TLSv1.2", "flora.web.telegram.org": "TLSv1.3"}
STALLS: Final = "flora-1.web.telegram.org"
SECURE, STALLING = 18443, 19443


def sites(servers: Servers) -> str:
    """Return a site for each name."""
    write_pages(servers)
    pages = [
        site(servers, name, SECURE, f"root {servers.folder}/{name};", is_default=name == "telegram.org")
        for name in BODIES
    ]
    words = [site(servers, name, SECURE, f"location / {{ {line}; }}") for name, line in WORDS.items()]
    versions = [
        site(servers, name, SECURE, f"ssl_protocols {version}; location / {{ return 200 Telegram; }}")
        for name, version in VERSIONS.items()
    ]
    return " ".join([*pages, *words, *versions])


@pytest.fixture(scope="module")
def measured(servers: Servers, lab: LabControl) -> Results:
    start_nginx(servers, "telegram", sites(servers), SECURE)
    haproxy = servers.file(
        "haproxy.cfg",
        "defaults\n  mode tcp\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n"
        f"frontend stalls\n  bind 0.0.0.0:{STALLING}\n  tcp-request inspect-delay 5s\n"
        "  tcp-request content silent-drop if { req.ssl_hello_type 1 }\n",
    )
    servers.start("telegram", ["haproxy", "-db", "-f", str(haproxy)], ready=("127.0.0.1", STALLING))
    for name, address in world.TELEGRAM_HOSTS.items():
        port = STALLING if name == STALLS else SECURE
        if address != ADDRESS or name == "t.me":
            servers.divert("telegram", f"-d {address} -p tcp --dport 443", port)
    return measure_slowed(servers, lab, list(world.TELEGRAM_HOSTS))


@pytest.mark.parametrize("name", BODIES)
def test_a_page_of_any_size_is_ok_on_a_line_that_holds_nothing_back(name: str, measured: Results) -> None:
    assert verdicts(measured, HONEST)[name] == FINE


@pytest.mark.parametrize("network", RATES)
@pytest.mark.parametrize("name", BODIES)
def test_a_name_held_to_a_rate_is_found_by_pages_of_any_size(
    name: str, network: str, measured: Results
) -> None:
    assert verdicts(measured, network)[name] == (State.IMPAIRED, "tls.throttle.sni")


@pytest.mark.parametrize("network", [HONEST, *RATES])
@pytest.mark.parametrize("name", [*WORDS, *VERSIONS])
def test_what_the_server_says_to_everybody_is_no_block(name: str, network: str, measured: Results) -> None:
    # A refusal is the server's own: a visitor gets no page, and nobody in between is to blame.
    refused = name in WORDS and "302" not in WORDS[name]
    expected: Outcome = (State.IMPAIRED, "http.error") if refused else FINE
    assert verdicts(measured, network)[name] == expected


@pytest.mark.parametrize("network", [HONEST, *RATES])
def test_a_server_that_stalls_for_everybody_is_down(network: str, measured: Results) -> None:
    assert verdicts(measured, network)[STALLS][0] is State.DOWN
