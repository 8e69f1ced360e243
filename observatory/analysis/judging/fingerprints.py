"""How block pages are recognised: fingerprints by address, name, header, title and body. Pure.

Patterns come from people's lists and pages from hostile servers, so expressions are RE2's: no pattern and no
page can make a search take more than linear time.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import re2

MAX_PAGE_BYTES: Final = 65536
# OONI's scale of how surely a fingerprint is no false positive: 0, 5 or 10.
MIN_CONFIDENCE: Final = 5
_TITLE: Final = re2.compile(r"(?is)<title[^>]*>(.*?)</title")
# The skeleton of every page. OONI lists empty ones as an ISP's, but a server's fault sends the same.
_SKELETON: Final = re2.compile(r"(?i)</?(?:html|head|title|body)>|\s")
# RE2 compiles patterns in sets, each within so much memory; a set of at most so many instructions (about one
# for each byte of a pattern) stays far below the size at which it refuses.
_MEMORY_BYTES: Final = 32 << 20
_MAX_SET_PROGRAM: Final = 100_000
_MAX_PATTERN_PROGRAM: Final = 20_000


class FingerprintLocation(StrEnum):
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


class FingerprintScope(StrEnum):
    """Whose page it is, in the words of OONI's lists.

    nat   blocking on a national scale          isp   an internet provider's
    prod  a filtering product's own page        prov  the server's: it closes itself to a country
    inst  an institution's or a company's       vbw   vague: perhaps blocking, perhaps not
    injb  injected and harmless: a router's     fp    known not to be blocking
    """

    NATIONAL = "nat"
    ISP = "isp"
    PRODUCT = "prod"
    PROVIDER = "prov"
    INSTITUTION = "inst"
    VAGUE = "vbw"
    INJECTED = "injb"
    FALSE_POSITIVE = "fp"


# The others never count. A company may filter its own line; a product's page does not say who runs it, and
# OONI lists Cloudflare's CAPTCHA as one.
COUNTED: Final = frozenset({FingerprintScope.NATIONAL, FingerprintScope.ISP})
# These say of a page that it is no network's block. A product says nothing either way, nor do vague words.
DENYING: Final = frozenset(
    {
        FingerprintScope.INSTITUTION,
        FingerprintScope.PROVIDER,
        FingerprintScope.INJECTED,
        FingerprintScope.FALSE_POSITIVE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """One sign of a block page. `asn` is None where it is no single network's; `seen` says when, in words."""

    id: str
    place: FingerprintLocation
    match: Match
    pattern: str
    header: str = ""
    ignore_case: bool = False
    scope: FingerprintScope = FingerprintScope.ISP
    asn: int | None = None
    isp: str = ""
    countries: tuple[str, ...] = ()
    confidence: int = 10
    source: str = ""
    seen: str = ""

    @property
    def counts(self) -> bool:
        """Whether a match is a sign of blocking."""
        return self.scope in COUNTED and self.confidence >= MIN_CONFIDENCE and not self._is_blank

    @property
    def _is_blank(self) -> bool:
        return self.place is FingerprintLocation.BODY and not _SKELETON.sub("", self.pattern)

    @property
    def takes_part(self) -> bool:
        """Whether it is looked for: to count, or to hold back what would count."""
        return self.counts or self.scope in DENYING


class Fingerprints:
    """Many of them, ready to be searched for. Only a match that counts is returned.

    Of several patterns in a text the longest decides, for it says most; of equals one that does not count,
    then the first one given. So a university's page is not the national one whose words it borrows, and a
    false positive as short as "redirect" does not excuse a notice.
    """

    def __init__(self, known: Iterable[Fingerprint] = ()) -> None:
        self.all = tuple(known)
        self._addresses: dict[str, Fingerprint] = {}
        self._names: dict[str, Fingerprint] = {}
        headers: defaultdict[str, list[Fingerprint]] = defaultdict(list)
        bodies: list[Fingerprint] = []
        titles: list[Fingerprint] = []
        for fingerprint in sorted((f for f in self.all if f.takes_part), key=lambda f: f.counts):
            match fingerprint.place:
                case FingerprintLocation.ADDRESS:
                    self._addresses.setdefault(fingerprint.pattern, fingerprint)
                case FingerprintLocation.NAME:
                    self._names.setdefault(_plain_name(fingerprint.pattern), fingerprint)
                case FingerprintLocation.HEADER:
                    headers[fingerprint.header.lower()].append(fingerprint)
                case FingerprintLocation.TITLE:
                    titles.append(fingerprint)
                case FingerprintLocation.BODY:
                    bodies.append(fingerprint)
        self._headers = {name: _Search(those) for name, those in headers.items()}
        self._bodies, self._titles = _Search(bodies), _Search(titles)

    def match_address(self, address: str) -> Fingerprint | None:
        return _if_counts(self._addresses.get(address))

    def match_name(self, name: str) -> Fingerprint | None:
        """Match a host name exactly, or below a pattern `*.example`; `www.` in front changes nothing."""
        plain = _plain_name(name)
        found = self._names.get(plain)
        parts = plain.split(".")
        for place in range(1, len(parts)):
            found = found or self._names.get("*." + ".".join(parts[place:]))
        return _if_counts(found)

    def match_page(
        self, found: Sequence[Fingerprint], headers: Sequence[tuple[str, str]] = ()
    ) -> Fingerprint | None:
        """Decide by what `find_in_body` found and by the headers together, so that a page known to be
        no block page is not taken for one because of its server's name."""
        return _decide([*found, *self._find_in_headers(headers)])

    def find_in_body(self, body: bytes) -> list[Fingerprint]:
        """Search the first 64 KiB of a page, and its title."""
        if not self._bodies and not self._titles:
            return []
        text = body[:MAX_PAGE_BYTES].decode("utf-8", "replace")
        found = self._bodies.find(text)
        title = _TITLE.search(text) if self._titles else None
        if title is not None:
            found += self._titles.find(title.group(1).strip())
        return found

    def match_headers(self, headers: Sequence[tuple[str, str]]) -> Fingerprint | None:
        return _decide(self._find_in_headers(headers))

    def _find_in_headers(self, headers: Sequence[tuple[str, str]]) -> list[Fingerprint]:
        return [
            fingerprint
            for name, value in headers
            if (search := self._headers.get(name.lower())) is not None
            for fingerprint in search.find(value)
        ]


