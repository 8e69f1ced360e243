"""The dashboard in a real browser: every page, both languages, a phone, a download."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from observatory.text import LANGUAGES, load_text
from tests.observatory.site.in_browser import PATIENCE_MS, OpenPage, wait_until_idle

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

PATHS = ("", "over-time", "events", "vantage-points", "measurement")
PHONE: ViewportSize = {"width": 390, "height": 844}
EVERYWHERE = pytest.mark.parametrize(
    ("path", "language"), [(path, language) for path in PATHS for language in LANGUAGES]
)


def assert_no_error_box(page: Page) -> None:
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)


def assert_no_sideways_scroll(page: Page) -> None:
    assert page.evaluate(
        "[document.documentElement, ...document.querySelectorAll('[data-testid=stMain]')]"
        ".every(box => box.scrollWidth <= box.clientWidth)"
    ), "the page is wider than the screen"


@EVERYWHERE
def test_each_page_opens(path: str, language: str, open_page: OpenPage, seeded_url: str) -> None:
    page = open_page(f"{seeded_url}/{path}?lang={language}")
    assert_no_error_box(page)
    expect(page.get_by_test_id("stAlertContentWarning")).to_contain_text(
        load_text(language)("emulated.all", at="").split("**")[1]
    )
    expect(page.get_by_role("link", name=load_text(language)("page.over_time"))).to_be_visible()


@EVERYWHERE
def test_each_page_fits_a_phone(
    path: str, language: str, open_page: OpenPage, seeded_url: str, page: Page
) -> None:
    page.set_viewport_size(PHONE)
    open_page(f"{seeded_url}/{path}?lang={language}")
    assert_no_error_box(page)
    assert_no_sideways_scroll(page)


@EVERYWHERE
def test_without_a_database_each_page_says_what_to_do(
    path: str, language: str, open_page: OpenPage, missing_url: str
) -> None:
    page = open_page(f"{missing_url}/{path}?lang={language}")
    assert_no_error_box(page)
    expect(page.locator(".st-key-missing")).to_contain_text("make run")


def test_matrix_scrolls_inside_its_own_box(open_page: OpenPage, seeded_url: str, page: Page) -> None:
    page.set_viewport_size(PHONE)
    open_page(f"{seeded_url}/?lang=en")
    box = page.locator(".st-key-matrix .box")
    expect(box.locator("tbody tr th[scope=row]")).to_have_count(17)
    assert box.evaluate("box => box.scrollWidth > box.clientWidth")
    name = box.get_by_role("rowheader", name="t.me").first
    name.scroll_into_view_if_needed()
    box.evaluate("box => { box.scrollLeft = 300 }")
    expect(name).to_be_in_viewport()
    assert_no_sideways_scroll(page)


def test_states_are_told_apart_without_colour(open_page: OpenPage, seeded_url: str) -> None:
    page = open_page(f"{seeded_url}/?lang=en")
    blocked = page.locator(".st-key-matrix button.blocked").first
    expect(blocked).to_contain_text("✕blocked")
    assert (blocked.get_attribute("aria-label") or "").startswith("t.me on Telkomsel: blocked, measured")
    expect(page.locator(".st-key-matrix button.ok").first).to_contain_text("✓ok")
    expect(page.locator(".st-key-matrix button.no_data").first).to_contain_text("no data")


def test_a_cell_shows_its_evidence_and_hides_it(open_page: OpenPage, seeded_url: str) -> None:
    page = open_page(f"{seeded_url}/?lang=id")
    cell = page.locator(".st-key-matrix button.blocked").first
    cell.click()
    detail = page.locator(".st-key-matrix .detail")
    expect(detail).to_contain_text("t.me di Telkomsel: diblokir")
    expect(detail).to_contain_text("halaman blokir")
    page.locator(".st-key-matrix button[aria-pressed=true]").click()
    expect(detail).to_have_count(0)


def test_table_of_the_now_page_downloads(open_page: OpenPage, seeded_url: str, tmp_path: Path) -> None:
    page = open_page(f"{seeded_url}/?lang=en")
    with page.expect_download() as started:
        page.locator('[class*="st-key-download-now"] button').click()
    path = tmp_path / started.value.suggested_filename
    started.value.save_as(path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    assert path.name == "telegram-now-emulated.csv"
    assert len(rows) == 16 * 17
    assert {row["emulated"] for row in rows} == {"true"}


def test_language_switch_changes_the_page_and_its_address(open_page: OpenPage, seeded_url: str) -> None:
    page = open_page(f"{seeded_url}/?lang=en")
    page.get_by_role("radio", name="Bahasa Indonesia").click()
    expect(page.get_by_text(load_text("id")("group.data_centre"), exact=True).first).to_be_visible()
    expect(page).to_have_url(f"{seeded_url}/?lang=id")
    page.get_by_role("link", name=load_text("id")("page.vantage_points")).click()
    expect(page).to_have_url(f"{seeded_url}/vantage-points?lang=id")
    expect(page.get_by_role("heading", level=1)).to_contain_text("titik pantau")
    wait_until_idle(page)


def test_over_time_follows_its_address(open_page: OpenPage, seeded_url: str) -> None:
    page = open_page(f"{seeded_url}/over-time?lang=en&days=2017-07-13..2017-07-15&what=data_centre")
    for key in ("share-network", "share-target", "timeline"):
        expect(page.locator(f".st-key-{key} .gtitle")).to_be_attached()
    expect(page.locator(".st-key-share-target .ytick text").first).to_have_text("dc1")
    expect(page.get_by_text("84/HM/KOMINFO/07/2017")).to_be_visible()
    with page.expect_download() as started:
        page.locator('[class*="st-key-download-timeline"] button').click()
    assert started.value.suggested_filename == "telegram-timeline-emulated.csv"
    assert_no_error_box(page)


def test_measurement_page_is_reached_from_a_cell(open_page: OpenPage, seeded_url: str) -> None:
    page = open_page(f"{seeded_url}/?lang=en")
    page.locator(".st-key-matrix button.blocked").first.click()
    page.locator(".st-key-matrix .detail a").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("t.me was blocked")
    wait_until_idle(page)
    assert re.search(r"/measurement\?id=[0-9a-f-]{36}&lang=en$", page.url)
    assert_no_error_box(page)
