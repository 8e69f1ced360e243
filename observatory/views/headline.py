"""The matrix in sentences that may be quoted: what is blocked where, on what basis. Pure.

The strongest word comes first and is never used for a weaker finding: `likely blocked` is not counted among
`blocked`, a partial block says so, and a network without current data or enough evidence is not in "of N".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from observatory.model import OFFLINE_RULES, State
from observatory.model.series import Series
from observatory.model.views import VantageStatus
from observatory.text import Text
from observatory.views.matrix import Matrix, MatrixCell, TargetGroup
from observatory.views.shown import NO_DATA

_MAX_TARGETS: Final = 4
_MAX_NETWORKS: Final = 14
_MORE: Final = {TargetGroup.HOST: "count.hosts", TargetGroup.DATA_CENTRE: "count.data_centres"}
# What a sentence may be about, strongest first; the flag is `partial`.
_FINDINGS: Final = (
    (State.BLOCKED, False),
    (State.BLOCKED, True),
    (State.LIKELY_BLOCKED, False),
    (State.LIKELY_BLOCKED, True),
    (State.IMPAIRED, False),
    (State.IMPAIRED, True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One claim, and what qualifies it (which networks, whether all of them)."""

    claim: str
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.claim, *self.details))


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What is known of one group of targets now: `statements` strongest first, then caveats and the basis."""

    kind: TargetGroup
    statements: tuple[Statement, ...]
    caveats: tuple[str, ...]
    basis: str | None


def describe(matrix: Matrix, kind: TargetGroup, text: Text, zone: tzinfo) -> Headline:
    """Return what may be said of a group of targets.

    Shape:  at least one statement; the first is the headline. Control vantage points are never counted.
    """
    cells = matrix.of(matrix.probes, kind)
    judged = [cell for cell in cells if cell.is_judged]
    current = [cell for cell in cells if cell.shown != NO_DATA]
    if not current:
        return Headline(kind=kind, statements=(_nothing_current(cells, text, zone),), caveats=(), basis=None)
    start, end = _span(judged or current)
    span = text.span(start, end, zone)
    statements: list[Statement] = []
    n_networks = len(_networks(judged))
    for state, partial in _FINDINGS:
        own = [s for s in judged if s.shown == state and s.is_partial == partial]
        if own:
            key = f"finding.{state}_partly" if partial else f"finding.{state}"
            statements.append(_statement(key, own, n_networks, kind, text))
    if not statements:
        networks = text.count("count.networks", n_networks or len(_networks(current)))
        key = "finding.nothing_seen" if judged else "finding.only_insufficient"
        statements.append(Statement(claim=text(key, networks=networks, span=span)))
    down = [s for s in judged if s.shown == State.DOWN]
    if down:
        statements.append(_statement("finding.down", down, n_networks, kind, text, name_networks=False))
    return Headline(
        kind=kind,
        statements=tuple(statements),
        caveats=_caveats(cells, judged, text),
        basis=text("finding.basis", judged=text.number(len(judged)), all=text.number(len(cells)), span=span)
        if judged
        else None,
    )


def describe_controls(matrix: Matrix, text: Text) -> tuple[str, ...]:
    """Return one sentence per control vantage point, and a warning when none of them has current data."""
    sentences: list[str] = []
    n_current = 0
    for control in matrix.controls:
        cells = [s for kind in matrix.targets for s in matrix.of([control], kind) if s.shown != NO_DATA]
        n_current += bool(cells)
        failing = [s.target for s in cells if s.shown != State.OK]
        if not cells:
            sentences.append(text("finding.control_none", name=control.name))
        elif failing:
            sentences.append(
                text(
                    "finding.control_some",
                    name=control.name,
                    ok=text.number(len(cells) - len(failing)),
                    n=text.number(len(cells)),
                    targets=_listed(failing, _MAX_TARGETS, "count.more_targets", text),
                )
            )
        else:
            sentences.append(text("finding.control_ok", name=control.name, n=text.number(len(cells))))
    return tuple(sentences) if n_current else (*sentences, text("finding.no_control"))


def network_names(vantages: Iterable[VantageStatus]) -> tuple[str, ...]:
    """Return each network once, by its first vantage point's ISP name."""
    names: dict[int, str] = {}
    for vantage in vantages:
        names.setdefault(vantage.asn, vantage.isp)
    return tuple(names.values())


def _statement(
    key: str,
    cells: Sequence[MatrixCell],
    n_networks: int,
    kind: TargetGroup,
    text: Text,
    *,
    name_networks: bool = True,
) -> Statement:
    networks = _networks(cells)
    targets = list(dict.fromkeys(cell.target for cell in cells))
    series = {Series(target=cell.target, asn=cell.vantage.asn) for cell in cells}
    claim = text(
        key,
        where=_where(len(networks), n_networks, text),
        targets=_listed(targets, _MAX_TARGETS, _MORE[kind], text),
    )
    details: list[str] = []
    if name_networks:
        names = network_names(cell.vantage for cell in cells)
        details.append(
            text("finding.which", names=_listed(names, _MAX_NETWORKS, "count.more_networks", text))
        )
    if len(series) < len(networks) * len(targets):
        details.append(text("finding.not_each"))
    return Statement(claim=claim, details=tuple(details))


def _where(n: int, n_all: int, text: Text) -> str:
    if n_all == 1:
        return text("finding.on_only")
    networks = text.count("count.networks", n_all)
    if n == n_all:
        return text("finding.on_all", networks=networks)
    return text("finding.on_some", some=text.number(n), networks=networks)


def _caveats(cells: Sequence[MatrixCell], judged: Sequence[MatrixCell], text: Text) -> tuple[str, ...]:
    """Networks about which nothing is claimed, and verdicts that may still change."""
    caveats: list[str] = []
    spoken_of = _networks(judged)
    current = _networks(s for s in cells if s.shown != NO_DATA)
    silent = [s.vantage for s in cells if s.vantage.asn not in current]
    unclear = [s for s in cells if s.vantage.asn in current - spoken_of and s.shown != NO_DATA]
    connected = _networks(s for s in unclear if s.latest and s.latest.rule_id not in OFFLINE_RULES)
    named = (
        ("finding.silent", silent),
        ("finding.offline", [s.vantage for s in unclear if s.vantage.asn not in connected]),
        ("finding.unclear", [s.vantage for s in unclear if s.vantage.asn in connected]),
    )
    for key, vantages in named:
        if vantages:
            names = _listed(network_names(vantages), _MAX_NETWORKS, "count.more_networks", text)
            caveats.append(text(key, names=names))
    n_provisional = sum(s.latest is not None and s.latest.provisional for s in judged)
    if n_provisional:
        caveats.append(text("finding.provisional", n=text.number(n_provisional)))
    return tuple(caveats)


def _nothing_current(cells: Iterable[MatrixCell], text: Text, zone: tzinfo) -> Statement:
    last = max((s.latest.measured_at for s in cells if s.latest), default=None)
    if last is None:
        return Statement(claim=text("finding.never"))
    return Statement(claim=text("finding.no_current", at=text.moment(last, zone)))


def _networks(cells: Iterable[MatrixCell]) -> set[int]:
    return {cell.vantage.asn for cell in cells}


def _span(cells: Iterable[MatrixCell]) -> tuple[datetime, datetime]:
    times = [cell.latest.measured_at for cell in cells if cell.latest]
    return min(times), max(times)


def _listed(names: Sequence[str], limit: int, more_key: str, text: Text) -> str:
    if len(names) <= limit:
        return text.listed(names)
    return text.listed([*names[: limit - 1], text.count(more_key, len(names) - limit + 1)])
