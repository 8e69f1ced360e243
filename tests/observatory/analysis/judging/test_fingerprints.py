"""Lists of fingerprints: what is read, what is refused, what matches, and what never may."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from observatory.analysis.judging.fingerprints import (
    Fingerprint,
    FingerprintLocation,
    Fingerprints,
    Match,
    Scope,
)
from observatory.analysis.judging.reference import Reference, is_bogon
from observatory.cli.app import app
from observatory.reference import load_reference
from observatory.reference.added_lists import add_file
from observatory.reference.fingerprint_csv import MAX_ROWS, ReferenceDataError, parse_csv

HEAD = (
    "name,scope,other_names,location_found,pattern_type,pattern,confidence_no_fp,"
    "expected_countries,source,exp_url,notes"
)


def listed(*rows: str, head: str = HEAD, end: str = "\n") -> bytes:
    return end.join((head, *rows, "")).encode()


def row(name: str, place: str, kind: str, pattern: str, scope: str = "isp", confidence: str = "5") -> str:
    return f'{name},{scope},,{place},{kind},"{pattern}",{confidence},"ID,MY",ooni,,'


LIST = listed(
    row("a.address", "dns", "full", "45.64.1.9"),
    row("a.address6", "dns", "full", "2001:4860:4860::1", scope="nat"),
    row("a.name", "dns", "full", "blocked.example.net"),
    row("a.box", "header.server", "prefix", "Protected by Box"),
    row("a.location", "header.location", "contains", "://notice.example/"),
    row("a.title", "title", "contains", "Akses Ditutup"),
    row("a.body", "body", "contains", "this page is closed by order"),
    row("a.full", "body", "full", "closed"),
    row("a.regexp", "body", "regexp", "<p>order [0-9]+ of .* court</p>"),
    row("a.innocent", "body", "contains", "status page of a public library", scope="fp"),
    row("a.short", "body", "contains", "page", scope="fp"),
    row("a.product", "body", "contains", "please solve this puzzle to go on", scope="prod"),
    row("a.server", "header.via", "full", "FilterBox", scope="prod"),
    row("a.router", "body", "contains", "your router needs an update", scope="injb"),
    row("a.elsewhere", "body", "contains", "not offered in your country", scope="prov"),
    row("a.university", "title", "full", "Akses Ditutup - Universitas", scope="inst"),
    row("a.vague", "body", "contains", "something went wrong", scope="vbw"),
    row("a.company", "body", "contains", "company policy", scope="inst"),
    row("a.unsure", "body", "contains", "maybe blocked", confidence="0"),
)
KNOWN = Fingerprints(parse_csv(LIST, "list.csv"))


def found(fingerprint: Fingerprint | None) -> str | None:
    return fingerprint.id if fingerprint is not None else None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<p>this page is closed by order</p>", "a.body"),
        (b"closed", "a.full"),
        (b"closed today", None),
        (b"<p>order 12 of the high court</p>", "a.regexp"),
        (b"<html><TITLE lang=id>\n Maaf: Akses Ditutup </title>", "a.title"),
        (b"this page is closed by order - status page of a public library", None),
        (b"please solve this puzzle to go on", None),
        (b"please solve this puzzle to go on: this page is closed by order", "a.body"),
        (b"your router needs an update", None),
        (b"not offered in your country", None),
        (b"<title>Akses Ditutup - Universitas</title>", None),
        (b"\xff\xfe this page is closed by order", "a.body"),
        (b"something went wrong", None),
        (b"company policy", None),
        (b"maybe blocked", None),
        (b"x" * 65536 + b"this page is closed by order", None),
        (b"", None),
    ],
)
def test_pages(body: bytes, expected: str | None) -> None:
    assert found(KNOWN.match_page(KNOWN.find_in_body(body))) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (("Server", "Protected by Box 3"), "a.box"),
        (("Server", "not Protected by Box"), None),
        (("LOCATION", "http://notice.example/?t.me"), "a.location"),
        (("Via", "Protected by Box"), None),
        (("Via", "FilterBox"), None),
    ],
)
def test_headers(header: tuple[str, str], expected: str | None) -> None:
    assert found(KNOWN.match_headers([header])) == expected


def test_addresses_and_names() -> None:
    assert found(KNOWN.match_address("45.64.1.9")) == "a.address"
    assert found(KNOWN.match_address("2001:4860:4860::1")) == "a.address6"
    assert found(KNOWN.match_name("Blocked.Example.net.")) == "a.name"
    assert KNOWN.match_name("other.example.net") is None


@pytest.mark.parametrize("scope", ["fp", "inst", "prov", "injb"])
def test_where_lists_disagree_the_reading_that_accuses_nobody_holds(scope: str) -> None:
    rows = [row("a", "dns", "full", "45.64.1.9"), row("b", "dns", "full", "45.64.1.9", scope=scope)]
    rows += [row("c", "body", "full", "closed"), row("d", "body", "full", "closed", scope=scope)]
    for order in (rows, rows[::-1]):
        known = Fingerprints(parse_csv(listed(*order), "list.csv"))
        assert known.match_address("45.64.1.9") is None
        assert known.match_page(known.find_in_body(b"closed")) is None


def test_a_private_address_is_nobodys_known_page() -> None:
    known = Fingerprints(parse_csv(listed(row("a", "dns", "full", "10.10.34.35", scope="nat")), "list.csv"))
    assert Reference(version="x", fingerprints=known).match_address("10.10.34.35") is None


def test_an_address_matches_however_a_list_spells_it() -> None:
    known = Fingerprints(parse_csv(listed(row("a", "dns", "full", "2001:0DB8:0:0::1")), "list.csv"))
    assert found(known.match_address("2001:db8::1")) == "a"


def test_more_patterns_than_one_set_of_re2_takes() -> None:
    # Numbers squared, so that no two patterns share a beginning that would be compiled once.
    patterns = [f"{n * n:x}-" * 400 for n in range(1_000, 1_600)]
    rows = [row(str(n), "body", "contains", pattern) for n, pattern in enumerate(patterns)]
    known = Fingerprints(parse_csv(listed(*rows), "list.csv"))
    for n in (0, 299, 599):
        assert found(known.match_page(known.find_in_body(b"<p>" + patterns[n].encode()))) == str(n)


def test_what_telegram_owns_never_matches() -> None:
    wrong = [
        Fingerprint(id="x", place=FingerprintLocation.ADDRESS, match=Match.FULL, pattern="149.154.167.99"),
        Fingerprint(id="y", place=FingerprintLocation.NAME, match=Match.FULL, pattern="t.me"),
    ]
    shipped = load_reference()
    reference = Reference(
        version="x", telegram_prefixes=shipped.telegram_prefixes, fingerprints=Fingerprints(wrong)
    )
    assert reference.match_address("149.154.167.99") is None
    assert reference.match_name("t.me") is None


def known_by(*rows: str) -> Reference:
    known = Fingerprints(parse_csv(listed(*rows), "list.csv"))
    return Reference(version="x", telegram_prefixes=load_reference().telegram_prefixes, fingerprints=known)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("64:ff9b::2d40:109", "a"),
        ("::ffff:45.64.1.9", "a"),
        ("64:ff9b::959a:a763", None),
        ("::ffff:149.154.167.99", None),
        ("2001:db8::2d40:109", None),
    ],
)
def test_translated_addresses(address: str, expected: str | None) -> None:
    reference = known_by(row("a", "dns", "full", "45.64.1.9"), row("b", "dns", "full", "149.154.167.99"))
    assert found(reference.match_address(address)) == expected
    assert reference.is_telegram_address(address) is (
        address in ("64:ff9b::959a:a763", "::ffff:149.154.167.99")
    )


def test_a_private_address_stays_private_when_translated() -> None:
    assert is_bogon("64:ff9b::10.10.34.35")
    assert not is_bogon("64:ff9b::45.64.1.9")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("http://45.64.1.9/?t.me", "address"),
        ("http://[64:ff9b::2d40:109]/", "address"),
        ("//blocked.example.net:8080/a", "name"),
        ("https://portal.example/notice.example/why", "url"),
        ("https://telegram.org/?from=notice.example/why", None),
        ("https://149.154.167.99/notice.example/why", None),
        ("/notice.example/why", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_redirects(location: str, expected: str | None) -> None:
    reference = known_by(
        row("address", "dns", "full", "45.64.1.9"),
        row("name", "dns", "full", "blocked.example.net"),
        row("url", "header.location", "contains", "notice.example/why"),
    )
    assert found(reference.match_redirect([("Location", location)])) == expected


@pytest.mark.parametrize("page", ["<html><head></head><body></body></html>", "<HTML></HTML>"])
def test_an_empty_page_accuses_nobody(page: str) -> None:
    assert known_by(row("a", "body", "contains", page)).match_page(page.encode()) is None


def test_a_page_that_is_known_to_be_no_block_is_not_accused_by_its_server() -> None:
    reference = known_by(
        row("a", "header.server", "prefix", "Box"), row("b", "body", "contains", "library", scope="inst")
    )
    assert found(reference.match_page(b"<p>order", [("Server", "Box 1")])) == "a"
    assert reference.match_page(b"<p>library", [("Server", "Box 1")]) is None


def test_an_address_that_is_none_is_wrong_usage() -> None:
    run = CliRunner().invoke(app, ["reference", "match", "--address", "36.86.63"])
    assert run.exit_code == 2 and "36.86.63" in run.output


def test_what_is_shipped() -> None:
    reference = load_reference()
    assert found(reference.match_address("36.86.63.185")) == "id.as17974.0.address"
    assert found(reference.match_name("www.internet-positif.org")) is not None
    assert found(reference.match_name("notice.uzone.id")) is not None
    assert reference.match_redirect([("Location", "http://www.xl.co.id/xlblockpage?x")]) is not None
    assert reference.match_redirect([("Location", "http://www.xl.co.id/shop")]) is None
    assert found(reference.match_page(b"<title>Internet Positif</title>")) == "id.title.internet_positif"
    assert 62041 in reference.telegram_asns
    assert all(f.source and f.seen for f in reference.fingerprints.all)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_byte_order_mark_and_either_line_end(end: str) -> None:
    content = b"\xef\xbb\xbf" + listed(row("a", "dns", "full", "45.64.1.9"), end=end)
    (one,) = parse_csv(content, "list.csv")
    assert (one.id, one.scope, one.countries) == ("a", Scope.ISP, ("ID", "MY"))


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
    ("twice", listed(row("a", "body", "full", "x"), row("a", "body", "full", "y")), "stands there twice"),
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


def test_an_expression_that_would_never_end_elsewhere() -> None:
    """(a+)+$ against a row of a's takes a backtracking engine longer than anybody lives."""
    (one,) = parse_csv(listed(row("a", "body", "regexp", "(a+)+$")), "list.csv")
    assert Fingerprints([one]).find_in_body(b"a" * 60000 + b"b") == []


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=4))
def test_no_page_breaks_the_search(body: bytes, headers: list[tuple[str, str]]) -> None:
    KNOWN.match_page(KNOWN.find_in_body(body))
    KNOWN.match_headers([*headers, ("server", "\udc80")])


