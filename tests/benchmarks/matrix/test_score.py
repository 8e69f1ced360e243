"""Scores of named mechanisms."""

import pytest

from benchmarks.matrix.score import Fit, Outcome, false_block_rate, fit, score
from observatory.model import State


@pytest.mark.parametrize(
    ("expected", "got", "kind"),
    [
        ("tls.reset.sni", "tls.reset.sni", Fit.EXACT),
        (None, None, Fit.EXACT),
        ("tls.reset.sni", "tls.reset", Fit.UNDER_SPECIFIC),
        ("tls.reset.sni", None, Fit.UNDER_SPECIFIC),
        ("tls.reset", "tls.reset.sni", Fit.OVER_SPECIFIC),
        (None, "tls", Fit.OVER_SPECIFIC),
        ("tls.reset.sni", "tls.reset.other", Fit.WRONG),
        ("tls.reset.sni", "tcp.timeout", Fit.WRONG),
    ],
)
def test_fit(expected: str | None, got: str | None, kind: Fit) -> None:
    assert fit(expected, got) is kind


def outcome(
    expected: str | None, got: str | None, *, censorship: bool = True, state: State = State.BLOCKED
) -> Outcome:
    return Outcome(
        situation="s",
        target="t.me",
        censorship=censorship,
        expected=(State.BLOCKED, expected),
        got=(state, got),
    )


def test_precision_and_recall_share_what_lies_above() -> None:
    (one,) = score([outcome("tls.reset.sni", "tls.reset.other")])
    assert (one.precision, one.recall) == (2 / 3, 2 / 3)
    (two,) = score([outcome("tls.reset.sni", "tls.reset")])
    assert (two.precision, two.recall) == (1.0, 2 / 3)
    (three,) = score([outcome(None, None)])
    assert (three.precision, three.recall) == (1.0, 1.0)


def test_only_situations_without_censorship_can_be_falsely_blocked() -> None:
    innocent = outcome(None, None, censorship=False, state=State.OK)
    accused = outcome(None, "tcp.timeout", censorship=False, state=State.LIKELY_BLOCKED)
    assert false_block_rate([innocent, accused, outcome("tls", "tls")]) == 0.5
    assert false_block_rate([]) == 0.0
