"""Vantage points that report on time, late or never."""

from datetime import timedelta

import pytest

from observatory.text import load_text
from observatory.views.punctuality import Punctuality, describe_punctuality, judge_punctuality
from tests.observatory.views.samples import NOW, make_status

EN = load_text("en")

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
