"""Rounds as the service has them: judged by a collector as each comes in, stored, judged again when controls
come, and closed. What is scored are the verdicts that the database holds in the end."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Final

from observatory.analysis.judging.controls import CONTROL_WINDOW
from observatory.ingest.collector import Collector
from observatory.model import Config, VantagePoint
from observatory.store import Store, open_store
from observatory.vantage.once import JudgedMeasurement, measure_rounds, with_control_vantage_points
from probes.records import Target

# Further apart than any window reaches: no situation may be compared with the one before it.
APART: Final = timedelta(hours=1)


class ServiceRounds:
    """Measures rounds of one moment and takes their verdicts out of the store; the next is an hour later.

    Errors: RuntimeError from `measure` when a vantage point could not measure; StoreError.
    """

    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._store = store
        self._ahead = timedelta()
        self._collector = Collector(store, clock=self._now)
        store.save_vantage_points(config.vantage_points, at=self._now())

    async def measure(
        self, vantage_points: Sequence[VantagePoint], targets: Sequence[Target]
    ) -> list[JudgedMeasurement]:
        """Measure from some vantage points, and from the control vantage points beside them.

        Shape:  v vantage points and t targets -> v * t results, each as it is stored once its window has
                closed. The rounds of control vantage points come in last, so that what was judged without
                them is judged again.
        """
        everyone = with_control_vantage_points(self._config, vantage_points)
        rounds, errors = await measure_rounds(self._config, everyone, targets, clock=self._now)
        if errors:
            raise RuntimeError("; ".join(errors))
        for round_ in rounds.values():
            self._collector.accept(round_)
        self._collector.close_windows(self._now() + CONTROL_WINDOW)
        self._ahead += APART
        return [
            result
            for vantage in vantage_points
            for result in self._load(vantage, [m.id for m in rounds[vantage.id]])
        ]

    def _load(self, vantage: VantagePoint, ids: Sequence[str]) -> list[JudgedMeasurement]:
        stored = {m.id: m for m in self._store.load_measurements(ids=ids)}
        verdicts = self._store.load_verdicts(ids)
        open_ = [id_ for id_ in ids if verdicts[id_].provisional]
        if open_:
            raise RuntimeError(
                f"expected final verdicts once the windows have closed, got {len(open_)} others"
            )
        *targets, canary = ids
        return [
            JudgedMeasurement(
                vantage=vantage, measurement=stored[id_], canary=stored[canary], verdict=verdicts[id_]
            )
            for id_ in targets
        ]

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead


@contextmanager
def open_service(config: Config) -> Iterator[ServiceRounds]:
    """Yield a service with a database of its own in a temporary folder."""
    with (
        TemporaryDirectory(prefix="observatory-matrix-") as folder,
        open_store(f"sqlite:///{folder}/observatory.sqlite") as store,
    ):
        yield ServiceRounds(config, store)
