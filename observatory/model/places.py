"""Where we measure from, and how it is configured."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Role(StrEnum):
    """`probe` is where censorship is possible; `control` where it is not."""

    PROBE = "probe"
    CONTROL = "control"


# Kinds of vantage point are registered in `observatory.vantage.kinds`; these two mean something to everyone.
DIRECT: Final = "direct"
# Measured by others; nothing is ever due here.
IMPORTED: Final = "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Via:
    """Through which network a vantage point measures: a registered kind; `value` is empty for `direct`."""

    kind: str = DIRECT
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.value}" if self.value else self.kind

    @property
    def is_imported(self) -> bool:
        return self.kind == IMPORTED


# What a file that was made by itself says of an ISP until somebody fills it in.
NOT_STATED: Final = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class VantagePoint:
    """One network connection (ASN) we measure from. `resolver` is `system` or an address."""

    id: str
    name: str
    isp: str
    asn: int
    country: str
    city: str = ""
    timezone: str = "UTC"
    via: Via = Via()
    resolver: str = "system"
    every_s: float = 600.0
    role: Role = Role.PROBE
    enabled: bool = True
    contact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for all vantage points. `canary_host` is a host that nobody blocks,
    `no_dns_address` an address that serves no DNS: whatever answers there is on the path.
    """

    public_resolver: str = "8.8.8.8"
    no_dns_address: str = "149.154.167.99"
    ca_file: str | None = None
    canary_host: str = "example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole, valid vantage_points.yaml."""

    path: str
    settings: Settings
    vantage_points: tuple[VantagePoint, ...]


def load_zone(name: str) -> ZoneInfo:
    """Return the zone; UTC for a name that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
