"""Fingerprints of block pages: what matches, and what never may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analysis.judging.fingerprints import (
    Fingerprint,
    FingerprintLocation,
    Fingerprints,
    Match,
)
from observatory.analysis.judging.reference import Reference
from observatory.reference import load_reference
from observatory.reference.fingerprint_csv import parse_csv
from tests.observatory.reference.samples import LIST, found, listed, row

KNOWN = Fingerprints(parse_csv(LIST, "list.csv"))


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
    reserved = load_reference().reserved_prefixes
    reference = Reference(version="x", fingerprints=known, reserved_prefixes=reserved)
    assert reference.match_address("10.10.34.35") is None


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
    reference = load_reference()
    assert reference.is_reserved("64:ff9b::10.10.34.35")
    assert not reference.is_reserved("64:ff9b::45.64.1.9")


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


def test_an_expression_that_would_never_end_elsewhere() -> None:
    """(a+)+$ against a row of a's takes a backtracking engine longer than anybody lives."""
    (one,) = parse_csv(listed(row("a", "body", "regexp", "(a+)+$")), "list.csv")
    assert Fingerprints([one]).find_in_body(b"a" * 60000 + b"b") == []


@given(st.binary(max_size=200), st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=4))
def test_no_page_breaks_the_search(body: bytes, headers: list[tuple[str, str]]) -> None:
    KNOWN.match_page(KNOWN.find_in_body(body))
    KNOWN.match_headers([*headers, ("server", "\udc80")])
