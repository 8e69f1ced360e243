"""Whether silence can be the route: rounds of all targets, a letter each, `.` reached and `x` not."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from observatory.analysis.events.routing import rule_out_routing
from observatory.model import State
from observatory.model.detection import MeasurementState
from observatory.reference.neighbours import find_neighbours
from tests.observatory.analysis.events.series import START

STATES = {".": State.OK, "x": State.LIKELY_BLOCKED, "?": State.INSUFFICIENT}


def rows(**letters: str) -> Iterator[MeasurementState]:
    for number in range(max(map(len, letters.values()))):
        for name, seen in letters.items():
            at = START + number * timedelta(minutes=10)
            yield MeasurementState(id="", vantage="v", at=at, state=STATES[seen[number]], target=name)


@pytest.mark.parametrize(
    ("letters", "in_round"),
    [
        ({"a": "xxxxx", "b": "xxxxx", "dc2": "....."}, 4),
        ({"a": "xxxxx", "b": "xxxxx", "dc2": "xxxxx"}, None),
        ({"a": "xxxxx", "b": ".....", "c": ".....", "dc2": "....."}, None),
        ({"a": "xxxxx", "b": "xxxxx", "dc2": "..x.."}, None),
        ({"a": "xx.xx", "b": "xxxxx", "dc2": "....."}, None),
        ({"a": "xxx", "b": "xxx", "dc2": "..."}, None),
        ({"a": "x?xxx", "b": "xxxxx", "dc2": "....."}, 5),
        ({"a": "xxxxx", "dc2": "....."}, None),
    ],
)
def test_route(letters: dict[str, str], in_round: int | None) -> None:
    at = rule_out_routing("a", rows(**letters), frozenset({"dc2"}))
    assert at == (None if in_round is None else START + (in_round - 1) * timedelta(minutes=10))


def test_data_centres_in_the_prefix_of_a_known_or_a_seen_address_are_neighbours() -> None:
    assert "dc2" in find_neighbours("t.me")
    assert find_neighbours("venus.web.telegram.org") == frozenset()
    assert "dc2" in find_neighbours("venus.web.telegram.org", ["149.154.167.99", "no address"])
    assert "dc2" not in find_neighbours("dc2")
