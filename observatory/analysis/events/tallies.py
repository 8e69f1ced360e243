"""Cells added up to series: of one target and network, in one layer, and for DNS by resolver."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from math import sqrt
from statistics import NormalDist
from types import MappingProxyType
from typing import Any, Final, TypeVar

from observatory.model import (
    BLOCKED_STATES,
    OFFLINE_RULES,
    Cell,
    EvidenceKind,
    Portion,
    Series,
    State,
    kind_of,
)

# Below this share of what came out ok or blocked, a block is in part.
_NEARLY_ALL: Final = 0.9
_Z: Final = NormalDist().inv_cdf(0.975)

Version = tuple[str, str]
_Key = TypeVar("_Key", bound=str)
_NONE: Final[Mapping[Any, int]] = MappingProxyType({})


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was counted in a series between two moments; they are the same for a single measurement.

    Shape:  `mechanisms` and `kinds` count those of the blocked; `ok_versions` and `blocked_versions` are the
            versions of (rules, reference data) that judged. `n_unclear` counts impaired and down:
            judged, and neither ok nor blocked. `n_offline` counts those that say nothing, for want of a
            connection, `n_unjudged` those that say nothing for another reason.
    """

    at: datetime
    until: datetime
    n_ok: int = 0
    n_blocked: int = 0
    n_unclear: int = 0
    n_offline: int = 0
    n_unjudged: int = 0
    # A year has millions of these: what most of them say none of, and all alike, is one object for all.
    mechanisms: Mapping[str, int] = field(default_factory=lambda: _NONE)
    kinds: Mapping[EvidenceKind, int] = field(default_factory=lambda: _NONE)
    ok_versions: frozenset[Version] = frozenset()
    blocked_versions: frozenset[Version] = frozenset()

    @property
    def n_decisive(self) -> int:
        """What the test counts: ok and blocked."""
        return self.n_ok + self.n_blocked

    @property
    def n_judged(self) -> int:
        """All that could be judged: every state but insufficient."""
        return self.n_decisive + self.n_unclear

    def add(self, state: State, mechanism: str | None, rule_id: str, version: Version, n: int) -> None:
        """Count n verdicts."""
        if state is State.OK:
            self.n_ok += n
            self.ok_versions = _and(self.ok_versions, version)
        elif state in BLOCKED_STATES:
            self.n_blocked += n
            self.mechanisms = _plus(self.mechanisms, mechanism or "", n)
            self.kinds = _plus(self.kinds, kind_of(state, mechanism) or EvidenceKind.SILENCE, n)
            self.blocked_versions = _and(self.blocked_versions, version)
        elif state is not State.INSUFFICIENT:
            self.n_unclear += n
        elif rule_id in OFFLINE_RULES:
            self.n_offline += n
        else:
            self.n_unjudged += n


def _plus(counts: Mapping[_Key, int], key: _Key, n: int) -> Mapping[_Key, int]:
    return {**counts, key: counts.get(key, 0) + n} if counts else _one(key, n)


@lru_cache(maxsize=10_000)
def _one(key: _Key, n: int) -> Mapping[_Key, int]:
    return MappingProxyType({key: n})


@cache
def _and(versions: frozenset[Version], version: Version) -> frozenset[Version]:
    return versions | {version}


def pool(cells: Iterable[Cell], *, width: timedelta) -> dict[Series, list[Tally]]:
    """Return the tallies of each series, oldest first; vantage points of one network are added up.

    Shape:  cells of any vantage points, layers and order, each `width` long; zero for single measurements.
    Errors: ValueError for a cell of a naive time or a negative count.
    """
    found: defaultdict[Series, dict[datetime, Tally]] = defaultdict(dict)
    for cell in cells:
        if cell.bucket_at.tzinfo is None or cell.n < 0:
            raise ValueError(
                f"cell of {cell.target} at AS{cell.asn}: expected an aware time and a count from 0 up, "
                f"got {cell.bucket_at.isoformat()} and {cell.n}"
            )
        key = Series(
            target=cell.target,
            asn=cell.asn,
            emulated=cell.emulated,
            layer=cell.layer,
            resolver=cell.resolver,
        )
        tally = found[key].get(cell.bucket_at)
        if tally is None:
            tally = found[key][cell.bucket_at] = Tally(at=cell.bucket_at, until=cell.bucket_at + width)
        version = (cell.rules_version, cell.reference_version)
        tally.add(cell.state, cell.mechanism, cell.rule_id, version, cell.n)
    return {key: [tallies[at] for at in sorted(tallies)] for key, tallies in found.items()}


def portion(n_blocked: int, n_judged: int) -> Portion:
    """Return k of n with its 95 % interval.

    Errors: ValueError unless 0 <= k <= n and n > 0.
    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    if not 0 <= n_blocked <= n_judged or n_judged == 0:
        raise ValueError(f"portion: expected 0 <= k <= n and n > 0, got {n_blocked} of {n_judged}")
    share, z2 = n_blocked / n_judged, _Z * _Z / n_judged
    middle = (share + z2 / 2) / (1 + z2)
    half = sqrt(z2 * share * (1 - share) + z2 * z2 / 4) / (1 + z2)
    return Portion(
        n_blocked=n_blocked,
        n_judged=n_judged,
        low=max(0.0, middle - half) if n_blocked else 0.0,
        high=min(1.0, middle + half) if n_blocked < n_judged else 1.0,
    )


def seems_partial(n_blocked: int, n_ok: int) -> bool:
    """Return whether clearly not everything was blocked, by the 95 % interval of what was ok or blocked."""
    return n_blocked + n_ok > 0 and portion(n_blocked, n_blocked + n_ok).high < _NEARLY_ALL


def portion_of(tallies: Sequence[Tally]) -> Portion:
    """Return k of n over several tallies. Errors: ValueError when they judged nothing."""
    return portion(sum(t.n_blocked for t in tallies), sum(t.n_judged for t in tallies))
