"""Imported measurements into the store, a batch at a time, through the collector like everything else.

A document that cannot be stored costs itself alone: a batch that fails is stored document by document.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from observatory.importers.documents import Document
from observatory.importers.fields import Rejected, unforeseen
from observatory.importers.imported import Imported
from observatory.ingest.collector import Collector
from observatory.model import State, VantagePoint
from observatory.reference import load_targets
from observatory.store import Store, StoreError
from probes.records import Measurement, TargetKind

BATCH: Final = 100


@dataclass(slots=True)
class Summary:
    """What became of the documents of an import; `states` counts verdicts of new measurements, `n_led` those
    that are ok and lead their visitors to a blocked host."""

    n_documents: int = 0
    n_new: int = 0
    n_known: int = 0
    n_led: int = 0
    states: Counter[State] = field(default_factory=Counter)


class Importer:
    """Gathers documents and stores them in batches; `finish` stores the rest.

    Errors: Rejected from `add` for what may not be stored; StoreError from both. `reject` is told of what
            could not be stored when its turn came.
    """

    def __init__(
        self,
        store: Store,
        collector: Collector,
        *,
        reject: Callable[[Document | None, str], None] = lambda document, reason: None,
        any_target: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._collector = collector
        self._reject = reject
        self._any_target = any_target
        self._clock = clock
        # Names of ours: nobody else's measurement may appear under them.
        self._ours = {v.id for v in store.load_vantage_status(now=clock()) if not v.via.is_imported}
        self._hosts = {t.name for t in load_targets()}
        self._points: dict[str, VantagePoint] = {}
        self._waiting: list[tuple[Document | None, Imported]] = []
        self.summary = Summary()

    def add(self, imported: Imported, document: Document | None = None) -> None:
        """Take on what a document holds. Errors: Rejected."""
        self.summary.n_documents += 1
        self._check(imported)
        self._waiting.append((document, imported))
        if len(self._waiting) >= BATCH:
            self.finish()

    def finish(self) -> None:
        """Store what is waiting."""
        waiting, self._waiting = self._waiting, []
        try:
            self._save([imported for _, imported in waiting])
        except StoreError:
            raise
        # Untrusted input: what no check foresaw costs one document, not its batch and the rest of the file.
        except Exception:
            self._save_each(waiting)

    def _save_each(self, waiting: Sequence[tuple[Document | None, Imported]]) -> None:
        for document, imported in waiting:
            try:
                self._save([imported])
            except StoreError:
                raise
            except Exception as error:
                self._reject(document, unforeseen(error))

    def _save(self, waiting: Sequence[Imported]) -> None:
        everything: dict[str, Measurement] = {}
        main: dict[str, Measurement] = {}
        points: dict[str, VantagePoint] = {}
        for imported in waiting:
            points |= {p.id: p for p in imported.vantage_points if p.id not in self._points}
            for part in imported.parts:
                main.setdefault(part.measurement.id, part.measurement)
                for measurement in part.all():
                    everything.setdefault(measurement.id, measurement)
        if not everything:
            return
        self._store.save_imported_points(
            [p for p in points.values() if p.id not in self._ours], at=self._clock()
        )
        self._points |= points
        known = self._store.load_verdicts(set(everything))
        judged = self._collector.accept(list(everything.values()), complete=True)
        for measurement, verdict in judged:
            if measurement.id in main and measurement.id not in known:
                self.summary.states[verdict.state] += 1
                self.summary.n_led += verdict.leads_to is not None and verdict.leads_to.is_blocked
        self.summary.n_known += sum(id_ in known for id_ in main)
        self.summary.n_new += sum(id_ not in known for id_ in main)

    def _check(self, imported: Imported) -> None:
        own = [m for part in imported.parts for m in part.all()]
        for measurement in own:
            if measurement.vantage in self._ours and not self._store.load_verdicts([measurement.id]):
                raise Rejected(
                    f"vantage: expected an external vantage point, got {measurement.vantage}, "
                    "which this observatory runs"
                )
        for part in imported.parts:
            measurement = part.measurement
            if measurement.asn == 0:
                raise Rejected("probe_asn: expected the probe's network, got none; use --judge to judge it")
            if (
                not self._any_target
                and measurement.target_kind is TargetKind.HOST
                and measurement.target not in self._hosts
            ):
                raise Rejected(
                    f"input: expected a target of this observatory, got {measurement.target}; "
                    "or use --any-target"
                )
