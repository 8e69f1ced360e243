"""Dates known from public reports: where they are drawn, and their words."""

from datetime import UTC, datetime, timedelta

import pytest

from observatory.reference.known_dates import load_known_dates
from observatory.text import load_text
from observatory.views.known_dates import dates_between, mark_dates
from tests.observatory.views.samples import NOW


def test_known_dates_are_drawn_only_where_the_range_covers_them() -> None:
    start = datetime(2017, 7, 17, tzinfo=UTC)
    assert [d.kind for d in dates_between(load_known_dates(), start, start + timedelta(days=1))] == [
        "observed_blocked"
    ]
    assert dates_between(load_known_dates(), NOW, NOW + timedelta(days=30)) == ()


def test_known_dates_close_together_share_a_mark() -> None:
    dates = load_known_dates()
    assert len(mark_dates(dates, timedelta(days=2))) > len(mark_dates(dates, timedelta(days=60)))
    assert mark_dates(dates, timedelta(days=60))[0].number == "1–4"


@pytest.mark.parametrize("language", ["en", "id"])
def test_every_known_date_has_its_sentence(language: str) -> None:
    text = load_text(language)
    keys = {f"known_fact.{date.key}" for date in load_known_dates()}
    assert keys == {key for key in text.entries if key.startswith("known_fact.")}
