"""Series of cells to look for onsets in: what a network counted, hour by hour."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from observatory.analysis.events.tallies import portion
from observatory.model import Cell, Certainty, Interval, Spell, State

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
VERSION = ("2", "2026-11-23")


def make_cell(at: datetime, state: State, n: int = 1, **changes: object) -> Cell:
    blocked = state in (State.BLOCKED, State.LIKELY_BLOCKED)
    fields: dict[str, object] = {
        "bucket_at": at,
        "vantage": "jkt-xl",
        "target": "t.me",
        "layer": "overall",
        "state": state,
        "mechanism": "tls.reset.sni" if blocked else None,
        "rule_id": "tls.reset.sni" if blocked else "http.page",
        "n": n,
        "asn": 24203,
        "rules_version": VERSION[0],
        "reference_version": VERSION[1],
    }
    return Cell(**fields | changes)  # type: ignore[arg-type]


def make_cells(
    counts: Iterable[tuple[int, int]],
    *,
    start: datetime = START,
    step: timedelta = HOUR,
    times: Sequence[datetime] | None = None,
    **changes: object,
) -> list[Cell]:
    """Return the cells of (ok, blocked) counts, one after another; (0, 0) is a cell that is not there."""
    cells = []
    for number, (n_ok, n_blocked) in enumerate(counts):
        at = times[number] if times is not None else start + number * step
        if n_ok:
            cells.append(make_cell(at, State.OK, n_ok, **changes))
        if n_blocked:
            cells.append(make_cell(at, State.LIKELY_BLOCKED, n_blocked, **changes))
    return cells


def healthy(n: int, *, per_cell: int = 1) -> list[tuple[int, int]]:
    return [(per_cell, 0)] * n


def blocked(n: int, *, per_cell: int = 1) -> list[tuple[int, int]]:
    return [(0, per_cell)] * n


def silent(n: int) -> list[tuple[int, int]]:
    return [(0, 0)] * n


def drawn(n: int, share: float, *, seed: int, per_cell: int = 1) -> list[tuple[int, int]]:
    """Return counts of which each measurement fails by chance."""
    failing = np.random.default_rng(seed).binomial(per_cell, share, n)
    return [(per_cell - int(k), int(k)) for k in failing]


def make_spell(
    *,
    asn: int = 24203,
    target: str = "t.me",
    onset_h: float = 0,
    end_h: float | None = None,
    since_before: bool = False,
    **changes: object,
) -> Spell:
    by = START + onset_h * HOUR
    end = None if end_h is None else START + end_h * HOUR
    fields: dict[str, object] = {
        "target": target,
        "asn": asn,
        "isp": f"ISP {asn}",
        "country": "ID",
        "onset": Interval(after=None if since_before else by - HOUR, by=by),
        "end": None if end is None else Interval(after=end - HOUR, by=end),
        "certainty": Certainty.CONFIRMED,
        "suspected_at": by + HOUR,
        "confirmed_at": by + 2 * HOUR,
        "portion": portion(20, 20),
    }
    return Spell(**fields | changes)  # type: ignore[arg-type]
