"""What the page of an event shows: its networks in parts when they are many, and up to when it is known."""

from datetime import timedelta

import pytest

from observatory.model import AlertKind
from observatory.text import LANGUAGES, load_text
from observatory.views.event_page import ALL, chosen_networks, known_until, network_choices
from tests.observatory.site.event_world import make_big
from tests.observatory.site.feeds.samples import AT, HOUR, TELKOMSEL, XL, make_event, make_history, make_spell

EN = load_text("en")
SMALL = make_event("small", make_spell(TELKOMSEL), make_spell(XL))
BIG = make_big(23)


def test_a_small_event_is_shown_whole_or_by_network() -> None:
    choices = network_choices(SMALL, EN)
    assert list(choices) == [ALL, f"AS{TELKOMSEL}", f"AS{XL}"]
    assert list(chosen_networks(SMALL, ALL)) == [TELKOMSEL, XL]
    assert chosen_networks(SMALL, f"AS{XL}") == {XL: choices[f"AS{XL}"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_large_event_comes_in_parts_of_ten(language: str) -> None:
    choices = list(network_choices(BIG, load_text(language)).items())
    assert [key for key, _ in choices[:4]] == ["part-1", "part-2", "part-3", "AS70000"]
    assert "21" in choices[2][1] and "23" in choices[2][1]
    assert len(choices) == 3 + 23


@pytest.mark.parametrize(
    ("choice", "asns"),
    [
        (ALL, range(70000, 70010)),
        ("part-1", range(70000, 70010)),
        ("part-2", range(70010, 70020)),
        ("part-3", range(70020, 70023)),
        ("AS70007", [70007]),
    ],
)
def test_networks_of_a_choice(choice: str, asns: range) -> None:
    assert list(chosen_networks(BIG, choice)) == list(asns)


def test_an_event_without_measurements_of_its_kind_is_known_until_its_last_witness() -> None:
    [revision] = make_history((SMALL, AlertKind.ONSET))
    seen = [witness.at for spell in SMALL.spells for witness in spell.witnesses]
    assert known_until(revision, None) == max(revision.at, *seen)
    assert known_until(revision, AT + 90 * HOUR) == AT + timedelta(hours=90)
