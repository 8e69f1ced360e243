"""Candidates for comparison: stored measurements, and those that have just arrived and are not stored yet."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.controls import choose_controls
from observatory.model import Role, State, Verdict
from observatory.store import StoreReader
from probes.records import Measurement, TargetKind

MOMENT: Final = timedelta(microseconds=1)
# Many vantage points without any control are rare; one good peer is enough.
_PEERS_LOOKED_AT: Final = 30
# A round of ours measures a host once; what others call one may have it many times.
_BESIDE_LOOKED_AT: Final = 30


class Batch:
    """What arrived together and is not stored yet; empty when stored measurements are judged again.

    `complete`: it brings its own controls, as an archive does; nothing stored is compared with.
    """

    def __init__(
        self,
        measurements: Iterable[Measurement] = (),
        control_vantages: frozenset[str] = frozenset(),
        *,
        complete: bool = False,
    ) -> None:
        arrived = tuple(measurements)
        self.complete = complete
        self.ids = frozenset(m.id for m in arrived)
        self.controls = tuple(m for m in arrived if m.vantage in control_vantages)
        self.rounds: defaultdict[str, list[Measurement]] = defaultdict(list)
        for measurement in arrived:
            self.rounds[measurement.round_id].append(measurement)
        self.canaries = {(m.vantage, m.round_id): m for m in arrived if m.target_kind is TargetKind.CANARY}


class StoredSurroundings:
    """The surroundings of measurements of one span of time, from a batch and the store.

    Shape:  loads the controls of the whole span at once, canaries and peers when they are asked for.
    Errors: StoreError.
    """

    def __init__(
        self,
        store: StoreReader,
        measurements: Sequence[Measurement],
        batch: Batch,
        control_vantages: frozenset[str],
        *,
        window: timedelta,
        now: datetime,
    ) -> None:
        self._store = store
        self._measurements = measurements
        self._ids = frozenset(m.id for m in measurements)
        self._batch = batch
        self._control_vantages = control_vantages
        self._window = window
        self._now = now
        self._canaries: dict[tuple[str, str], Measurement | None] = {**batch.canaries}
        self._controls: defaultdict[str, dict[str, Measurement]] = defaultdict(dict)
        self._add_controls(batch.controls)
        if not batch.complete:
            self._add_controls(self._load_controls(measurements))

    def canary_of(self, measurement: Measurement) -> Measurement | None:
        if measurement.target_kind is TargetKind.CANARY:
            return measurement
        key = (measurement.vantage, measurement.round_id)
        if key not in self._canaries:
            stored = self._store.load_measurements(
                vantage=measurement.vantage,
                round_id=measurement.round_id,
                kind=TargetKind.CANARY,
                limit=1,
            )
            self._canaries[key] = stored[0] if stored else None
        return self._canaries[key]

    def controls_of(self, measurement: Measurement) -> tuple[Control, ...]:
        chosen = choose_controls(
            measurement,
            self._controls[measurement.target].values(),
            is_control=measurement.vantage in self._control_vantages,
            same_round_first=self._batch.complete,
            window=self._window,
        )
        return tuple(Control(control, self.canary_of(control)) for control in chosen)

    def peers_of(self, measurement: Measurement, verdicts: Mapping[str, Verdict]) -> tuple[Measurement, ...]:
        stored = self._store.load_measurements(
            target=measurement.target,
            state=State.OK,
            start=measurement.started_at - self._window,
            end=measurement.started_at + self._window + MOMENT,
            limit=_PEERS_LOOKED_AT,
        )
        arrived = [m for m in self._measurements if m.id in verdicts and verdicts[m.id].state is State.OK]
        return (*arrived, *stored)

    def beside(self, measurement: Measurement, target: str) -> Measurement | None:
        """Return the nearest in time: what others brought as one round may have lasted for hours."""
        round_id, vantage = measurement.round_id, measurement.vantage
        arrived = (m for m in self._batch.rounds.get(round_id, ()) if m.target == target)
        stored = self._store.load_measurements(
            target=target, round_id=round_id, vantage=vantage, limit=_BESIDE_LOOKED_AT
        )
        found = [
            m
            for m in (*arrived, *stored)
            if m.vantage == vantage
            and m.emulated == measurement.emulated
            and abs(m.started_at - measurement.started_at) <= self._window
        ]
        nearest = min(found, key=lambda m: (abs(m.started_at - measurement.started_at), m.id), default=None)
        if nearest is not None and nearest.id not in self._ids and not self._batch.complete:
            self._add_controls(self._load_controls([nearest]))
        return nearest

    def is_provisional(self, measurement: Measurement, controls: Sequence[Control]) -> bool:
        """A control measured later in the window is worth waiting for, until one is there."""
        others = (c.measurement for c in controls if c.measurement.id != measurement.id)
        return self._now < measurement.started_at + self._window and not any(
            control.started_at >= measurement.started_at for control in others
        )

    def _add_controls(self, controls: Iterable[Measurement]) -> None:
        for control in controls:
            self._controls[control.target].setdefault(control.id, control)

    def _load_controls(self, measurements: Sequence[Measurement]) -> list[Measurement]:
        times = [m.started_at for m in measurements]
        return self._store.load_measurements(
            targets={m.target for m in measurements},
            roles=[Role.CONTROL],
            start=min(times) - self._window,
            end=max(times) + self._window + MOMENT,
        )
