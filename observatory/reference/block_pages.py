"""Fingerprints of block pages: the shipped ones as records, and OONI's lists as an operator adds them.

Source of the CSV format: fingerprints_dns.csv and fingerprints_http.csv of OONI's `blocking-fingerprints`.
"""

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from observatory.analysis.judging.fingerprints import (
    Fingerprint,
    FingerprintLocation,
    Match,
    Scope,
    check_pattern,
    place_of_dns,
)

MAX_FILE_BYTES: Final = 20 << 20
MAX_ROWS: Final = 100_000
MAX_PATTERN_CHARS: Final = 4000
MAX_PROBLEMS: Final = 50
FOLDER_VARIABLE: Final = "OBSERVATORY_REFERENCE"
DEFAULT_FOLDER: Final = Path("var/reference")
NEEDED: Final = ("name", "scope", "location_found", "pattern_type", "pattern")
HEADER_PREFIX: Final = "header."


class ReferenceError(Exception):
    """A list of fingerprints that cannot be used; each line says where, what was expected, what was found."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def parse_csv(content: bytes, name: str) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of one list in OONI's format.

    Shape:  one row each; columns beyond those needed may be missing.
    Errors: ReferenceError with every mistake at once (at most fifty), each with its line.
    """
    if len(content) > MAX_FILE_BYTES:
        raise ReferenceError([f"{name}: expected at most {MAX_FILE_BYTES:,} bytes, got more"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReferenceError([f"{name}: expected UTF-8 text, got {error}"]) from error
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    problems: list[str] = []
    found: dict[str, Fingerprint] = {}
    try:
        missing = [column for column in NEEDED if column not in (rows.fieldnames or ())]
        if missing:
            raise ReferenceError([f"{name}:1: expected the columns {', '.join(NEEDED)}; no {missing[0]}"])
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
                    problems.append(f"{name}:{rows.line_num}: name {fingerprint.id!r} stands there twice")
                found[fingerprint.id] = fingerprint
            if len(problems) >= MAX_PROBLEMS:
                problems.append(f"{name}: … and perhaps more")
                break
    except csv.Error as error:
        problems.append(f"{name}:{rows.line_num}: expected CSV, got {error}")
    if problems:
        raise ReferenceError(problems)
    return tuple(found.values())


def _parse_row(row: Mapping[str, Any]) -> Fingerprint:
    if None in row or None in row.values():
        raise ValueError("expected as many fields as in the header line, got more or fewer")

    def read(column: str) -> str:
        value = row.get(column)
        return value.strip() if isinstance(value, str) else ""

    # A pattern's own blanks at its ends belong to it.
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
        scope=_one_of(Scope, "scope", read("scope")),
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


# --- what an operator added


def added_folder() -> Path:
    """Return the folder that added lists stand in: $OBSERVATORY_REFERENCE, else var/reference."""
    return Path(os.environ.get(FOLDER_VARIABLE) or DEFAULT_FOLDER)


def load_added() -> Iterator[tuple[Path, bytes, tuple[Fingerprint, ...]]]:
    """Yield each added list with its bytes. Errors: ReferenceError, naming the file."""
    for path in sorted(added_folder().glob("*.csv")):
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ReferenceError([f"{path}: {error.strerror}"]) from error
        yield path, content, parse_csv(content, str(path))


def add_file(source: Path) -> tuple[Path, tuple[Fingerprint, ...]]:
    """Check a list and keep a copy of it; one of the same name is replaced as a whole.

    Errors: ReferenceError; then what was there stays.
    """
    try:
        with source.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ReferenceError([f"{source}: {error.strerror}"]) from error
    fingerprints = parse_csv(content, str(source))
    folder = added_folder()
    target = folder / f"{source.stem}.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as part:
            try:
                part.write(content)
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, target)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ReferenceError([f"{target}: {error.strerror}"]) from error
    return target, fingerprints


# --- what is shipped


def shipped(networks: Mapping[str, Any], pages: Mapping[str, Any]) -> Iterator[Fingerprint]:
    """Yield the fingerprints of the shipped files: networks' own pages, national ones, phrases of notices."""
    for network in networks["networks"]:
        for place, entry in enumerate(network.get("block_pages", ())):
            for fingerprint in _entry(entry, f"id.as{network['asn']}.{place}"):
                yield Fingerprint(
                    **fingerprint,
                    asn=network["asn"],
                    isp=network["brand"],
                    countries=("ID",),
                    source="OONI blocking-fingerprints",
                    seen="2016-2022",
                )
    for place, entry in enumerate(networks["national"]):
        for value in entry.values():
            for fingerprint in _entry(value, f"id.national.{place}"):
                yield Fingerprint(
                    **fingerprint,
                    scope=Scope.NATIONAL,
                    countries=("ID",),
                    source="OONI blocking-fingerprints",
                    seen="2016-2022",
                )
    for phrase in pages["phrases"]:
        yield Fingerprint(
            id=phrase["id"],
            place=FingerprintLocation(phrase["place"]),
            match=Match(phrase.get("match", "contains")),
            pattern=phrase["phrase"],
            ignore_case=True,
            scope=Scope(phrase["scope"]),
            countries=("ID",),
            source=phrase["source"],
            seen=str(phrase["seen"]),
        )


def _entry(entry: str, name: str) -> Iterator[dict[str, Any]]:
    """Part `name (address)`, `name/path`, `name` and `address`."""
    for word in entry.replace("(", " ").replace(")", " ").split():
        if "/" in word:
            # A page on an ISP's main site counts by its path only, in a redirect.
            yield {
                "id": f"{name}.path",
                "place": FingerprintLocation.HEADER,
                "header": "location",
                "match": Match.CONTAINS,
                "pattern": word,
                "ignore_case": True,
            }
        else:
            place, spelt = place_of_dns(word)
            yield {"id": f"{name}.{place}", "place": place, "match": Match.FULL, "pattern": spelt}


def digest_of(parts: Sequence[bytes]) -> str:
    """Return eight hexadecimal digits that change with any byte."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:8]
