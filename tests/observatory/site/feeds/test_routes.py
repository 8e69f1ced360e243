"""Feeds over HTTP from the site as the product starts it, beside the dashboard on one port."""

import asyncio
import http.client
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from observatory.model import AlertKind, VantagePoint
from observatory.runtime.processes import WebServer, run_web
from observatory.runtime.up import DASHBOARD
from observatory.site.feeds.atom import Feed
from observatory.site.feeds.routes import load_entries
from observatory.store import Store, open_store
from tests.observatory.site.feeds.samples import AT, HISTORIES, ISPS, make_event, make_history, save_histories
from tests.observatory.site.feeds.strict_reader import entries, word
from tests.observatory.site.world import BLOCK_PAGE, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running site. `without_store` are its answers from before there was a database."""

    url: str
    without_store: tuple[Answer, Answer]


def get(url: str, path: str, *, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=sent)
        reply = connection.getresponse()
        return Answer(status=reply.status, headers=reply.headers, body=reply.read())
    finally:
        connection.close()


def fill(store: Store, *, emulated: bool) -> None:
    world = World(store=store, emulated=emulated)
    points = [
        VantagePoint(id=f"v{asn}", name=isp, isp=isp, asn=asn, country="ID", timezone="Asia/Jakarta")
        for asn, isp in ISPS.items()
    ]
    world.configure(points, at=AT)
    hosts = ("t.me", "telegram.org", "web.telegram.org", "telegram.me")
    world.save((f"v{asn}", host, AT, BLOCK_PAGE) for asn in ISPS for host in hosts)


async def _serve(
    web: WebServer, ready: "Future[str]", stopper: "Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]"
) -> None:
    stop = asyncio.Event()
    stopper.set_result((asyncio.get_running_loop(), stop))
    await run_web(web, stop, on_ready=ready.set_result)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database = tmp_path_factory.mktemp("site") / "observatory.sqlite"
    address = f"sqlite:///{database}"
    ready: Future[str] = Future()
    stopper: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    # A port of the middle range, where nobody else's tests begin; the next free one is taken.
    web = WebServer(script=DASHBOARD, database=address, port=18_501)
    thread = Thread(target=lambda: asyncio.run(_serve(web, ready, stopper)))
    thread.start()
    loop, stop = stopper.result(30)
    try:
        url = ready.result(60)
        missing = get(url, "/feeds/events.atom"), get(url, "/feeds/events.atom?lang=id")
        with open_store(address) as store:
            fill(store, emulated=False)
            save_histories(store, HISTORIES.values())
            emulated = make_history((make_event("emulated", emulated=True), AlertKind.ONSET))
            save_histories(store, [emulated])
        yield Site(url=url, without_store=missing)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


def test_dashboard_answers_on_the_same_port(site: Site) -> None:
    assert get(site.url, "/_stcore/health").body == b"ok"
    for page in ("/", "/over-time"):
        assert b'<div id="root">' in get(site.url, page).body


def test_missing_database_is_said_without_naming_where_it_is(site: Site) -> None:
    english, indonesian = site.without_store
    for answer in site.without_store:
        assert answer.status == 503
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Retry-After"] == "60"
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert b"sqlite" not in answer.body
    assert b"database cannot be read" in english.body
    assert b"Basis data" in indonesian.body


TOLD = {"going-on", "since-before", "over", "taken-back", "doubted", "narrowed", "hostile+%26+%3Cid%3E"}
FEEDS = {
    "/feeds/events.atom": TOLD,
    "/feeds/isp/AS24203.atom": {"going-on", "since-before", "over", "narrowed"},
    "/feeds/isp/AS666.atom": {"hostile+%26+%3Cid%3E"},
    "/feeds/host/web.telegram.org.atom": {"over"},
    "/feeds/host/telegram.me.atom": set(),
}


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize(("path", "events"), FEEDS.items(), ids=FEEDS)
def test_feed_holds_what_was_published(site: Site, path: str, events: set[str], language: str) -> None:
    answer = get(site.url, f"{path}?lang={language}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert answer.headers["Cache-Control"] == "max-age=60"
    found = entries(answer.body)
    assert set(found) == events
    titles = [word(entry, "title") for entry in found.values()]
    withdrawn = {"en": "Finding withdrawn:", "id": "Temuan ditarik:"}[language]
    # Of one that was narrowed, the feed of the network that was taken back tells so.
    gone = {"taken-back", "doubted"} | ({"narrowed"} if "AS24203" in path else set())
    assert sum(title.startswith(withdrawn) for title in titles) == len(events & gone)


def test_addresses_are_those_of_who_asks(site: Site) -> None:
    answer = get(site.url, "/feeds/events.atom", Host="observatory.example", X_Forwarded_Proto="https")
    assert b'href="https://observatory.example/feeds/events.atom?lang=en" rel="self"' in answer.body
    assert b'href="https://observatory.example/event?id=going-on&amp;lang=en"' in answer.body


@pytest.mark.parametrize("host", ['a"><b', "a/b", "a@b", "x" * 300, ""])
def test_made_up_host_is_not_repeated(site: Site, host: str) -> None:
    answer = get(site.url, "/feeds/events.atom", Host=host)
    assert answer.status == 400
    assert len(answer.body) < 300


def test_unknown_language_is_english(site: Site) -> None:
    assert get(site.url, "/feeds/events.atom?lang=xx").body == get(site.url, "/feeds/events.atom").body


def test_whoever_has_it_is_told_so(site: Site) -> None:
    first = get(site.url, "/feeds/events.atom")
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    assert parsedate_to_datetime(modified) == max(
        history[-1].at for name, history in HISTORIES.items() if not name.startswith("suspected")
    )
    earlier = format_datetime(parsedate_to_datetime(modified) - timedelta(seconds=1), usegmt=True)
    cases: list[tuple[dict[str, str], int]] = [
        ({"If_None_Match": tag}, 304),
        ({"If_None_Match": f'"other", {tag.removeprefix("W/")}'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_None_Match": '"other"', "If_Modified_Since": modified}, 200),
        ({"If_Modified_Since": modified}, 304),
        ({"If_Modified_Since": earlier}, 200),
        ({"If_Modified_Since": "yesterday"}, 200),
    ]
    for headers, status in cases:
        answer = get(site.url, "/feeds/events.atom", **headers)
        assert answer.status == status, headers
        assert answer.headers["ETag"] == tag
        assert (answer.body == b"") == (status == 304)


def test_compressed_feed_has_the_same_tag(site: Site) -> None:
    plain = get(site.url, "/feeds/events.atom")
    small = get(site.url, "/feeds/events.atom", Accept_Encoding="gzip")
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.headers["ETag"] == plain.headers["ETag"]
    assert len(small.body) < len(plain.body)


def test_head_has_no_body_and_post_is_refused(site: Site) -> None:
    head = get(site.url, "/feeds/events.atom", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert get(site.url, "/feeds/events.atom", method="POST").status == 405


ABSENT = {
    "/feeds/isp/AS64512.atom": "a network measured here: AS23693, AS24203 and AS4761.",
    "/feeds/host/example.com.atom": "measured here: t.me, telegram.me, telegram.org and web.telegram.org.",
    "/feeds/isp/ASx.atom": "/feeds/isp/AS<number>.atom",
    f"/feeds/host/{'x' * 10_000}.atom": "/feeds/host/<name>.atom",
    "/feeds/host/%3Cscript%3E.atom": "/feeds/host/<name>.atom",
    "/feeds/": "/feeds/events.atom",
    "/feeds": "/feeds/events.atom",
}


@pytest.mark.parametrize(("path", "expected"), ABSENT.items(), ids=lambda value: value[:30])
def test_absent_feed_says_what_is_expected(site: Site, path: str, expected: str) -> None:
    answer = get(site.url, path)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert expected in answer.body.decode()
    assert len(answer.body) < 400


def test_emulated_events_are_published_only_where_nothing_is_real(tmp_path: Path) -> None:
    emulated = make_history((make_event("emulated", emulated=True), AlertKind.ONSET))
    with open_store(f"sqlite:///{tmp_path / 'o.sqlite'}") as store:
        save_histories(store, [emulated, HISTORIES["going on"]])
        fill(store, emulated=True)
        assert [entry.event.id for entry in load_entries(store, Feed())] == ["emulated"]
        fill(store, emulated=False)
        assert [entry.event.id for entry in load_entries(store, Feed())] == ["going-on"]


def test_feed_of_an_empty_store_is_empty(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'o.sqlite'}") as store:
        assert load_entries(store, Feed()) == ()
