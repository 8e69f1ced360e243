"""Times, words, addresses, known dates, punctuality."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from observatory.model import Grain, Layer, Role, load_zone
from observatory.model.views import Coverage
from observatory.reference.known_dates import load_known_dates
from observatory.text import load_text
from observatory.views.addresses import parse_days
from observatory.views.known_dates import dates_between, mark_dates
from observatory.views.punctuality import Punctuality, describe_punctuality, judge_punctuality
from observatory.views.ranges import (
    bucket_range,
    common_zone,
    default_days,
    reference_now,
)
from observatory.views.words import escape_markdown, mechanism_words, where_and_how
from tests.observatory.site.views import NOW, make_status

JAKARTA = ZoneInfo("Asia/Jakarta")
EN = load_text("en")


def cover(first: datetime | None, last: datetime | None, *, emulated: bool = False) -> Coverage:
    return Coverage(first_at=first, last_at=last, n_measurements=1, emulated=emulated, real=not emulated)


JULY = cover(datetime(2017, 7, 1, tzinfo=UTC), datetime(2017, 7, 20, 3, 20, tzinfo=UTC), emulated=True)


def test_now_of_an_emulation_is_its_last_measurement() -> None:
    assert reference_now(JULY, NOW) == JULY.last_at
    assert reference_now(cover(NOW, NOW - timedelta(hours=1)), NOW) == NOW
    mixed = Coverage(first_at=NOW, last_at=NOW, n_measurements=2, emulated=True, real=True)
    assert reference_now(mixed, NOW + timedelta(hours=1)) == NOW + timedelta(hours=1)


def test_common_zone_is_that_of_the_probes() -> None:
    control = make_status("ctl", role=Role.CONTROL, timezone="Europe/Berlin")
    assert common_zone([control, make_status("axis")]) == JAKARTA
    assert common_zone([]) == load_zone("Not/AZone") == ZoneInfo("UTC")


RANGES = {
    "hours, ending with the data": (
        (date(2017, 7, 14), date(2017, 7, 20)),
        ("2017-07-13T17:00", "2017-07-20T04:00", Grain.HOUR),
    ),
    "ten days are still hours": (
        (date(2017, 7, 5), date(2017, 7, 14)),
        ("2017-07-04T17:00", "2017-07-14T17:00", Grain.HOUR),
    ),
    "eleven days are days, in UTC": (
        (date(2017, 7, 4), date(2017, 7, 14)),
        ("2017-07-03T00:00", "2017-07-15T00:00", Grain.DAY),
    ),
}


@pytest.mark.parametrize(("days", "expected"), RANGES.values(), ids=RANGES)
def test_bucket_range(days: tuple[date, date], expected: tuple[str, str, Grain]) -> None:
    start, end, grain = bucket_range(*days, JAKARTA, JULY)
    assert (f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}", grain) == expected


def test_sparse_rounds_are_drawn_by_the_day_beyond_three_days() -> None:
    def grain(last: int) -> Grain:
        return bucket_range(date(2017, 7, 10), date(2017, 7, last), JAKARTA, JULY, every_s=43_200)[2]

    assert (grain(12), grain(13)) == (Grain.HOUR, Grain.DAY)


def test_default_days() -> None:
    real = cover(JULY.first_at, JULY.last_at)
    assert default_days(real, JAKARTA) == (date(2017, 7, 14), date(2017, 7, 20))
    short = cover(datetime(2017, 7, 19, tzinfo=UTC), JULY.last_at)
    assert default_days(short, JAKARTA) == (date(2017, 7, 19), date(2017, 7, 20))
    assert default_days(cover(None, None), JAKARTA) is None


def test_a_replay_is_shown_whole() -> None:
    assert default_days(JULY, JAKARTA) == (date(2017, 7, 1), date(2017, 7, 20))


@pytest.mark.parametrize(
    "asked", [None, "", "x", "2017-07-10", "2017-07-20..2017-07-10", "0001-01-01..0001-01-02", "a..b"]
)
def test_an_address_that_is_no_range_is_ignored(asked: str | None) -> None:
    assert parse_days(asked) is None


def test_an_address_with_a_range() -> None:
    assert parse_days("2017-07-10..2017-07-20") == (date(2017, 7, 10), date(2017, 7, 20))


@pytest.mark.parametrize(
    "name", ["[x](http://evil)", "![i](http://evil/i.png)", "<b>", "**x**", "a_b_", "$x$", ":red[x]", "`x`"]
)
def test_names_cannot_become_markup(name: str) -> None:
    escaped = escape_markdown(name)
    assert escaped.replace("\\", "").replace("\N{WORD JOINER}", "") == name
    for character in "[]()<>*_$:`!":
        assert all(escaped[i - 1] == "\\" for i, found in enumerate(escaped) if found == character), character


@pytest.mark.parametrize(
    "name", ["http://evil.example", "HTTPS://evil.example", "www.evil.example", "a@evil.example"]
)
def test_addresses_do_not_become_links_by_themselves(name: str) -> None:
    assert "\N{WORD JOINER}" in escape_markdown(name)
    assert "\N{WORD JOINER}" not in escape_markdown("web.telegram.org, www2 and http")


def test_a_line_break_cannot_start_a_heading() -> None:
    assert escape_markdown("x\n# y") == r"x \# y"


def test_mechanism_in_words() -> None:
    assert mechanism_words("dns.injection.blockpage", EN).endswith("address of a block page")
    assert mechanism_words("tls.reset.newly_found", EN) == EN("mechanism.tls.reset")
    assert mechanism_words("unheard.of", EN) == "unheard.of"
    assert where_and_how(Layer.TLS, None, EN) == EN("layer.tls")


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


PUNCTUALITY = {
    "on time": ({}, Punctuality.ON_TIME),
    "three intervals ago": ({"last_seen_at": NOW - timedelta(minutes=30)}, Punctuality.ON_TIME),
    "late": ({"last_seen_at": NOW - timedelta(minutes=31)}, Punctuality.LATE),
    "never": ({"last_seen_at": None}, Punctuality.NEVER),
    "off": ({"enabled": False, "last_seen_at": None}, Punctuality.OFF),
    "removed": ({"removed": True}, Punctuality.REMOVED),
}


@pytest.mark.parametrize(("fields", "expected"), PUNCTUALITY.values(), ids=PUNCTUALITY)
def test_punctuality(fields: dict[str, object], expected: Punctuality) -> None:
    assert judge_punctuality(make_status("axis", **fields), NOW) is expected


SENTENCES = {
    "all": ({"axis": "on_time", "cbn": "on_time"}, "All 2 vantage points report on time."),
    "one": ({"axis": "on_time", "cbn": "off"}, "The only vantage point reports on time."),
    "some": (
        {"axis": "on_time", "cbn": "late"},
        "1 of 2 vantage points report on time. Late or not reporting: cbn, Jakarta.",
    ),
    "none": ({"axis": "never"}, "No vantage point reports on time: axis, Jakarta."),
    "all off": ({"axis": "off"}, "No vantage point is switched on."),
}


@pytest.mark.parametrize(("status", "expected"), SENTENCES.values(), ids=SENTENCES)
def test_sentence_on_punctuality(status: dict[str, str], expected: str) -> None:
    vantages = [make_status(id_) for id_ in status]
    judged = {id_: Punctuality(word) for id_, word in status.items()}
    assert describe_punctuality(vantages, judged, EN) == expected
