"""What spells of several targets and networks show together; each row is one situation."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from observatory.analysis.events.joining import is_lonely, join_evidence
from observatory.model import Certainty, Confirmation, Interval, Spell, SpellEvidence
from tests.observatory.analysis.events.series import START, make_spell

ROUND = timedelta(minutes=10)


def times(n: int, first: int = 0) -> tuple[datetime, ...]:
    return tuple(START + (first + k) * ROUND for k in range(n))


def suspect(target: str = "t.me", asn: int = 1, first: int = 0, **evidence: object) -> Spell:
    by = START + first * ROUND
    return replace(
        make_spell(asn=asn, target=target),
        onset=Interval(after=by - ROUND, by=by),
        certainty=Certainty.SUSPECTED,
        suspected_at=by,
        confirmed_at=None,
        evidence=SpellEvidence(**evidence),  # type: ignore[arg-type]
    )


def artefacts(n: int, **changes: object) -> Spell:
    first = int(changes.get("first", 0))  # type: ignore[call-overload]
    seen = times(n, first)
    return suspect(artefacts=seen, pairs=seen, failing=seen, **changes)  # type: ignore[arg-type]


def pairs(n: int, *, asked: bool = False, **changes: object) -> Spell:
    seen = times(n, int(changes.get("first", 0)))  # type: ignore[call-overload]
    return suspect(pairs=seen, failing=seen, asked=asked, **changes)  # type: ignore[arg-type]


def silent(n: int, *, reached: bool = True, **changes: object) -> Spell:
    seen = times(n, int(changes.get("first", 0)))  # type: ignore[call-overload]
    reached_at = seen[1] if reached else None
    return suspect(failing=seen, asked=True, reached_at=reached_at, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spells", "confirmed", "in_round"),
    [
        ([artefacts(2), artefacts(2, target="b")], Confirmation.TARGETS, 2),
        ([artefacts(1), artefacts(1, target="b")], None, 0),
        ([artefacts(2), artefacts(2, target="b", first=30)], None, 0),
        ([pairs(3), pairs(3, target="b")], Confirmation.PAIRS, 3),
        ([pairs(2), pairs(2, target="b")], None, 0),
        ([pairs(3, asked=True), pairs(3, asked=True, target="b")], None, 0),
        ([pairs(6)], Confirmation.PAIRS, 6),
        ([pairs(2), pairs(2, asn=2)], Confirmation.NETWORKS, 2),
        ([pairs(2), pairs(2, asn=2, first=7)], None, 0),
        ([artefacts(2), artefacts(2, asn=2, target="b")], None, 0),
        ([silent(3, asn=n, target=t) for n in (1, 2, 3) for t in "ab"], Confirmation.ROUTING_RULED_OUT, 3),
        ([silent(3, asn=n, target=t) for n in (1, 2) for t in "ab"], None, 0),
        ([silent(3, asn=n) for n in (1, 2, 3)], None, 0),
        # A round apart each: faults of their own.
        ([silent(3, asn=n, target=t, first=n) for n in (1, 2, 3) for t in "ab"], None, 0),
        ([silent(3, asn=n, target=t, reached=False) for n in (1, 2, 3) for t in "ab"], None, 0),
    ],
)
def test_joined(spells: list[Spell], confirmed: Confirmation | None, in_round: int) -> None:
    joined = join_evidence(spells)
    assert {spell.confirmed_by for spell in joined} == {confirmed}
    if confirmed is not None:
        assert {spell.confirmed_at for spell in joined} == {START + (in_round - 1) * ROUND}


def test_networks_that_measure_at_minutes_of_their_own_may_have_fallen_silent_at_one_moment() -> None:
    late = timedelta(minutes=9)
    spells = [silent(3, asn=n, target=t) for n in (1, 2, 3) for t in "ab"]
    spells = [
        replace(
            s,
            evidence=replace(
                s.evidence,
                failing=tuple(at + late for at in s.evidence.failing),
                reached_at=s.evidence.failing[1] + late,
            ),
        )
        if s.asn == 3
        else s
        for s in spells
    ]
    joined = join_evidence(spells)
    assert {spell.confirmed_by for spell in joined} == {Confirmation.ROUTING_RULED_OUT}


def test_what_others_of_the_network_contradict_counts_for_nothing() -> None:
    doubtful = artefacts(2)
    doubtful = replace(doubtful, evidence=replace(doubtful.evidence, contradicted_by=("x", "y")))
    assert [s.certainty for s in join_evidence([doubtful, artefacts(2, target="b")])] == (
        [Certainty.SUSPECTED] * 2
    )


def test_networks_of_other_countries_and_emulated_ones_join_nothing() -> None:
    for change in ({"country": "SG"}, {"emulated": True}, {"country": ""}):
        spells = [pairs(2), replace(pairs(2, asn=2), **change)]  # type: ignore[arg-type]
        assert {s.certainty for s in join_evidence(spells)} == {Certainty.SUSPECTED}


def test_a_moment_of_one_target_alone_is_nothing_to_tell() -> None:
    assert is_lonely(silent(2), [silent(2)])
    assert is_lonely(pairs(1), [pairs(1), silent(2, asn=2)])
    assert not is_lonely(silent(2), [silent(2), silent(2, target="b")])
    assert not is_lonely(pairs(1), [pairs(1), pairs(1, asn=2)])
    assert not is_lonely(artefacts(1), [])
    assert not is_lonely(pairs(3), [])
