"""The matrix in sentences that may be quoted: what is blocked where, on what basis. Pure.

The strongest word comes first and is never used for a weaker finding: `likely blocked` is not counted among
`blocked`, a partial block says so, and a network without current data or enough evidence is not in "of N".
What no published event says yet is "not confirmed", and what may be a fault of routing says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from observatory.analysis.events.publication import Pair, Present
from observatory.model import BLOCKED_STATES, OFFLINE_RULES, State
from observatory.model.views import VantageStatus
from observatory.text import Text
from observatory.views.matrix import Matrix, MatrixCell, TargetGroup
from observatory.views.printable import printable
from observatory.views.shown import NO_DATA

_MAX_TARGETS: Final = 4
_MAX_NETWORKS: Final = 14
_MORE: Final = {TargetGroup.HOST: "count.hosts", TargetGroup.DATA_CENTRE: "count.data_centres"}
# What is called blocked, strongest first, by state and `partial`: confirmed by an event, and not.
_FINDINGS: Final = {
    (State.BLOCKED, False): ("finding.blocked", "finding.blocked_unconfirmed"),
    (State.BLOCKED, True): ("finding.blocked_partly", "finding.blocked_partly_unconfirmed"),
    (State.LIKELY_BLOCKED, False): ("finding.likely_blocked", "finding.likely_blocked_unconfirmed"),
    (State.LIKELY_BLOCKED, True): (
        "finding.likely_blocked_partly",
        "finding.likely_blocked_partly_unconfirmed",
    ),
}


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


def describe(matrix: Matrix, kind: TargetGroup, text: Text, zone: tzinfo, present: Present) -> Headline:
    """Return what may be said of a group of targets.

    Shape:  at least one statement; the first is the headline. Control vantage points are never counted.
            `present` is of all targets, or of this group.
    """
    cells = matrix.of(matrix.probes, kind)
    judged = [cell for cell in cells if cell.is_judged]
    current = [cell for cell in cells if cell.shown != NO_DATA]
    if not current:
        last = [_pairs_statement("finding.last_blocked", present.confirmed, matrix, kind, text)]
        last.append(_pairs_statement("finding.suspected", present.unconfirmed, matrix, kind, text))
        known = (_nothing_current(cells, text, zone), *(s for s in last if s is not None))
        return Headline(kind=kind, statements=known, caveats=(), basis=None)
    start, end = _span(judged or current)
    span = text.span(start, end, zone)
    n_networks = len(_networks(judged))
    statements = _blocked_statements(judged, n_networks, matrix, kind, text, present)
    statements += _leading_statements(judged, n_networks, kind, text)
    for partial in (False, True):
        own = [s for s in judged if s.shown == State.IMPAIRED and s.is_partial == partial]
        if own:
            key = "finding.impaired_partly" if partial else "finding.impaired"
            statements.append(_statement(key, own, n_networks, kind, text))
    if not judged:
        networks = text.count("count.networks", len(_networks(current)))
        claim = text("finding.only_insufficient", networks=networks, span=span)
        statements.insert(0, Statement(claim=claim))
    elif not statements:
        networks = text.count("count.networks", n_networks)
        statements.append(Statement(claim=text("finding.nothing_seen", networks=networks)))
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


def _blocked_statements(
    judged: Sequence[MatrixCell],
    n_networks: int,
    matrix: Matrix,
    kind: TargetGroup,
    text: Text,
    present: Present,
) -> list[Statement]:
    """Return what is blocked or suspected: what events confirm first, of both what was measured now first."""
    shown = [cell for cell in judged if cell.shown in BLOCKED_STATES]
    routing = [cell for cell in shown if _pair(cell) in present.may_be_routing]
    confirmed = [cell for cell in shown if _pair(cell) in present.confirmed]
    others = [cell for cell in shown if cell not in routing and cell not in confirmed]
    seen = {_pair(cell) for cell in shown}

    def measured(cells: Sequence[MatrixCell], *, is_confirmed: bool) -> list[Statement]:
        found = []
        for (state, partial), (key, unconfirmed_key) in _FINDINGS.items():
            own = [s for s in cells if s.shown == state and s.is_partial == partial]
            if own:
                said = key if is_confirmed else unconfirmed_key
                found.append(_statement(said, own, n_networks, kind, text))
        return found

    statements = [
        *measured(confirmed, is_confirmed=True),
        _pairs_statement("finding.not_ended", present.confirmed - seen, matrix, kind, text),
        *measured(others, is_confirmed=False),
        _statement("finding.may_be_routing", routing, n_networks, kind, text) if routing else None,
        _pairs_statement("finding.suspected", present.unconfirmed - seen, matrix, kind, text),
    ]
    return [statement for statement in statements if statement is not None]


def _leading_statements(
    judged: Sequence[MatrixCell], n_networks: int, kind: TargetGroup, text: Text
) -> list[Statement]:
    """Return what is said of targets that are reached and lead their visitors to a block."""
    places: dict[str, set[str]] = {}
    own: list[MatrixCell] = []
    for cell in judged:
        leads = cell.latest.leads_to if cell.latest is not None else None
        if leads is not None and leads.is_blocked:
            own.append(cell)
            places.setdefault(cell.target, set()).add(printable(leads.target))
    if not own:
        return []
    names = {
        target: text(
            "finding.leads_to_target", target=target, place=text.listed(sorted(found)[:_MAX_TARGETS])
        )
        for target, found in places.items()
    }
    return [_statement("finding.leads_to", own, n_networks, kind, text, named=names)]


def _pairs_statement(
    key: str, pairs: Iterable[Pair], matrix: Matrix, kind: TargetGroup, text: Text
) -> Statement | None:
    """Return a statement on targets of networks that no current measurement stands for; None without any."""
    own = sorted(pair for pair in pairs if pair[0] in matrix.targets[kind])
    if not own:
        return None
    isps = {vantage.asn: vantage.isp for vantage in reversed((*matrix.probes, *matrix.controls))}
    asns = dict.fromkeys(asn for _, asn in own)
    names = [isps.get(asn) or f"AS{asn}" for asn in asns]
    targets = list(dict.fromkeys(target for target, _ in own))
    claim = text(
        key,
        networks=text.count("count.networks", len(asns)),
        targets=_listed(targets, _MAX_TARGETS, _MORE[kind], text),
    )
    which = text("finding.which", names=_listed(names, _MAX_NETWORKS, "count.more_networks", text))
    return Statement(claim=claim, details=(which,))


def _pair(cell: MatrixCell) -> Pair:
    return cell.target, cell.vantage.asn


def _statement(
    key: str,
    cells: Sequence[MatrixCell],
    n_networks: int,
    kind: TargetGroup,
    text: Text,
    *,
    name_networks: bool = True,
    named: Mapping[str, str] | None = None,
) -> Statement:
    networks = _networks(cells)
    targets = list(dict.fromkeys(cell.target for cell in cells))
    pairs = {_pair(cell) for cell in cells}
    claim = text(
        key,
        where=_where(len(networks), n_networks, text),
        targets=_listed([(named or {}).get(t, t) for t in targets], _MAX_TARGETS, _MORE[kind], text),
    )
    details: list[str] = []
    if name_networks:
        names = network_names(cell.vantage for cell in cells)
        details.append(
            text("finding.which", names=_listed(names, _MAX_NETWORKS, "count.more_networks", text))
        )
    if len(pairs) < len(networks) * len(targets):
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
