"""How block pages are recognised: fingerprints by address, name, header, title and body. Pure.

Patterns come from people's lists and pages from hostile servers, so expressions are RE2's: no pattern and no
page can make a search take more than linear time.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import re2

MAX_PAGE_BYTES: Final = 65536
# OONI's scale of how surely a fingerprint is no false positive: 0, 5 or 10.
MIN_CONFIDENCE: Final = 5
_TITLE: Final = re2.compile(r"(?is)<title[^>]*>(.*?)</title")
_MEMORY_BYTES: Final = 128 << 20


class Place(StrEnum):
    """Where a fingerprint is looked for."""

    ADDRESS = "address"
    NAME = "name"
    HEADER = "header"
    TITLE = "title"
    BODY = "body"


class Match(StrEnum):
    """How a pattern is compared. A full name may start with `*.`."""

    FULL = "full"
    PREFIX = "prefix"
    CONTAINS = "contains"
    REGEXP = "regexp"


class Scope(StrEnum):
    """Whose page it is, in the words of OONI's lists.

    nat   blocking on a national scale          isp   an Internet provider's
    prod  a filtering product's own page        prov  a service provider's
    inst  an institution's or a company's       vbw   vague: perhaps blocking, perhaps not
    injb  injected, unclear by whom             fp    known not to be blocking
    """

    NATIONAL = "nat"
    ISP = "isp"
    PRODUCT = "prod"
    PROVIDER = "prov"
    INSTITUTION = "inst"
    VAGUE = "vbw"
    INJECTED = "injb"
    FALSE_POSITIVE = "fp"


# The others are kept, shown and never counted: a company may filter its own line, and the vague stay vague.
COUNTED: Final = frozenset({Scope.NATIONAL, Scope.ISP, Scope.PRODUCT, Scope.INJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One sign of a block page. `asn` is None where it is no single network's; `seen` says when, in words."""

    id: str
    place: Place
    match: Match
    pattern: str
    header: str = ""
    ignore_case: bool = False
    scope: Scope = Scope.ISP
    asn: int | None = None
    isp: str = ""
    countries: tuple[str, ...] = ()
    confidence: int = 10
    source: str = ""
    seen: str = ""

    @property
    def counts(self) -> bool:
        """Whether a match is a sign of blocking."""
        return self.scope in COUNTED and self.confidence >= MIN_CONFIDENCE


class Fingerprints:
    """Many of them, ready to be searched for. Of several that match the first one given is told."""

    def __init__(self, known: Iterable[Fingerprint] = ()) -> None:
        self.all = tuple(known)
        self._addresses: dict[str, Fingerprint] = {}
        self._names: dict[str, Fingerprint] = {}
        headers: defaultdict[str, list[Fingerprint]] = defaultdict(list)
        bodies: list[Fingerprint] = []
        titles: list[Fingerprint] = []
        innocent: list[Fingerprint] = []
        for fingerprint in self.all:
            if fingerprint.scope is Scope.FALSE_POSITIVE and fingerprint.place is Place.BODY:
                innocent.append(fingerprint)
            if not fingerprint.counts:
                continue
            match fingerprint.place:
                case Place.ADDRESS:
                    self._addresses.setdefault(fingerprint.pattern, fingerprint)
                case Place.NAME:
                    self._names.setdefault(_plain_name(fingerprint.pattern), fingerprint)
                case Place.HEADER:
                    headers[fingerprint.header.lower()].append(fingerprint)
                case Place.TITLE:
                    titles.append(fingerprint)
                case Place.BODY:
                    bodies.append(fingerprint)
        self._headers = {name: _Search(those) for name, those in headers.items()}
        self._bodies, self._titles, self._innocent = _Search(bodies), _Search(titles), _Search(innocent)

    def match_address(self, address: str) -> Fingerprint | None:
        return self._addresses.get(address)

    def match_name(self, name: str) -> Fingerprint | None:
        """Match a host name exactly, or below a pattern `*.example`; `www.` in front changes nothing."""
        plain = _plain_name(name)
        found = self._names.get(plain)
        parts = plain.split(".")
        for place in range(1, len(parts)):
            found = found or self._names.get("*." + ".".join(parts[place:]))
        return found

    def match_body(self, body: bytes) -> Fingerprint | None:
        """Search the first 64 KiB of a page, and its title. A page known to be innocent matches nothing."""
        if not self._bodies and not self._titles:
            return None
        text = body[:MAX_PAGE_BYTES].decode("utf-8", "replace")
        found = self._bodies.find(text)
        if found is None and self._titles:
            title = _TITLE.search(text)
            found = self._titles.find(title.group(1).strip()) if title else None
        return None if found is not None and self._innocent.find(text) is not None else found

    def match_headers(self, headers: Sequence[tuple[str, str]]) -> Fingerprint | None:
        for name, value in headers:
            search = self._headers.get(name.lower())
            found = search.find(value) if search is not None else None
            if found is not None:
                return found
        return None


class _Search:
    """All patterns of one place in one automaton."""

    def __init__(self, known: Sequence[Fingerprint]) -> None:
        self._known = tuple(known)
        self._set = compile_set(known)

    def __bool__(self) -> bool:
        return bool(self._known)

    def find(self, text: str) -> Fingerprint | None:
        if not self._known:
            return None
        # What is no text (lone surrogates of an import) is searched as far as it is.
        found = self._set.Match(text.encode("utf-8", "replace"))
        return self._known[min(found)] if found else None


def compile_set(known: Sequence[Fingerprint]) -> Any:
    """Return RE2's set of these patterns. Errors: re2.error for a pattern it cannot take."""
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for fingerprint in known:
        patterns.Add(_expression(fingerprint))
    if known:
        patterns.Compile()
    return patterns


def _expression(fingerprint: Fingerprint) -> str:
    literal = re2.escape(fingerprint.pattern)
    expression = {
        Match.FULL: rf"\A{literal}\z",
        Match.PREFIX: rf"\A{literal}",
        Match.CONTAINS: literal,
        Match.REGEXP: fingerprint.pattern,
    }[fingerprint.match]
    return f"(?{'is' if fingerprint.ignore_case else 's'}){expression}"


def _plain_name(name: str) -> str:
    return name.lower().rstrip(".").removeprefix("www.")


def place_of_dns(pattern: str) -> Place:
    """Say whether what a DNS answer held is an address or a name."""
    try:
        ipaddress.ip_address(pattern)
    except ValueError:
        return Place.NAME
    return Place.ADDRESS
