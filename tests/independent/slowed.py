"""Pages of many sizes behind names at one address, held to a rate by name at some networks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lab import world
from lab.control import LabControl
from tests.in_lab import Results
from tests.independent.rounds import measure, vantage_point
from tests.independent.servers import Servers

# The lab's filter drops what is too fast, after a burst of four packets. Of a smaller page one packet may be
# lost, once, and that is told from an accident in most rounds only; test_shaper_in_lab.py has small pages.
BODIES: Final = {
    "t.me": 40_000,
    "telegram.me": 60_000,
    "core.telegram.org": 100_000,
    "telegram.org": 1_000_000,
}
ADDRESS: Final = world.TELEGRAM_HOSTS["t.me"]
# By network, without IPv6: the rate in kbit/s to which each connection is held that has one of the names.
RATES: Final = {"tri": 64, "mnc": 128, "cbn": 256, "iforte": 512}
HONEST: Final = "gmedia"


def write_page(servers: Servers, name: str, n_bytes: int) -> Path:
    """Write a page into a folder of its own, which is returned."""
    folder = servers.folder / name
    folder.mkdir()
    (folder / "index.html").write_text(f"<title>{name}</title>".ljust(n_bytes, "x"))
    return folder


def write_pages(servers: Servers) -> None:
    """Write the page of each name into a folder of its name."""
    for name, n_bytes in BODIES.items():
        write_page(servers, name, n_bytes)


def measure_slowed(servers: Servers, lab: LabControl, targets: Sequence[str]) -> Results:
    """Measure from the networks that hold the names to a rate, and from one that does not."""
    for network, kbit in RATES.items():
        lab.switch(network, "sni_throttle", True, hosts=list(BODIES), kbit=kbit)
    points = [vantage_point(servers.config, network, network) for network in (HONEST, *RATES)]
    try:
        return measure(servers.config, points, targets)
    finally:
        lab.reset()
