"""haproxy in the way of one address: it lets all through, or filters one name by each of its own means.

Where it hands a name to nginx, that turns the handshake down.
"""

from typing import Final

import pytest

from lab import world
from observatory.model import State
from tests.in_lab import Results
from tests.independent.nginx import start_nginx
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers

pytestmark = [pytest.mark.lab, pytest.mark.slow]

LIKELY: Final = State.LIKELY_BLOCKED
BLOCKED: Final = "t.me"
NEIGHBOUR: Final = "telegram.me"
ADDRESS: Final = world.TELEGRAM_HOSTS[BLOCKED]
PLAIN, SECURE, REJECTING = 18080, 18443, 19443
BY_HOST: Final = f"if {{ hdr(host) -i {BLOCKED} }}"
BY_NAME: Final = f"if {{ req.ssl_sni -i {BLOCKED} }}"
OF_HOST: Final[Outcome] = (LIKELY, "http.blockpage.host")
# By network: what haproxy does to port 80, what it does to port 443, what is true of the name then.
FILTERS: Final[dict[str, tuple[str, str, Outcome]]] = {
    "biznet": (f"http-request deny deny_status 403 {BY_HOST}", "", OF_HOST),
    "tri": (
        f'http-request return status 200 content-type text/html string "Access is closed." {BY_HOST}',
        "",
        OF_HOST,
    ),
    "mnc": (f"http-request return status 503 {BY_HOST}", "", OF_HOST),
    "iconplus": (f"http-request silent-drop {BY_HOST}", "", (LIKELY, "http.timeout.host")),
    "smartfren": ("", f"tcp-request content reject {BY_NAME}", (LIKELY, "tls.reset.sni")),
    "myrepublic": ("", f"tcp-request content silent-drop {BY_NAME}", (LIKELY, "tls.timeout.sni")),
    "iforte": ("", f"use_backend reject {BY_NAME}", (LIKELY, "tls.alert.sni")),
}
HONEST: Final = "cbn"


def settings(plain: str, secure: str) -> str:
    """Return haproxy's settings: both ports of the address pass through it."""
    return f"""\
defaults
  timeout connect 5s
  timeout client 20s
  timeout server 20s

frontend plain
  mode http
  bind 0.0.0.0:{PLAIN}
  {plain}
  default_backend plain

backend plain
  mode http
  server there {ADDRESS}:80

frontend secure
  mode tcp
  bind 0.0.0.0:{SECURE}
  tcp-request inspect-delay 5s
  {secure}
  tcp-request content accept if {{ req.ssl_hello_type 1 }}
  default_backend secure

backend secure
  mode tcp
  server there {ADDRESS}:443

backend reject
  mode tcp
  server there 127.0.0.1:{REJECTING}
"""


def start_rejecting(servers: Servers, namespace: str) -> None:
    """Start an nginx that turns every handshake down."""
    sites = f"server {{ listen 127.0.0.1:{REJECTING} ssl; ssl_reject_handshake on; }}"
    start_nginx(servers, namespace, sites, REJECTING)


@pytest.fixture(scope="module")
def measured(servers: Servers) -> Results:
    points = []
    for network, (plain, secure, _) in {HONEST: ("", "", FINE), **FILTERS}.items():
        border = world.ISPS[network].border_namespace
        if secure.startswith("use_backend reject"):
            start_rejecting(servers, border)
        path = servers.file(f"{network}.cfg", settings(plain, secure))
        servers.start(border, ["haproxy", "-db", "-f", str(path)], ready=("127.0.0.1", SECURE))
        for port, to in ((80, PLAIN), (443, SECURE)):
            servers.divert(border, f"-i cust -d {ADDRESS} -p tcp --dport {port}", to)
        points.append(vantage_point(servers.config, network, network))
    return measure(servers.config, points, [BLOCKED, NEIGHBOUR])


def test_what_passes_through_it_whole_is_ok(measured: Results) -> None:
    assert verdicts(measured, HONEST) == {BLOCKED: FINE, NEIGHBOUR: FINE}


@pytest.mark.parametrize("network", FILTERS)
def test_each_filter_of_one_name_is_found_and_spares_its_neighbour(network: str, measured: Results) -> None:
    assert verdicts(measured, network) == {BLOCKED: FILTERS[network][2], NEIGHBOUR: FINE}
