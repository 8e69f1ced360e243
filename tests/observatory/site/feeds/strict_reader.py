"""A strict reader of Atom: what RFC 4287 requires, and what it allows once at most."""

import re
import xml.etree.ElementTree as ET
from datetime import datetime

NS = "{http://www.w3.org/2005/Atom}"
_IRI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_ONCE = {"id", "title", "updated", "published", "summary", "subtitle", "rights", "generator"}
_FEED = _ONCE - {"published", "summary"} | {"author", "link", "category", "entry"}
_ENTRY = _ONCE - {"subtitle", "generator"} | {"author", "link", "category"}


def read_atom(body: bytes) -> ET.Element:
    """Return the feed of a document. Errors: AssertionError, ParseError when it is not Atom."""
    feed = ET.fromstring(body)
    assert feed.tag == f"{NS}feed"
    _check(feed, _FEED)
    assert feed.find(f"{NS}author/{NS}name") is not None, (
        "section 4.1.1: a feed or all its entries have an author"
    )
    assert links(feed, "self"), "section 4.1.1: a feed should have a link to itself"
    entries = feed.findall(f"{NS}entry")
    for entry in entries:
        _check(entry, _ENTRY)
        assert links(entry, "alternate"), "section 4.1.2: an entry without content has an alternate link"
    ids = [word(entry, "id") for entry in entries]
    assert len(ids) == len(set(ids))
    return feed


def _check(element: ET.Element, allowed: set[str]) -> None:
    names = [child.tag.removeprefix(NS) for child in element]
    assert set(names) <= allowed
    assert {"id", "title", "updated"} <= set(names)
    for name in _ONCE:
        assert names.count(name) <= 1, name
    assert _IRI.fullmatch(word(element, "id")), "section 4.2.6: an IRI"
    for name in ("updated", "published"):
        if name in names:
            assert _DATE.fullmatch(word(element, name)), "section 3.3: a date of RFC 3339"
            assert datetime.fromisoformat(word(element, name)).tzinfo is not None
    for link in element.findall(f"{NS}link"):
        assert _IRI.fullmatch(link.attrib["href"])
    for category in element.findall(f"{NS}category"):
        assert category.attrib["term"]


def word(element: ET.Element, name: str) -> str:
    """Return what an element's child says."""
    return element.findtext(f"{NS}{name}") or ""


def links(element: ET.Element, rel: str) -> list[str]:
    return [
        link.attrib["href"] for link in element.findall(f"{NS}link") if link.get("rel", "alternate") == rel
    ]


def entries(body: bytes) -> dict[str, ET.Element]:
    """Return the entries by the event that their link names."""
    found = read_atom(body).findall(f"{NS}entry")
    return {links(entry, "alternate")[0].partition("id=")[2].partition("&")[0]: entry for entry in found}
