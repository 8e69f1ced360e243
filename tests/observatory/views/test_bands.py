"""Which events become bands above a chart, and on which lane."""

from dataclasses import replace

from observatory.views.bands import find_bands, place_bands
from observatory.views.charts import Band
from tests.observatory.figures.test_spells import AXIS
from tests.observatory.site.feeds.samples import AT, HISTORIES, HOUR


def test_bands_of_one_time_lie_in_lanes() -> None:
    one, two = Band(label="E1", earliest=AT, start=AT), Band(label="E2", earliest=None, start=AT)
    short = Band(label="E3", earliest=AT, start=AT, end=AT + HOUR, latest=AT + HOUR)
    late = replace(one, label="E4", earliest=AT + 2 * HOUR, start=AT + 2 * HOUR)
    gone = replace(one, earliest=AXIS.end, start=AXIS.end)
    lanes = {band.label: lane for band, lane in place_bands([one, two, short, late, gone], AXIS)}
    assert lanes == {"E2": 0, "E1": 1, "E3": 2, "E4": 2}


def test_only_what_is_published_becomes_a_band() -> None:
    now = [history[-1] for history in HISTORIES.values()]
    found = find_bands(now, AXIS, ("t.me", "telegram.org", "web.telegram.org"))
    assert [(band.label, event.id) for band, event in found] == [
        ("E1", "since-before"),
        ("E2", "going-on"),
        ("E3", "narrowed"),
        ("E4", "over"),
    ]
    assert [event.id for _, event in find_bands(now, AXIS, ("telegram.org",))] == ["since-before"]