def title_of(body: bytes) -> str:
    """Return the title of a page, empty where there is none in its first 64 KiB."""
    title = _TITLE.search(body[:MAX_PAGE_BYTES].decode("utf-8", "replace"))
    return title.group(1).strip() if title is not None else ""


class _Search:
    """All patterns of one place, in as few automata as RE2 takes."""

    def __init__(self, known: Sequence[Fingerprint]) -> None:
        self._sets = [(compile_set(those), those) for those in _part(known)]

    def __bool__(self) -> bool:
        return bool(self._sets)

    def find(self, text: str) -> list[Fingerprint]:
        """Return all that match, in the order given."""
        # What is not text (lone surrogates in an import) is replaced; the rest is searched.
        encoded = text.encode("utf-8", "replace")
        return [those[i] for patterns, those in self._sets for i in sorted(patterns.Match(encoded) or ())]


def _decide(found: Sequence[Fingerprint]) -> Fingerprint | None:
    return _if_counts(max(found, key=lambda f: (len(f.pattern), not f.counts), default=None))


def _if_counts(found: Fingerprint | None) -> Fingerprint | None:
    return found if found is not None and found.counts else None


def _part(known: Sequence[Fingerprint]) -> Iterator[list[Fingerprint]]:
    those: list[Fingerprint] = []
    size = 0
    for fingerprint in known:
        program = _program_size(fingerprint)
        if those and size + program > _MAX_SET_PROGRAM:
            yield those
            those, size = [], 0
        those.append(fingerprint)
        size += program
    if those:
        yield those


def _program_size(fingerprint: Fingerprint) -> int:
    """Return an upper bound for a literal, RE2's own count for an expression."""
    if fingerprint.match is not Match.REGEXP:
        return 4 * len(_expression(fingerprint).encode("utf-8", "replace"))
    return int(re2.compile(_expression(fingerprint), _options()).programsize)


def check_pattern(fingerprint: Fingerprint) -> None:
    """Refuse what could not be searched for, or would be found everywhere.

    Errors: ValueError, saying what was expected.
    """
    if fingerprint.match is Match.REGEXP:
        try:
            compiled = re2.compile(_expression(fingerprint), _options())
        except re2.error as error:
            raise ValueError(f"an expression of RE2 ({_reason(error)})") from error
        if compiled.programsize > _MAX_PATTERN_PROGRAM:
            raise ValueError("a smaller expression")
        if compiled.search("") is not None:
            raise ValueError("an expression that does not match an empty page")
    elif fingerprint.match is Match.CONTAINS and fingerprint.counts and len(fingerprint.pattern) < 4:
        raise ValueError("at least 4 characters: shorter text is found in pages of every kind")


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def compile_set(known: Sequence[Fingerprint]) -> Any:
    """Return RE2's set of these patterns. Errors: re2.error for a pattern it cannot take."""
    patterns = re2.Set.SearchSet(_options())
    for fingerprint in known:
        patterns.Add(_expression(fingerprint))
    patterns.Compile()
    return patterns


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    return options


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


def place_of_dns(pattern: str) -> tuple[FingerprintLocation, str]:
    """Say whether what a DNS answer held is an address or a name, and how it is spelt when compared."""
    try:
        return FingerprintLocation.ADDRESS, str(ipaddress.ip_address(pattern))
    except ValueError:
        return FingerprintLocation.NAME, pattern.lower()
