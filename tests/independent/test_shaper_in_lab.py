"""The kernel's own shaper (tc-htb) holds all of Telegram's addresses to a rate: it delays more than it drops.

nginx stands in the place of Telegram's pages over IPv4.
"""

import subprocess
from collections.abc import Iterator

import pytest

from lab import world
from observatory.model import State
from tests.independent.nginx import site, start_nginx
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers
from tests.independent.slowed import ADDRESS, HONEST, RATES, write_page

pytestmark = [pytest.mark.lab, pytest.mark.slow]

SIZES = {"t.me": 4_000, "telegram.me": 12_000, "telegram.org": 100_000}
PORT = 18443
QUEUE_PACKETS = 10
# Where the queue is full of the page, no second transfer connects that would tell address from name.
SLOW: tuple[Outcome, ...] = ((State.IMPAIRED, "ip.throttle"), (State.IMPAIRED, "tls.throttle"))


def tc(namespace: str, *words: str) -> None:
    subprocess.run(["tc", "-n", namespace, *words], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module", autouse=True)
def shapers() -> Iterator[None]:
    """A class of its own for what comes from Telegram's addresses; everything else is not held back."""
    for network, kbit in RATES.items():
        border = world.ISPS[network].border_namespace
        tc(border, *"qdisc add dev cust root handle 1: htb default 1".split())
        tc(border, *f"class add dev cust parent 1: classid 1:2 htb rate {kbit}kbit burst 1600".split())
        tc(border, *f"qdisc add dev cust parent 1:2 pfifo limit {QUEUE_PACKETS}".split())
        tc(
            border,
            *"filter add dev cust parent 1: protocol ip u32 match ip src".split(),
            "149.154.160.0/20",
            "flowid",
            "1:2",
        )
    yield
    for network in RATES:
        tc(world.ISPS[network].border_namespace, *"qdisc del dev cust root".split())


@pytest.fixture(scope="module", autouse=True)
def pages(servers: Servers) -> None:
    """nginx with a page of another size for each name."""
    sites = [
        site(servers, name, PORT, f"root {write_page(servers, name, n_bytes)};")
        for name, n_bytes in SIZES.items()
    ]
    start_nginx(servers, "telegram", " ".join(sites), PORT)
    servers.divert("telegram", f"-d {ADDRESS} -p tcp --dport 443", PORT)


@pytest.mark.parametrize("name", SIZES)
def test_addresses_held_to_a_rate_are_found_by_pages_of_any_size(name: str, servers: Servers) -> None:
    """One name at a time: all that comes from these addresses shares the rate."""
    # A long page fills a slow class by itself, so that handshakes beside it may be lost.
    rates = {network: kbit for network, kbit in RATES.items() if SIZES[name] < 50_000 or kbit >= 256}
    points = [vantage_point(servers.config, network, network) for network in (HONEST, *rates)]
    measured = measure(servers.config, points, [name])
    found = {network: verdicts(measured, network)[name] for network in (HONEST, *rates)}
    assert found.pop(HONEST) == FINE
    assert [outcome for outcome in found.values() if outcome not in SLOW] == []
