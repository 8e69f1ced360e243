"""Judging stored measurements again, under the rules and reference data of today.

Two passes: the first says what would change and writes nothing, the second writes. What a verdict rests on
are observations only, so the order in which verdicts are replaced does not matter.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from observatory.ingest.collector import Collector
from observatory.model import State, Verdict
from observatory.model.selection import RowPosition, Selection
from observatory.store import Store

# As many as one transaction replaces, and as many as are in memory at once with their controls.
BATCH: Final = 200
EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, order=True)
class VerdictSummary:
    """What people see of a verdict."""

    state: State
    mechanism: str
    rule_id: str
    partial: bool

    def __str__(self) -> str:
        in_part = " (in part)" if self.partial else ""
        return " ".join(filter(None, (f"{self.state}{in_part}", self.mechanism, f"[{self.rule_id}]")))


@dataclass(slots=True)
class Change:
    """One kind of change: how often, and the ids of the first few."""

    n: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What the rules of today change.

    `changes` counts by (old, new) where the outcome differs; `n_details` where only evidence, findings,
    controls or `leads_to` do; `n_version_only` where nothing but the versions differs. `n_written` were
    replaced, `n_overtaken` were not, because another process had just judged them.
    """

    n_seen: int = 0
    n_details: int = 0
    n_version_only: int = 0
    n_written: int = 0
    n_overtaken: int = 0
    changes: dict[tuple[VerdictSummary, VerdictSummary], Change] = field(default_factory=dict)
    old_versions: Counter[tuple[str, str]] = field(default_factory=Counter)
    new_versions: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def n_changed(self) -> int:
        return sum(change.n for change in self.changes.values())

    @property
    def n_to_write(self) -> int:
        return self.n_changed + self.n_details + self.n_version_only

    def add(self, id_: str, old: Verdict, new: Verdict) -> None:
        """Count one measurement."""
        self.n_seen += 1
        self.old_versions[old.rules_version, old.reference_version] += 1
        self.new_versions[new.rules_version, new.reference_version] += 1
        before, after = _outcome(old), _outcome(new)
        if before != after:
            change = self.changes.setdefault((before, after), Change())
            change.n += 1
            if len(change.examples) < EXAMPLES:
                change.examples.append(id_)
        elif _versionless(old) != _versionless(new):
            self.n_details += 1
        elif old != new:
            self.n_version_only += 1


def rescore(
    store: Store,
    collector: Collector,
    selection: Selection,
    *,
    write: bool,
    on_batch: Callable[[datetime], None] = lambda at: None,
) -> Report:
    """Judge the measurements of a selection again, oldest first; replace what differs when `write` says so.

    Shape:  a batch of at most `BATCH` is one transaction, cells and `latest` included: an interruption leaves
            earlier batches replaced and the rest as it was. `on_batch` is called with the time reached. What
            leads to measurements of the selection and is not in it is judged again too, and not counted.
    Errors: StoreError.
    """
    report = Report()
    for places in _batches(store, selection):
        measurements = store.load_measurements(ids=[place.id for place in places])
        judged = collector.judge_again(measurements)
        for id_, (old, new) in judged.items():
            report.add(id_, old, new)
        if write:
            differing = {id_: pair for id_, pair in judged.items() if pair[0] != pair[1]}
            n_written = store.replace_verdicts(
                {id_: new for id_, (_, new) in differing.items()},
                expected={id_: old for id_, (old, _) in differing.items()},
            )
            report.n_written += n_written
            report.n_overtaken += len(differing) - n_written
            collector.judge_leading_again(measurements, besides=lambda m: not selection.holds(m))
        on_batch(places[-1].started_at)
    return report


def _batches(store: Store, selection: Selection) -> Iterator[tuple[RowPosition, ...]]:
    after: RowPosition | None = None
    while places := store.load_positions(selection, after=after, limit=BATCH):
        yield places
        after = places[-1]


def _outcome(verdict: Verdict) -> VerdictSummary:
    return VerdictSummary(verdict.state, verdict.mechanism or "", verdict.rule_id, verdict.partial)


def _versionless(verdict: Verdict) -> Verdict:
    return replace(verdict, rules_version="", reference_version="")
