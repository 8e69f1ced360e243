"""Lists of fingerprints of block pages in OONI's CSV -> records, or every mistake with its line.

Source: fingerprints_dns.csv and fingerprints_http.csv of OONI's `blocking-fingerprints`.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from observatory.analysis.judging.fingerprints import (
    Fingerprint,
    FingerprintLocation,
    FingerprintScope,
    Match,
    check_pattern,
    place_of_dns,
)

MAX_FILE_BYTES: Final = 20 << 20
MAX_ROWS: Final = 100_000
MAX_PATTERN_CHARS: Final = 4000
MAX_PROBLEMS: Final = 50
NEEDED: Final = ("name", "scope", "location_found", "pattern_type", "pattern")
HEADER_PREFIX: Final = "header."


class ReferenceDataError(Exception):
    """A list of fingerprints that cannot be used; each line says where, what was expected, what was found."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def parse_csv(content: bytes, name: str) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of one list in OONI's format.

    Shape:  one row each; columns beyond those needed may be missing.
    Errors: ReferenceDataError with every mistake at once (at most fifty), each with its line.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ReferenceDataError([f"{name}: expected at most {MAX_FILE_BYTES:,} bytes, got more"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReferenceDataError([f"{name}: expected UTF-8 text, got {error}"]) from error
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    problems: list[str] = []
    found: dict[str, Fingerprint] = {}
    try:
        missing = [column for column in NEEDED if column not in (rows.fieldnames or ())]
        if missing:
            raise ReferenceDataError([f"{name}:1: expected the columns {', '.join(NEEDED)}; no {missing[0]}"])
        for number, row in enumerate(rows, start=1):
            if number > MAX_ROWS:
                problems.append(f"{name}:{rows.line_num}: expected at most {MAX_ROWS:,} rows")
                break
            try:
                fingerprint = _parse_row(row)
            except ValueError as error:
                problems.append(f"{name}:{rows.line_num}: {error}")
            else:
                if fingerprint.id in found:
                    problems.append(f"{name}:{rows.line_num}: name {fingerprint.id!r} appears twice")
                found[fingerprint.id] = fingerprint
            if len(problems) >= MAX_PROBLEMS:
                problems.append(f"{name}: … and perhaps more")
                break
    except csv.Error as error:
        problems.append(f"{name}:{rows.line_num}: expected CSV, got {error}")
    if problems:
        raise ReferenceDataError(problems)
    return tuple(found.values())


def _parse_row(row: Mapping[str, Any]) -> Fingerprint:
    if None in row or None in row.values():
        raise ValueError("expected as many fields as in the header line, got more or fewer")

    def read(column: str) -> str:
        value = row.get(column)
        return value.strip() if isinstance(value, str) else ""

    # Blanks at the ends of a pattern are part of it.
    pattern = row.get("pattern") or ""
    if not isinstance(pattern, str) or not 0 < len(pattern) <= MAX_PATTERN_CHARS:
        raise ValueError(f"pattern: expected 1..{MAX_PATTERN_CHARS} characters, got {len(pattern)}")
    if not read("name"):
        raise ValueError("name: expected a name, got nothing")
    place, header, pattern = _parse_place(read("location_found"), pattern)
    fingerprint = Fingerprint(
        id=read("name")[:100],
        place=place,
        match=_one_of(Match, "pattern_type", read("pattern_type")),
        pattern=pattern,
        header=header,
        scope=_one_of(FingerprintScope, "scope", read("scope")),
        countries=tuple(c.strip().upper() for c in read("expected_countries").split(",") if c.strip())[:20],
        confidence=_parse_confidence(read("confidence_no_fp")),
        source=read("source")[:200],
    )
    if (
        place in (FingerprintLocation.ADDRESS, FingerprintLocation.NAME)
        and fingerprint.match is not Match.FULL
    ):
        raise ValueError(f"pattern_type: expected full for dns, got {fingerprint.match}")
    try:
        check_pattern(fingerprint)
    except ValueError as error:
        raise ValueError(f"pattern: expected {error}, got {pattern[:40]!r}") from error
    return fingerprint


def _parse_place(location: str, pattern: str) -> tuple[FingerprintLocation, str, str]:
    if location == "dns":
        place, spelt = place_of_dns(pattern.strip())
        return place, "", spelt
    if location in (FingerprintLocation.BODY, FingerprintLocation.TITLE):
        return FingerprintLocation(location), "", pattern
    header = location.removeprefix(HEADER_PREFIX)
    if not location.startswith(HEADER_PREFIX) or not header:
        raise ValueError(f"location_found: expected dns, body, title or header.NAME, got {location[:40]!r}")
    return FingerprintLocation.HEADER, header.lower()[:100], pattern


def _one_of(kind: Any, column: str, value: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"{column}: expected {', '.join(kind)}; got {value[:40]!r}") from None


def _parse_confidence(value: str) -> int:
    if not value:
        return 0
    if not value.isdecimal() or not 0 <= int(value[:4]) <= 10:
        raise ValueError(f"confidence_no_fp: expected 0..10, got {value[:40]!r}")
    return int(value)
