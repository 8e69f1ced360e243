"""The watch over single measurements: what it takes, by what they saw."""

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observatory.analysis.events.evidence import ROUTING_LASTS, Sighting, Watch, spread_out
from observatory.analysis.events.marks import Mark
from observatory.model import EvidenceKind, State, kind_of

ROUND = 600_000_000
KINDS = {".": None, "a": EvidenceKind.ARTEFACT, "p": EvidenceKind.PAIR, "s": EvidenceKind.SILENCE}


def sightings(letters: str, *, vantage: str = "v", step: int = ROUND, first: int = 0) -> list[Sighting]:
    return [Sighting((first + n) * step, vantage, KINDS[letter]) for n, letter in enumerate(letters)]


def marks_of(*streams: Sequence[Sighting]) -> list[Mark]:
    watch = Watch()
    watch.see(sorted(sighting for stream in streams for sighting in stream))
    return watch.marks()


def rounds(at: int | None) -> int | None:
    return None if at is None else at // ROUND


@pytest.mark.parametrize(
    ("letters", "suspected", "confirmed", "over"),
    [
        ("....aaa", 4, 6, None),
        ("....aa...", 4, None, 8),
        ("....aaa...", 4, 6, 9),
        ("....a.a.a.a.a", 4, 12, None),
        ("....s.", None, None, None),
        ("....ss", 5, None, None),
        ("....ss...", None, None, None),
        ("....ssss...", 5, None, 10),
        ("....pppppp", 4, None, None),
        ("....ap...", 4, None, 8),
    ],
)
def test_by_which_round(letters: str, suspected: int | None, confirmed: int | None, over: int | None) -> None:
    marks = marks_of(sightings(letters))
    assert [(rounds(m.suspected), rounds(m.confirmed), rounds(m.over)) for m in marks] == (
        [] if suspected is None else [(suspected, confirmed, over)]
    )


def test_artefacts_on_two_days_are_enough() -> None:
    (mark,) = marks_of(sightings("...aa", step=24 * 6 * ROUND))
    assert mark.confirmed == 4 * 24 * 6 * ROUND


def test_artefacts_far_apart_are_as_many_episodes() -> None:
    marks = marks_of(sightings("a" + "." * 70 + "a" + "." * 70))
    assert [m.confirmed for m in marks] == [None, None]


def test_silence_that_outlasts_faults_of_routing() -> None:
    (mark,) = marks_of(sightings("s" * (ROUTING_LASTS // ROUND + 2)))
    assert mark.traces is not None and mark.traces.outlasts is not None
    assert mark.traces.outlasts - mark.watched > ROUTING_LASTS


def test_one_vantage_point_against_two_confirms_nothing() -> None:
    (mark,) = marks_of(
        sightings("..aaaaaa", vantage="one"),
        sightings("........", vantage="two"),
        sightings("........", vantage="three"),
    )
    assert mark.confirmed is None
    assert mark.traces is not None and mark.traces.contradicted_by == ("three", "two")


def test_one_against_one_is_believed() -> None:
    (mark,) = marks_of(sightings("..aaaaaa", vantage="one"), sightings("........", vantage="two"))
    assert mark.confirmed is not None


@given(st.text(alphabet="....aps", max_size=120), st.integers(0, 120))
def test_going_on_gives_what_one_go_gives(letters: str, cut: int) -> None:
    seen = sightings(letters)
    whole, parts = Watch(), Watch()
    whole.see(seen)
    parts.see(seen[:cut])
    parts = deepcopy(parts)
    parts.see(seen[cut:])
    assert parts == whole


@given(st.text(alphabet="....aps", max_size=200))
def test_marks_are_in_order_and_no_two_overlap(letters: str) -> None:
    marks = marks_of(sightings(letters))
    for mark in marks:
        assert mark.watched <= mark.suspected <= (mark.over or mark.suspected)
        assert mark.confirmed is None or mark.suspected <= mark.confirmed
    for one, other in pairwise(marks):
        assert one.over is not None and one.over < other.watched


@given(st.text(alphabet=".", max_size=100))
def test_what_never_fails_leaves_no_mark(letters: str) -> None:
    assert marks_of(sightings(letters)) == []


def test_a_cell_whose_rows_are_gone_is_dated_to_its_end() -> None:
    seen = list(spread_out(0, 6 * ROUND, 4, {EvidenceKind.ARTEFACT: 2}))
    assert {sighting.at for sighting in seen} == {6 * ROUND}
    assert [sighting.kind for sighting in seen].count(EvidenceKind.ARTEFACT) == 2 and len(seen) == 6


@pytest.mark.parametrize(
    ("state", "mechanism", "kind"),
    [
        (State.BLOCKED, "http.blockpage", EvidenceKind.ARTEFACT),
        (State.BLOCKED, None, EvidenceKind.ARTEFACT),
        (State.LIKELY_BLOCKED, "dns.injection.bogon", EvidenceKind.ARTEFACT),
        (State.LIKELY_BLOCKED, "dns.injection.other", EvidenceKind.PAIR),
        (State.LIKELY_BLOCKED, "tls.timeout.sni", EvidenceKind.PAIR),
        (State.LIKELY_BLOCKED, "tls.timeout", EvidenceKind.SILENCE),
        (State.LIKELY_BLOCKED, "ip.unreachable", EvidenceKind.SILENCE),
        (State.LIKELY_BLOCKED, None, EvidenceKind.SILENCE),
        (State.OK, None, None),
        (State.INSUFFICIENT, "tcp.timeout", None),
    ],
)
def test_kinds(state: State, mechanism: str | None, kind: EvidenceKind | None) -> None:
    assert kind_of(state, mechanism) is kind
