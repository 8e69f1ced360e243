"""Events in a real browser: from the list to the measurement that shows it; a phone; hostile names."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from playwright.sync_api import Page, expect

from observatory.model import AlertKind
from observatory.store import open_store
from observatory.text import LANGUAGES, load_text
from tests.observatory.site.event_world import EVENT_ID, fill_events, make_big, save_event
from tests.observatory.site.feeds.samples import AT
from tests.observatory.site.in_browser import PATIENCE_MS, OpenPage, serve, wait_until_idle
from tests.observatory.site.test_dashboard_in_browser import (
    PHONE,
    assert_no_error_box,
    assert_no_sideways_scroll,
)

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
# The bound for reading is 3 s; tests share two cores with others.
OPENS_WITHIN_S = 20


@pytest.fixture(scope="module")
def events_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An event of every situation, with hostile names, and one of two hundred networks."""
    database = tmp_path_factory.mktemp("events") / "observatory.sqlite"
    with open_store(f"sqlite:///{database}") as store:
        fill_events(store)
        save_event(store, make_big(200), AlertKind.ONSET, at=AT)
    yield from serve(database)


def assert_nothing_foreign(page: Page) -> None:
    """Known dates link to newspapers; nothing may lead to, or show, what a name or a note says."""
    foreign = page.evaluate(
        "[...document.querySelectorAll('a, img, iframe')].map(e => e.href || e.src)"
        ".filter(address => address && new URL(address).hostname.includes('evil'))"
    )
    assert foreign == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_from_the_list_to_the_evidence(
    language: str, open_page: OpenPage, events_url: str, page: Page
) -> None:
    page.set_viewport_size(PHONE)
    open_page(f"{events_url}/events?lang={language}")
    assert_no_sideways_scroll(page)
    assert_nothing_foreign(page)
    page.locator(f".st-key-event-{EVENT_ID} a").click()
    page.wait_for_url(f"**/event?id={EVENT_ID}&lang={language}")
    text = load_text(language)
    expect(page.get_by_role("heading", name=text("event.heading_evidence"))).to_be_visible()
    wait_until_idle(page)
    assert_no_error_box(page)
    assert_no_sideways_scroll(page)
    assert_nothing_foreign(page)
    link = page.locator(".st-key-evidence a[href*='measurement?id=']").filter(
        has_text=re.compile("14 Jul 2017, 18[:.]00")
    )
    link.first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("t.me")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Telkomsel")
    wait_until_idle(page)
    assert re.search(rf"/measurement\?id=[0-9a-f-]{{36}}&lang={language}$", page.url)
    assert_no_error_box(page)


def test_a_network_of_the_event_by_its_address_and_its_files(
    open_page: OpenPage, events_url: str, tmp_path: Path
) -> None:
    page = open_page(f"{events_url}/event?id={EVENT_ID}&lang=en&networks=AS24203")
    expect(page.locator(".st-key-spells .ytick text").first).to_have_text("t.me")
    # The title breaks between the two words of the name where the window is narrow.
    expect(page.locator(".st-key-spells .gtitle")).to_contain_text(re.compile("blocked on XL ?Axiata"))
    expect(page.get_by_test_id("stCode")).to_contain_text(f"{events_url}/event?id={EVENT_ID}&lang=en")
    for key, suffix in (("event", "json"), ("spells", "csv")):
        with page.expect_download() as started:
            page.locator(f'[class*="st-key-download-{key}"] button').click()
        assert started.value.suggested_filename == f"telegram-event-{EVENT_ID}.{suffix}"
        started.value.save_as(tmp_path / suffix)
    whole = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "csv").read_text(encoding="utf-8"), newline="")))
    assert whole["event"]["id"] == EVENT_ID
    assert len(rows) == len(whole["event"]["spells"]) == 10


def test_two_hundred_networks_open_and_fit_a_phone(open_page: OpenPage, events_url: str, page: Page) -> None:
    page.set_viewport_size(PHONE)
    began = monotonic()
    open_page(f"{events_url}/event?id=big&lang=id")
    assert monotonic() - began < OPENS_WITHIN_S
    expect(page.locator(".st-key-spells .ytick")).to_have_count(20)
    assert_no_error_box(page)
    assert_no_sideways_scroll(page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_bands_and_alignment_over_time(
    language: str, open_page: OpenPage, events_url: str, page: Page
) -> None:
    page.set_viewport_size(PHONE)
    open_page(f"{events_url}/over-time?lang={language}")
    expect(page.locator(".st-key-timeline .annotation-text").filter(has_text="E1")).to_be_attached()
    expect(page.locator(f"a[href*='event?id={EVENT_ID}']")).to_be_visible()
    page.get_by_role("radio", name=load_text(language)("aligned.onset")).click()
    expect(page).to_have_url(re.compile("time=onset"))
    expect(page.locator(".st-key-aligned .gtitle")).to_be_attached()
    wait_until_idle(page)
    assert_no_error_box(page)
    assert_no_sideways_scroll(page)
