"""Where the target's answers redirect to a host that this round does not measure: what stands there.

    a page of the target's ─ its place ─ the vantage point's resolver ─ GET ─ a page, which may redirect on

A landing page is searched for known notices, and a visitor's way is known to its end. Few places are visited,
each once, on their usual ports, at public addresses: a censor must not aim us at whatever it likes.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from probes.procedures.exchanges import Exchanges
from probes.procedures.names import NameSteps, Resolvers, is_routable
from probes.records import Endpoint, HttpObservation, Purpose
from probes.session import MIN_TRY_S

# Of one measurement, whoever named them.
MAX_PLACES: Final = 4
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9])?")
# What may stand in a request line.
_PATH: Final = re.compile(r"/[!-~]{0,1000}")
PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedirectPlace:
    """Where a redirect leads."""

    over_tls: bool
    host: str
    path: str


def find_place(page: HttpObservation) -> RedirectPlace | None:
    """Return where a page redirects, None where to no other host or to none that is visited."""
    if page.status is None or not 300 <= page.status < 400:
        return None
    location = next((value for name, value in page.headers if name.lower() == "location"), "")
    try:
        parts = urlsplit(location)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    usual = PORTS.get(parts.scheme)
    if usual is None or port not in (None, usual) or not _HOST.fullmatch(host) or host == page.host.lower():
        return None
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    return RedirectPlace(over_tls=usual == 443, host=host, path=path if _PATH.fullmatch(path) else "/")


class Redirects:
    """The places of one measurement. `measured` are hosts that have a measurement of their own."""

    def __init__(self, exchanges: Exchanges, resolvers: Resolvers, measured: frozenset[str]) -> None:
        self._exchanges = exchanges
        self._resolvers = resolvers
        self._measured = measured
        self._visited: set[tuple[bool, str]] = set()

    async def follow(self, page: HttpObservation) -> None:
        """Visit the place to which a page redirects, and where that leads."""
        found: HttpObservation | None = page
        while found is not None and (place := find_place(found)) is not None:
            key = (place.over_tls, place.host)
            if place.host in self._measured or key in self._visited:
                return
            if len(self._visited) >= MAX_PLACES or self._exchanges.log.left_s() < MIN_TRY_S:
                return
            self._visited.add(key)
            found = await self._visit(place)

    async def _visit(self, place: RedirectPlace) -> HttpObservation | None:
        address = await self._find_address(place.host)
        if address is None:
            return None
        endpoint = Endpoint(address=address, port=443 if place.over_tls else 80)
        if place.over_tls:
            result = await self._exchanges.secure(
                endpoint, name=place.host, host=place.host, path=place.path, purpose=Purpose.REDIRECT
            )
        else:
            result = await self._exchanges.plain(
                endpoint, host=place.host, path=place.path, purpose=Purpose.REDIRECT
            )
        return result.page

    async def _find_address(self, host: str) -> str | None:
        """Return the first public address that the vantage point's resolver gives; None without any."""
        found: list[str] = []
        if _is_address(host):
            found.append(host)
        else:
            network, log = self._exchanges.network, self._exchanges.log
            await NameSteps(network, log, self._resolvers, host, found.append).ask_vantage()
        return next(filter(is_routable, found), None)


def _is_address(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
