"""unbound as a network's resolver: healthy in odd ways, and filtering by each of its own means."""

from collections.abc import Iterator

import pytest

from lab import world
from observatory.model import State
from tests.in_lab import Results
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers

pytestmark = [pytest.mark.lab, pytest.mark.slow]

BLOCKED, LIKELY = State.BLOCKED, State.LIKELY_BLOCKED
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


def settings(address: str, *, server: str = "", more: str = "", modules: str = '"iterator"') -> str:
    indented = "\n".join(f"  {line}" for line in server.splitlines())
    module_config = "" if "module-config" in server else f"  module-config: {modules}\n"
    return f"""\
server:
  interface: {address}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  log-time-ascii: no
  verbosity: 1
  do-daemonize: no
  num-threads: 1
{module_config}{indented}
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {world.PUBLIC_RESOLVER}
{more}
"""


def start(servers: Servers, name: str, isp: world.Isp, address: str, text: str) -> None:
    servers.address(isp.border_namespace, address)
    path = servers.file(f"{name}.conf", text)
    servers.start(isp.border_namespace, ["unbound", "-d", "-c", str(path)], ready="start of service")


@pytest.fixture(scope="module")
def healthy(servers: Servers) -> Iterator[Results]:
    points = []
    for n, (name, lines) in enumerate(HEALTHY.items()):
        isp = (XL, CBN)[n % 2]
        address = f"10.{isp.number}.53.{60 + n}"
        start(servers, name, isp, address, settings(address, server=lines))
        points.append(vantage_point(servers.config, isp.id, name, resolver=address))
    yield measure(servers.config, points, ["web"])


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_resolver_is_ok(name: str, healthy: Results) -> None:
    found: dict[str, Outcome] = verdicts(healthy, name)
    assert found == dict.fromkeys(world.TELEGRAM_HOSTS, FINE)
