"""What exists in the emulated internet: networks, names, addresses. Facts only, nothing runs here.

Names and addresses are Telegram's of July 2017 and the block pages published for each network; the
addresses inside an ISP (10.K.… and fd00:K:…) are ours. Of the IPv6 addresses, the one of t.me and the names
beside it is published; those of the four web app back ends are invented inside Telegram's own prefixes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# The canary of every round, despite its name: a host that is no target, so that nothing should filter it.
CANARY: Final = "control.example"
CANARY_ADDRESS: Final = "93.184.215.14"
CANARY_ADDRESS_V6: Final = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
PUBLIC_RESOLVER: Final = "8.8.8.8"
PUBLIC_RESOLVER_NAME: Final = "dns.google"
# A private address, as some censors answer it.
BOGON: Final = "10.10.34.35"
# A resolver answers a TXT question for this name with its own address, as Google's does.
WHO_ASKED_NAME: Final = "o-o.myaddr.l.google.com"
NATIONAL_NOTICE_NAME: Final = "internet-positif.org"
NATIONAL_NOTICE_ADDRESS: Final = "118.97.116.27"

TELEGRAM_PREFIXES: Final = (
    "91.108.56.0/22",
    "149.154.160.0/20",
    "95.161.64.0/20",
    "2001:67c:4e8::/48",
    "2001:b28:f23d::/48",
    "2001:b28:f23f::/48",
)

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
# Each speaks for one data centre to the web app: core.telegram.org/mtproto/transports.
WEB_FRONTS: Final = (
    "venus.web.telegram.org",
    "pluto.web.telegram.org",
    "flora.web.telegram.org",
    "flora-1.web.telegram.org",
)
_TELEGRAM_WEB_V6: Final = "2001:67c:4e8:f004::9"
_BACK_ENDS_V6: Final = {
    "venus.web.telegram.org": "2001:67c:4e8:f004::76",
    "pluto.web.telegram.org": "2001:b28:f23d:f001::65",
    "flora.web.telegram.org": "2001:b28:f23f:f005::14",
    "flora-1.web.telegram.org": "2001:67c:4e8:f002::78",
}
# The names that also have an IPv6 address.
ADDRESSES_V6: Final[dict[str, str]] = {
    **{name: _BACK_ENDS_V6.get(name, _TELEGRAM_WEB_V6) for name in TELEGRAM_HOSTS},
    CANARY: CANARY_ADDRESS_V6,
}
# The address of 2017 first, then the newer ones that published clients carry.
DATA_CENTRES: Final[dict[str, tuple[str, ...]]] = {
    "dc1": ("149.154.175.50", "149.154.175.53", "2001:b28:f23d:f001::a"),
    "dc2": ("149.154.167.51", "2001:67c:4e8:f002::a"),
    "dc3": ("149.154.175.100", "2001:b28:f23d:f003::a"),
    "dc4": ("149.154.167.91", "2001:67c:4e8:f004::a"),
    "dc5": ("149.154.171.5", "91.108.56.130", "2001:b28:f23f:f005::a"),
    "dc2-alt": ("95.161.76.100",),
}
DATA_CENTRE_PORTS: Final = (443, 80, 5222)


@dataclass(frozen=True, slots=True, kw_only=True)
class Isp:
    """One access network. `number` is the K of its addresses 10.K.… and fd00:K:…; `notice_name` and
    `notice_address` say where its block page is served. Without `has_ipv6` it has neither IPv6 address
    nor route."""

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
    has_ipv6: bool = False

    @property
    def resolver(self) -> str:
        return f"10.{self.number}.53.53"

    @property
    def client_address(self) -> str:
        return f"10.{self.number}.1.2"

    @property
    def client_address_v6(self) -> str | None:
        """The client's IPv6 address, None at a network without IPv6."""
        return f"fd00:{self.number}:1::2" if self.has_ipv6 else None

    @property
    def client_namespace(self) -> str:
        return self.id

    @property
    def access_namespace(self) -> str:
        return f"{self.id}-access"

    @property
    def border_namespace(self) -> str:
        return f"{self.id}-border"


# Only some have IPv6: a vantage point without it must record no IPv6 failures.
_WITH_IPV6: Final = frozenset({"telkomsel", "indihome", "xl", "biznet"})


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
            has_ipv6=isp_id in _WITH_IPV6,
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
        has_ipv6=True,
    )


ISPS: Final[dict[str, Isp]] = {isp.id: isp for isp in _isps()}
PROBE_ISPS: Final = tuple(isp.id for isp in ISPS.values() if not isp.is_control)

NOTICE_SERVERS: Final[dict[str, str]] = {
    NATIONAL_NOTICE_NAME: NATIONAL_NOTICE_ADDRESS,
    **{isp.notice_name: isp.notice_address for isp in ISPS.values()},
}
# What every honest resolver answers to a question for A; `ADDRESSES_V6` is what it answers for AAAA.
ZONE: Final[dict[str, str]] = {
    **TELEGRAM_HOSTS,
    CANARY: CANARY_ADDRESS,
    PUBLIC_RESOLVER_NAME: PUBLIC_RESOLVER,
    "www.internet-positif.org": NATIONAL_NOTICE_ADDRESS,
    **NOTICE_SERVERS,
}
# The names a censor may be aimed at.
CENSORABLE_HOSTS: Final[dict[str, str]] = {
    **TELEGRAM_HOSTS,
    CANARY: CANARY_ADDRESS,
    PUBLIC_RESOLVER_NAME: PUBLIC_RESOLVER,
}


# Where the names are while a content network serves them, one address for each resolver: invented.
CDN_ADDRESSES: Final = {
    owner: f"104.16.132.{100 + number}" for number, owner in enumerate((PUBLIC_RESOLVER_NAME, *ISPS))
}


def isp_of_client(address: str) -> Isp | None:
    """Return the network that a client's address belongs to, or None where no client has it."""
    return next(
        (isp for isp in ISPS.values() if address in (isp.client_address, isp.client_address_v6)), None
    )


def addresses_of(hosts: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct addresses, IPv4 and IPv6, of host names and data-centre ids, in the order of
    first use."""
    return tuple(dict.fromkeys(address for host in hosts for address in _addresses_of(host)))


def _addresses_of(host: str) -> tuple[str, ...]:
    if host in DATA_CENTRES:
        return DATA_CENTRES[host]
    return tuple(filter(None, (CENSORABLE_HOSTS[host], ADDRESSES_V6.get(host))))
