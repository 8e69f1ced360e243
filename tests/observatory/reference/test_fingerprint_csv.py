"""Lists in OONI's CSV: what is read, and what is refused, with its line."""

import re

import pytest

from observatory.analysis.judging.fingerprints import FingerprintScope
from observatory.reference.fingerprint_csv import MAX_ROWS, ReferenceDataError, parse_csv
from tests.observatory.reference.samples import HEAD, listed, row


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_either_line_end(end: str) -> None:
    content = b"\xef\xbb\xbf" + listed(row("a", "dns", "full", "45.64.1.9"), end=end)
    (one,) = parse_csv(content, "list.csv")
    assert (one.id, one.scope, one.countries) == ("a", FingerprintScope.ISP, ("ID", "MY"))


BAD = [
    ("no such column", b"name,scope\na,isp\n", "list.csv:1: expected the columns"),
    ("place", listed(row("a", "footer", "full", "x")), "list.csv:2: location_found: expected dns, body"),
    ("kind", listed(row("a", "body", "glob", "x")), "list.csv:2: pattern_type: expected full, prefix"),
    ("scope", listed(row("a", "body", "full", "x", scope="isps")), "list.csv:2: scope: expected nat"),
    (
        "confidence",
        listed(row("a", "body", "full", "x", confidence="11")),
        "confidence_no_fp: expected 0..10",
    ),
    ("no pattern", listed(row("a", "body", "full", "")), "list.csv:2: pattern: expected 1..4000"),
    ("no name", listed(row("", "body", "full", "x")), "list.csv:2: name: expected a name"),
    ("twice", listed(row("a", "body", "full", "x"), row("a", "body", "full", "y")), "appears twice"),
    ("expression", listed(row("a", "body", "regexp", "(x")), "pattern: expected an expression of RE2"),
    ("look-behind", listed(row("a", "body", "regexp", "(?<=a)b")), "pattern: expected an expression of RE2"),
    ("backreference", listed(row("a", "body", "regexp", r"(a)\1")), "pattern: expected an expression of RE2"),
    ("everything", listed(row("a", "body", "regexp", ".*")), "that does not match an empty page, got '.*'"),
    (
        "huge",
        listed(row("a", "body", "regexp", "\\pL{100}")),
        "pattern: expected a smaller expression",
    ),
    ("a mere piece", listed(row("a", "body", "contains", "no")), "pattern: expected at least 4 characters"),
    (
        "a field too few",
        listed("a,isp,,body,full,x,5"),
        "list.csv:2: expected as many fields as in the header",
    ),
    (
        "a field too many",
        listed(row("a", "body", "full", "x") + ",,"),
        "as many fields as in the header line",
    ),
    ("partial address", listed(row("a", "dns", "prefix", "45.64")), "pattern_type: expected full for dns"),
    ("not text", b"\xff\xfe\x00", "expected UTF-8"),
    ("no CSV", HEAD.encode() + b'\na,isp,,body,full,"x"y,5\n', "expected CSV"),
]


@pytest.mark.parametrize(("content", "problem"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_mistakes_are_named_with_their_line(content: bytes, problem: str) -> None:
    with pytest.raises(ReferenceDataError, match=re.escape(problem)):
        parse_csv(content, "list.csv")


def test_every_mistake_at_once() -> None:
    with pytest.raises(ReferenceDataError) as raised:
        parse_csv(listed(row("a", "x", "full", "x"), row("b", "body", "y", "x")), "list.csv")
    assert [p.split(":")[1] for p in raised.value.problems] == ["2", "3"]


def test_too_many_rows() -> None:
    rows = (f"n{n},isp,,dns,full,10.0.{n >> 8}.{n & 255},5,,,," for n in range(MAX_ROWS + 1))
    with pytest.raises(ReferenceDataError, match="at most 100,000 rows"):
        parse_csv(listed(*rows), "list.csv")
