"""What exists in the emulated Internet: networks, names, addresses. Facts only, nothing runs here.

Names and addresses are Telegram's of July 2017 and the block pages published for each network; the
addresses inside an ISP (10.K.…) are ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CONTROL_HOST: Final = "control.example"
CONTROL_HOST_ADDRESS: Final = "93.184.215.14"
PUBLIC_RESOLVER: Final = "8.8.8.8"
PUBLIC_RESOLVER_NAME: Final = "dns.google"
NATIONAL_NOTICE_NAME: Final = "internet-positif.org"
NATIONAL_NOTICE_ADDRESS: Final = "118.97.116.27"

TELEGRAM_PREFIXES: Final = ("149.154.160.0/20", "95.161.64.0/20")

# The eleven names of the order of 14 July 2017.
TELEGRAM_HOSTS: Final[dict[str, str]] = {
    "t.me": "149.154.167.99",
    "telegram.me": "149.154.167.99",
    "telegram.org": "149.154.167.99",
    "core.telegram.org": "149.154.167.99",
    "desktop.telegram.org": "149.154.167.99",
    "macos.telegram.org": "149.154.167.99",
    "web.telegram.org": "149.154.167.99",
    "venus.web.telegram.org": "149.154.167.118",
    "pluto.web.telegram.org": "149.154.175.101",
    "flora.web.telegram.org": "149.154.171.20",
    "flora-1.web.telegram.org": "149.154.165.120",
}
DATA_CENTRES: Final[dict[str, str]] = {
    "dc1": "149.154.175.50",
    "dc2": "149.154.167.51",
    "dc3": "149.154.175.100",
    "dc4": "149.154.167.91",
    "dc5": "149.154.171.5",
    "dc2-alt": "95.161.76.100",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Isp:
    """One access network. `number` is the K of its addresses 10.K.…; `notice_name` and
    `notice_address` say where its block page is served."""

    id: str
    number: int
    brand: str
    asn: int
    notice_name: str = NATIONAL_NOTICE_NAME
    notice_address: str = NATIONAL_NOTICE_ADDRESS
    country: str = "ID"
    city: str = "Jakarta"
    timezone: str = "Asia/Jakarta"
    is_control: bool = False

    @property
    def resolver(self) -> str:
        return f"10.{self.number}.53.53"

    @property
    def client_address(self) -> str:
        return f"10.{self.number}.1.2"

    @property
    def client_namespace(self) -> str:
        return self.id

    @property
    def access_namespace(self) -> str:
        return f"{self.id}-access"

    @property
    def border_namespace(self) -> str:
        return f"{self.id}-border"


def _isps() -> Iterable[Isp]:
    rows = (
        ("telkomsel", "Telkomsel", 23693, "internetbaik.telkomsel.com", "202.3.219.209"),
        ("indihome", "Telkom/IndiHome", 17974, "notice.uzone.id", "36.86.63.185"),
        ("xl", "XL Axiata", 24203, "blockpage.xl.co.id", "112.215.197.131"),
        ("indosat", "Indosat", 4761, "netsafe.indosatooredoo.com", "114.6.128.8"),
        ("tri", "3/Tri", 45727, "restricted.tri.co.id", "180.214.232.61"),
        ("smartfren", "Smartfren", 18004, NATIONAL_NOTICE_NAME, NATIONAL_NOTICE_ADDRESS),
        ("biznet", "Biznet", 17451, "safesurf.biznetnetworks.com", "202.169.44.80"),
        ("firstmedia", "First Media/Linknet", 23700, "internetpositif.firstmedia.com", "202.73.99.3"),
        ("myrepublic", "MyRepublic", 63859, "block.myrepublic.co.id", "103.47.132.195"),
        ("cbn", "CBN", 4787, NATIONAL_NOTICE_NAME, NATIONAL_NOTICE_ADDRESS),
        ("mnc", "MNC Play", 17670, "internetpositif.mncplaymedia.com", "110.50.83.31"),
        ("iconplus", "ICON+", 9341, "notice.iconpln.net.id", "220.247.168.195"),
        ("gmedia", "GMedia", 55666, "xblock.gmedia.net.id", "49.128.177.13"),
        ("iforte", "iForte", 17995, "trustpositif.iforte.net.id", "202.51.96.7"),
    )
    for number, (isp_id, brand, asn, name, address) in enumerate(rows, start=1):
        yield Isp(
            id=isp_id,
            number=number,
            brand=brand,
            asn=asn,
            notice_name=name,
            notice_address=address,
            city="Yogyakarta" if isp_id == "gmedia" else "Jakarta",
        )
    # AS64496 is reserved for documentation (RFC 5398): no real network is presented as uncensored.
    yield Isp(
        id="control-sg",
        number=15,
        brand="Control network",
        asn=64496,
        country="SG",
        city="Singapore",
        timezone="Asia/Singapore",
        is_control=True,
    )


ISPS: Final[dict[str, Isp]] = {isp.id: isp for isp in _isps()}
PROBE_ISPS: Final = tuple(isp.id for isp in ISPS.values() if not isp.is_control)

NOTICE_SERVERS: Final[dict[str, str]] = {
    NATIONAL_NOTICE_NAME: NATIONAL_NOTICE_ADDRESS,
    **{isp.notice_name: isp.notice_address for isp in ISPS.values()},
}
# What every honest resolver answers.
ZONE: Final[dict[str, str]] = {
    **TELEGRAM_HOSTS,
    CONTROL_HOST: CONTROL_HOST_ADDRESS,
    PUBLIC_RESOLVER_NAME: PUBLIC_RESOLVER,
    "www.internet-positif.org": NATIONAL_NOTICE_ADDRESS,
    **NOTICE_SERVERS,
}
# The names a censor may be aimed at.
CENSORABLE_HOSTS: Final[dict[str, str]] = {
    **TELEGRAM_HOSTS,
    CONTROL_HOST: CONTROL_HOST_ADDRESS,
    PUBLIC_RESOLVER_NAME: PUBLIC_RESOLVER,
}


def isp_of_client(address: str) -> Isp | None:
    """Return the network a client address belongs to, or None for an address of no client."""
    return next((isp for isp in ISPS.values() if isp.client_address == address), None)


def addresses_of(hosts: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct addresses of host names and data-centre ids, in the order of first use."""
    return tuple(dict.fromkeys(CENSORABLE_HOSTS.get(host) or DATA_CENTRES[host] for host in hosts))
