"""How well mechanisms are named: exact, too coarse, too fine or wrong; by prefix, as they are paths. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from observatory.model import State

BLOCKING = frozenset({State.BLOCKED, State.LIKELY_BLOCKED})


class Fit(StrEnum):
    """How a named mechanism compares with the true one."""

    EXACT = "exact"
    UNDER_SPECIFIC = "under-specific"
    OVER_SPECIFIC = "over-specific"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One situation judged. `censorship`: this target is filtered in it."""

    situation: str
    target: str
    censorship: bool
    expected: tuple[State, str | None]
    got: tuple[State, str | None]

    @property
    def fit(self) -> Fit:
        return fit(self.expected[1], self.got[1])

    @property
    def falsely_blocked(self) -> bool:
        return not self.censorship and self.got[0] in BLOCKING

    @property
    def right(self) -> bool:
        return self.got == self.expected


def prefixes(mechanism: str | None) -> frozenset[str]:
    """`tls.reset.sni` -> tls, tls.reset, tls.reset.sni; none -> nothing."""
    parts = mechanism.split(".") if mechanism else []
    return frozenset(".".join(parts[: n + 1]) for n in range(len(parts)))


def fit(expected: str | None, got: str | None) -> Fit:
    """Say how a mechanism fits the true one; no mechanism is the coarsest of all."""
    if expected == got:
        return Fit.EXACT
    wanted, found = prefixes(expected), prefixes(got)
    if found < wanted:
        return Fit.UNDER_SPECIFIC
    return Fit.OVER_SPECIFIC if wanted < found else Fit.WRONG


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts of one mechanism, with hierarchical precision and recall over its prefixes.

    Source: Kiritchenko et al. 2006, hierarchical measures (shared ancestors over all ancestors).
    """

    mechanism: str
    n: int
    fits: dict[Fit, int]
    precision: float
    recall: float


def score(outcomes: Iterable[Outcome]) -> list[Score]:
    """Return one score for each expected mechanism, in order of name; no mechanism is `-`."""
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.expected[1] or "-"].append(outcome)
    return [_score(mechanism, group) for mechanism, group in sorted(groups.items())]


def _score(mechanism: str, outcomes: Sequence[Outcome]) -> Score:
    shared = sum(len(prefixes(o.expected[1]) & prefixes(o.got[1])) for o in outcomes)
    found = sum(len(prefixes(o.got[1])) for o in outcomes)
    wanted = sum(len(prefixes(o.expected[1])) for o in outcomes)
    return Score(
        mechanism=mechanism,
        n=len(outcomes),
        fits={kind: sum(o.fit is kind for o in outcomes) for kind in Fit},
        precision=shared / found if found else float(not wanted),
        recall=shared / wanted if wanted else float(not found),
    )


def false_block_rate(outcomes: Iterable[Outcome]) -> float:
    """Return the share of situations without censorship that were called blocked all the same."""
    innocent = [o for o in outcomes if not o.censorship]
    return sum(o.falsely_blocked for o in innocent) / len(innocent) if innocent else 0.0
