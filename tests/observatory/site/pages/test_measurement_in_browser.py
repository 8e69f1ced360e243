"""One measurement in a real browser: everything that a step can hold, and a network that is hostile."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from observatory.store import open_store
from observatory.text import LANGUAGES, load_text
from probes.records import DnsAnswer, ExtendedError, parse_measurement
from tests.observatory.site.in_browser import PATIENCE_MS, OpenPage, serve
from tests.observatory.site.pages.test_measurement import AT, RESET, likely, measured
from tests.observatory.site.test_dashboard_in_browser import (
    PHONE,
    assert_no_error_box,
    assert_no_sideways_scroll,
)
from tests.observatory.site.world import make_vantage
from tests.observatory.views.test_steps import SITUATIONS, dns, http

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

EVIL = (
    "<img src=http://evil.example/x onerror=alert(1)> <script>alert(1)</script> [x](http://evil.example) "
    "![x](http://evil.example/y) www.evil.example http://evil.example a@evil.example \u202eevil " + "x" * 400
)


@pytest.fixture(scope="module")
def measurement_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A measurement of each kind of step, and one of which every word is hostile."""
    database = tmp_path_factory.mktemp("measurement") / "observatory.sqlite"
    every_kind = [
        replace(row[1], id=f"s{number}", started_s=number * 0.04) for number, row in enumerate(SITUATIONS)
    ]
    lie = DnsAnswer(arrived_s=0.1, rcode="NOERROR", extended_errors=(ExtendedError(code=15, text=EVIL),))
    hostile = measured(
        "hostile",
        http(id="o1", status=200, headers=(("Location", EVIL), (EVIL, EVIL)), body=EVIL.encode() * 9),
        dns(id="o2", name=EVIL, answers=(lie,)),
        target=EVIL,
        software=EVIL,
        origin=EVIL,
        resolver=EVIL,
        via=EVIL,
        trust=EVIL,
    )
    with open_store(f"sqlite:///{database}") as store:
        store.save_vantage_points([make_vantage(2)], at=AT)
        store.save_measurements(
            [
                (measured("m", *RESET, *every_kind), likely()),
                (hostile, likely(rule_id="http.blockpage", evidence=("o1",))),
            ],
            received_at=AT,
        )
    yield from serve(database)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("id_", ["m", "hostile"])
def test_it_fits_a_phone_and_asks_nobody(
    id_: str, language: str, open_page: OpenPage, measurement_url: str, page: Page
) -> None:
    page.set_viewport_size(PHONE)
    open_page(f"{measurement_url}/measurement?id={id_}&lang={language}")
    expect(page.locator(".st-key-steps h3").first).to_have_text(load_text(language)("step_group.names"))
    assert_no_error_box(page)
    assert_no_sideways_scroll(page)


def test_a_block_page_is_shown_as_text_and_leads_nowhere(open_page: OpenPage, measurement_url: str) -> None:
    page = open_page(f"{measurement_url}/measurement?id=hostile&lang=en")
    steps = page.locator(".st-key-steps")
    steps.locator("summary").click()
    expect(steps.locator("pre")).to_contain_text("<script>alert(1)</script>")
    assert "\u202e" not in steps.locator("pre").inner_text()
    assert steps.locator("a, img, script, iframe").count() == 0
    foreign = page.evaluate(
        "[...document.querySelectorAll('a, img, iframe')].map(e => e.href || e.src || '')"
        ".filter(address => address.includes('evil'))"
    )
    assert foreign == []


def test_evidence_is_marked_and_the_whole_can_be_taken_along(
    open_page: OpenPage, measurement_url: str, tmp_path: Path
) -> None:
    page = open_page(f"{measurement_url}/measurement?id=m&lang=en")
    expect(page.locator(".st-key-steps .step.evidence")).to_have_count(3)
    expect(page.locator(".st-key-steps .note").first).to_contain_text("hop 3 brought a reset")
    with page.expect_download() as started:
        page.locator('[class*="st-key-download-measurement"] button').click()
    assert started.value.suggested_filename.startswith("measurement-t.me-")
    started.value.save_as(tmp_path / "m.json")
    whole = parse_measurement(json.loads((tmp_path / "m.json").read_text(encoding="utf-8")))
    assert (whole.id, len(whole.observations)) == ("m", len(RESET) + len(SITUATIONS))