def test_the_version_changes_with_what_was_added_and_a_broken_list_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OBSERVATORY_REFERENCE", str(tmp_path / "kept"))
    load_reference.cache_clear()
    try:
        before = load_reference().version
        good = tmp_path / "list.csv"
        good.write_bytes(LIST)
        run = CliRunner().invoke(app, ["reference", "add", str(good)])
        assert run.exit_code == 0, run.output
        assert "19 fingerprints, 9 of them signs of blocking" in run.output
        load_reference.cache_clear()
        after = load_reference()
        assert after.version != before
        assert found(after.match_address("45.64.1.9")) == "a.address"
        good.write_bytes(b"nonsense")
        run = CliRunner().invoke(app, ["reference", "add", str(good)])
        assert run.exit_code == 1 and "list.csv:1: expected the columns" in run.output
        load_reference.cache_clear()
        assert load_reference().version == after.version
        run = CliRunner().invoke(app, ["reference", "match", "--name", "blocked.example.net", "--json"])
        assert run.exit_code == 0 and '"a.name"' in run.output
        run = CliRunner().invoke(app, ["reference", "match", "--address", "8.8.8.8"])
        assert run.exit_code == 1
        run = CliRunner().invoke(app, ["reference", "list"])
        assert "never counts as a block page" in run.output
        assert "19  from list.csv" in run.output
    finally:
        load_reference.cache_clear()


def test_a_list_damaged_where_it_is_kept_stops_what_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that started without it would judge by other data than it says."""
    (tmp_path / "list.csv").write_bytes(LIST[:-3])
    monkeypatch.setenv("OBSERVATORY_REFERENCE", str(tmp_path))
    config = tmp_path / "vantage_points.yaml"
    config.write_text(
        "vantage_points: [{id: a, name: A, isp: A, asn: 64500, country: ID, every: 10m, via: direct}]"
    )
    load_reference.cache_clear()
    try:
        run = CliRunner().invoke(app, ["up", "--no-web", "--config", str(config)])
        assert run.exit_code == 1
        assert f"{tmp_path / 'list.csv'}:20: expected as many fields" in run.output
    finally:
        load_reference.cache_clear()


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("OBSERVATORY_REFERENCE", str(tmp_path / "file" / "below"))
    good = tmp_path / "list.csv"
    good.write_bytes(LIST)
    with pytest.raises(ReferenceDataError, match=r"list\.csv"):
        add_file(good)
