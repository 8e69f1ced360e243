"""Caddy in the place of Telegram's pages over IPv4: its records are small at first, and grow.

It turns down every name but its own, so nothing tells whether the name is why one is slow.
"""

import pytest

from lab.control import LabControl
from observatory.model import State
from tests.in_lab import Results
from tests.independent.rounds import FINE, verdicts
from tests.independent.servers import Servers
from tests.independent.slowed import ADDRESS, BODIES, HONEST, RATES, measure_slowed, write_pages

pytestmark = [pytest.mark.lab, pytest.mark.slow]

PORT = 18443


@pytest.fixture(scope="module")
def measured(servers: Servers, lab: LabControl) -> Results:
    write_pages(servers)
    settings = f"{{\n  admin off\n  auto_https off\n  storage file_system {servers.folder}\n}}\n"
    for name in BODIES:
        certificate = servers.certificate(name)
        lines = f"  tls {certificate} {certificate}\n  root * {servers.folder}/{name}\n  file_server"
        settings += f"https://{name}:{PORT} {{\n{lines}\n}}\n"
    path = servers.file("Caddyfile", settings)
    argv = ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]
    servers.start("telegram", argv, ready=("127.0.0.1", PORT))
    servers.divert("telegram", f"-d {ADDRESS} -p tcp --dport 443", PORT)
    return measure_slowed(servers, lab, list(BODIES))


@pytest.mark.parametrize("name", BODIES)
def test_a_page_of_any_size_is_ok_on_a_line_that_holds_nothing_back(name: str, measured: Results) -> None:
    assert verdicts(measured, HONEST)[name] == FINE


@pytest.mark.parametrize("network", RATES)
@pytest.mark.parametrize("name", BODIES)
def test_a_name_held_to_a_rate_is_found_by_pages_of_any_size(
    name: str, network: str, measured: Results
) -> None:
    assert verdicts(measured, network)[name] == (State.IMPAIRED, "tls.throttle")
