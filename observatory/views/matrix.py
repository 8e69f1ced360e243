"""The latest state of every target at every vantage point, with its age. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.analysis.events.publication import is_fresh
from observatory.model import Role, State
from observatory.model.views import Latest, VantageStatus
from observatory.views.shown import NO_DATA, Shown


class TargetGroup(StrEnum):
    """Targets that sentences and tables group together; the values are those of a target's kind."""

    HOST = "host"
    DATA_CENTRE = "data_centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixCell:
    """One target at one vantage point. `latest` is None when it was never measured.

    `shown` is what may be said now: `no_data` when the last measurement is too old to speak for now.
    """

    vantage: VantageStatus
    target: str
    latest: Latest | None
    shown: Shown

    @property
    def is_stale(self) -> bool:
        return self.latest is not None and self.shown == NO_DATA

    @property
    def is_judged(self) -> bool:
        return self.shown not in (NO_DATA, State.INSUFFICIENT)

    @property
    def is_partial(self) -> bool:
        return self.latest is not None and self.latest.partial


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Vantage points × targets at one moment; `cells` holds every pair. Switched-off ones are not in it."""

    now: datetime
    probes: tuple[VantageStatus, ...]
    controls: tuple[VantageStatus, ...]
    targets: Mapping[TargetGroup, tuple[str, ...]]
    cells: Mapping[tuple[str, str], MatrixCell]

    def of(self, vantages: Iterable[VantageStatus], kind: TargetGroup) -> tuple[MatrixCell, ...]:
        return tuple(self.cells[v.id, target] for v in vantages for target in self.targets[kind])

    def measured_at(self, vantage: VantageStatus) -> datetime | None:
        """Return when the newest measurement of a vantage point was made."""
        own = (cell.latest for cell in self.cells.values() if cell.vantage.id == vantage.id)
        return max((latest.measured_at for latest in own if latest), default=None)


def build_matrix(
    vantages: Sequence[VantageStatus],
    latest: Iterable[Latest],
    known: Mapping[TargetGroup, tuple[str, ...]],
    *,
    now: datetime,
) -> Matrix:
    """Return the matrix.

    Shape:  `known` targets keep their order; others that were measured follow as hosts.
    """
    found = {(verdict.vantage, verdict.target): verdict for verdict in latest}
    shown = [v for v in vantages if v.enabled and not v.removed]
    named = group_targets(known, (target for _, target in found))
    cells = {
        (v.id, target): _make_cell(v, target, found.get((v.id, target)), now)
        for v in shown
        for names in named.values()
        for target in names
    }
    return Matrix(
        now=now,
        probes=tuple(v for v in shown if v.role is Role.PROBE),
        controls=tuple(v for v in shown if v.role is Role.CONTROL),
        targets=named,
        cells=cells,
    )


def group_targets(
    known: Mapping[TargetGroup, tuple[str, ...]], measured: Iterable[str]
) -> dict[TargetGroup, tuple[str, ...]]:
    """Return the names of each group: the known ones in their order, then others that were measured."""
    others = sorted(set(measured) - {name for names in known.values() for name in names})
    return {**known, TargetGroup.HOST: (*known[TargetGroup.HOST], *others)}


def _make_cell(vantage: VantageStatus, target: str, latest: Latest | None, now: datetime) -> MatrixCell:
    current = latest is not None and is_fresh(latest.measured_at, vantage.every_s, now)
    return MatrixCell(
        vantage=vantage, target=target, latest=latest, shown=latest.state if latest and current else NO_DATA
    )
