"""HTTP routes of the feeds: which feed is requested, what is in the store, how to answer."""

import hashlib
import logging
import re
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from observatory.analysis.events.publication import is_published, shows_emulated
from observatory.model import Revision, Role
from observatory.site.feeds.atom import (
    N_ENTRIES,
    Feed,
    FeedEntry,
    FeedKind,
    build_feed,
    feed_updated_at,
    make_entry,
)
from observatory.store import StoreError, StoreReader, open_reader
from observatory.text import FALLBACK, LANGUAGES, Text, load_text
from observatory.text.events import shortened

logger = logging.getLogger("observatory.site.feeds")

MAX_AGE_S: Final = 60
_ISP: Final = re.compile(r"isp/AS([1-9][0-9]{0,9})\.atom")
_HOST: Final = re.compile(r"host/([A-Za-z0-9_-][A-Za-z0-9._-]{0,252})\.atom")
# What may be part of a link: a name or address with a port. Anything else in a Host header is made up.
_SITE: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_N_EXAMPLES: Final = 12
# Reading all revisions of an event is slow, and a revision never changes: entries are kept by its number.
_MAX_CACHED: Final = 4096
_cached: Final[dict[tuple[str, str, str, int, datetime], tuple[FeedEntry | None]]] = {}


def parse_feed(path: str) -> Feed | None:
    """Return which feed the path below `/feeds/` asks for; None where there can be none."""
    if path == "events.atom":
        return Feed()
    if found := _ISP.fullmatch(path):
        return Feed(kind=FeedKind.ISP, key=found[1])
    if found := _HOST.fullmatch(path):
        return Feed(kind=FeedKind.HOST, key=found[1])
    return None


def serve_feed(request: Request) -> Response:
    """Answer with a feed, with 304 to a client that has it, or with a sentence on what is expected."""
    asked = request.query_params.get("lang")
    text = load_text(asked if asked in LANGUAGES else FALLBACK)
    feed = parse_feed(request.path_params.get("path", ""))
    if feed is None:
        return _say(404, text("feed.unknown_path"))
    host = request.headers.get("host", "")
    if not _SITE.fullmatch(host):
        return _say(400, text("feed.bad_host"))
    try:
        with open_reader() as store:
            entries = load_entries(store, feed)
            known = _load_known(store, feed)
    except StoreError as error:
        logger.warning("no feed could be made: %s", error)
        return _say(503, text("feed.no_store"), **{"Retry-After": str(MAX_AGE_S)})
    if not entries and feed.kind is not FeedKind.EVENTS and feed.key not in known:
        return _say(404, _unknown(feed, known, text))
    base = f"{'https' if request.url.scheme == 'https' else 'http'}://{host}"
    body = build_feed(entries, feed, text, base=base, name=known.get(feed.key, ""))
    return _answer(request, body, feed_updated_at(entries))


ROUTES: Final[tuple[BaseRoute, ...]] = (
    Route("/feeds/{path:path}", serve_feed),
    Route("/feeds", serve_feed),
)


def load_entries(store: StoreReader, feed: Feed) -> tuple[FeedEntry, ...]:
    """Return the entries of a feed, of emulated events only where nothing is real.

    Shape:  in no order; of all events, the `N_ENTRIES` revised last.

    Errors: StoreError.
    """
    emulated = shows_emulated(store.load_coverage())
    entries: list[FeedEntry] = []
    for newest in sorted(
        store.load_events(emulated=emulated), key=lambda revision: revision.at, reverse=True
    ):
        # Most are suspicions that were never revised, so that nothing of them was ever published.
        if newest.number == 1 and not is_published(newest.event):
            continue
        entry = _entry_of(store, newest, Feed())
        # Asked first: whoever makes up names costs no reading.
        if entry is None or not feed.holds(entry):
            continue
        if feed.kind is not FeedKind.EVENTS:
            entry = _entry_of(store, newest, feed)
        if entry is not None:
            entries.append(entry)
        if len(entries) == N_ENTRIES and feed.kind is FeedKind.EVENTS:
            break
    return tuple(entries)


def _entry_of(store: StoreReader, newest: Revision, feed: Feed) -> FeedEntry | None:
    key = (store.name, feed.path, newest.event.id, newest.number, newest.at)
    # Looked up once: another thread may empty the cache between two lookups.
    cached = _cached.get(key)
    if cached is not None:
        return cached[0]
    entry = make_entry(store.load_revisions(newest.event.id), feed)
    if len(_cached) >= _MAX_CACHED:
        _cached.clear()
    _cached[key] = (entry,)
    return entry


def _load_known(store: StoreReader, feed: Feed) -> dict[str, str]:
    """Return the keys that feeds of this kind can have, with their names."""
    if feed.kind is FeedKind.ISP:
        measured = [v for v in store.load_vantage_status() if v.role is Role.PROBE]
        return {str(v.asn): v.isp for v in measured}
    if feed.kind is FeedKind.HOST:
        return {latest.target: latest.target for latest in store.load_latest()}
    return {}


def _unknown(feed: Feed, known: Collection[str], text: Text) -> str:
    prefix = "AS" if feed.kind is FeedKind.ISP else ""
    examples = [f"{prefix}{key}" for key in sorted(known)]
    if not examples:
        return text(f"feed.unknown_{feed.kind}_yet")
    return text(f"feed.unknown_{feed.kind}", known=shortened(examples, text, most=_N_EXAMPLES))


def _answer(request: Request, body: bytes, updated_at: datetime | None) -> Response:
    # Weak, because the same feed may travel compressed.
    tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"max-age={MAX_AGE_S}", "X-Content-Type-Options": "nosniff"}
    if updated_at is not None:
        headers["Last-Modified"] = format_datetime(updated_at.astimezone(UTC), usegmt=True)
    if _is_up_to_date(request, tag, updated_at):
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = "application/atom+xml; charset=utf-8"
    return Response(body, headers=headers)


def _is_up_to_date(request: Request, tag: str, updated_at: datetime | None) -> bool:
    """Return whether the client's copy is this one; RFC 9110 section 13.2.2: a tag outweighs a date."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        strong = tag.removeprefix("W/")
        return any(own.strip().removeprefix("W/") in (strong, "*") for own in tags.split(","))
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    if updated_at is None or since.tzinfo is None:
        return False
    return updated_at.replace(microsecond=0) <= since


def _say(status: int, sentence: str, **headers: str) -> Response:
    caching = "no-store" if status == 503 else f"max-age={MAX_AGE_S}"
    return PlainTextResponse(
        sentence + "\n", status, {"Cache-Control": caching, "X-Content-Type-Options": "nosniff", **headers}
    )
