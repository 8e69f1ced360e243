"""The one way in: every measurement, from wherever it comes, is judged and stored here.

    a round arrives ─ its control host ─┐
                     controls nearby ───┴─ judge ─ store     what was waiting for these controls: judge again

A verdict is provisional while a control may still come that was measured after it, in its window. Where no
control vantage point measured at all, another vantage point that proved the target stands in.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

from observatory.analysis.judging.case import Control
from observatory.ingest.judging import judge_by_current_rules
from observatory.model import Role, State, Verdict
from observatory.store import Store
from probes.records import Measurement, TargetKind

# Measurement, the control host of its round, controls nearest first, whether its window is still open.
Judge = Callable[[Measurement, Measurement | None, Sequence[Control], bool], Verdict]

MAX_CONTROLS: Final = 3
# What a comparison could still settle.
UNSETTLED: Final = frozenset({State.IMPAIRED, State.INSUFFICIENT})
_MOMENT: Final = timedelta(microseconds=1)
_CLOSE_AT_ONCE: Final = 500
# Many vantage points without any control are rare; one good peer is enough.
_PEERS_LOOKED_AT: Final = 30


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Collector:
    """Judges with what is in the batch and in the store, then stores. Safe to share between threads.

    Shape:  controls of a measurement are measurements of the same target by vantage points whose role is
            control, at most `window_s` before or after, three of each, nearest first; a control's own
            measurement comes first of its own. What stays unsettled without any is judged again with
            other networks' measurements that came out ok, as peers. Emulated and real ones never meet.
    Errors: StoreError; then nothing of the batch was kept and it can be sent again, whole.
    """

    def __init__(
        self,
        store: Store,
        judge: Judge = judge_by_current_rules,
        *,
        window_s: float = 900.0,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._store = store
        self._judge = judge
        self._window = timedelta(seconds=window_s)
        self._clock = clock
        # Two rounds at once would each miss the other as a control.
        self._lock = Lock()

    def accept(
        self, measurements: Sequence[Measurement], *, complete: bool = False
    ) -> list[tuple[Measurement, Verdict]]:
        """Judge and store measurements in one transaction; return each with its verdict, in order.

        Shape:  one round of one vantage point, or any number of them. What is known already is neither
                stored nor judged again: its stored verdict is returned. Afterwards, in a transaction of its
                own, stored verdicts are judged again that the new control measurements bear on.
                `complete`: an archive that brings its own controls. They alone are compared with, those of
                the same round before others, and nothing stored is judged again: thousands of strangers'
                measurements of one hour would each touch all others.
        """
        with self._lock:
            now = self._clock()
            known = self._store.load_verdicts({m.id for m in measurements})
            fresh: dict[str, Measurement] = {}
            for measurement in measurements:
                if measurement.id not in known:
                    fresh.setdefault(measurement.id, measurement)
            batch = _Batch(fresh.values(), self._store.load_control_vantages())
            verdicts = self._judge_all(fresh.values(), batch, now, complete=complete)
            self._store.save_measurements([(m, verdicts[m.id]) for m in fresh.values()], received_at=now)
            if not complete:
                self._judge_round_again(fresh.values(), now)
                self._judge_neighbours_again(batch, now)
            return [(m, known.get(m.id) or verdicts[m.id]) for m in measurements]

    def close_windows(self, now: datetime) -> int:
        """Judge for the last time what is provisional and whose window has closed; return how many."""
        n_closed = 0
        while True:
            with self._lock:
                waiting = self._store.load_measurements(
                    provisional=True, end=now - self._window + _MOMENT, limit=_CLOSE_AT_ONCE
                )
                n_replaced = self._replace(waiting, now)
            n_closed += n_replaced
            if n_replaced == 0 or len(waiting) < _CLOSE_AT_ONCE:
                return n_closed

    def judge_again(self, measurements: Sequence[Measurement]) -> dict[str, tuple[Verdict, Verdict]]:
        """Return the stored verdict and the one of today of stored measurements, by id; store nothing."""
        new = self._judge_all(measurements, _Batch(), self._clock())
        old = self._store.load_verdicts(new)
        return {id_: (old[id_], verdict) for id_, verdict in new.items() if id_ in old}

    def _judge_round_again(self, fresh: Iterable[Measurement], now: datetime) -> None:
        """A control host that comes after the rest of its round says whether they were online."""
        for canary in fresh:
            if canary.target_kind is TargetKind.CANARY:
                stored = self._store.load_measurements(round_id=canary.round_id, vantage=canary.vantage)
                arrived = {m.id for m in fresh}
                self._replace([m for m in stored if m.id not in arrived], now)

    def _judge_neighbours_again(self, batch: "_Batch", now: datetime) -> None:
        for start in sorted({s for control in batch.controls for s in self._spans_near(control)}):
            end = start + 2 * self._window
            near = [c for c in batch.controls if start - self._window <= c.started_at < end + self._window]
            # A control that comes when its window has closed finds no provisional verdict: open it again.
            late = any(control.started_at + self._window <= now for control in near)
            stored = self._store.load_measurements(
                targets={control.target for control in near},
                start=start,
                end=end,
                provisional=None if late else True,
            )
            self._replace(
                [m for m in stored if m.id not in batch.ids and any(self._bears_on(c, m) for c in near)], now
            )

    def _replace(self, measurements: Sequence[Measurement], now: datetime) -> int:
        """Judge stored measurements again and keep the verdicts that changed; return how many."""
        new = self._judge_all(measurements, _Batch(), now)
        old = self._store.load_verdicts(new)
        return self._store.replace_verdicts({id_: v for id_, v in new.items() if old.get(id_) != v})

    def _judge_all(
        self, measurements: Iterable[Measurement], batch: "_Batch", now: datetime, *, complete: bool = False
    ) -> dict[str, Verdict]:
        """Judge measurements with the controls of the batch and of the store, a short span at a time."""
        verdicts: dict[str, Verdict] = {}
        control_vantages = self._store.load_control_vantages()
        for group in self._by_span(measurements):
            controls = defaultdict(list)
            for control in (*batch.controls, *(() if complete else self._load_controls(group))):
                controls[control.target].append(control)
            canaries = _Canaries(self._store, batch)
            uncompared: list[Measurement] = []
            for measurement in group:
                near = controls[measurement.target]
                same_round = [c for c in near if c.round_id == measurement.round_id] if complete else []
                chosen = self._choose(measurement, same_round or near)
                # What fails where no censor is fails at the target: a control is its own first control.
                compared = [measurement, *chosen] if measurement.vantage in control_vantages else chosen
                provisional = now < measurement.started_at + self._window and not any(
                    control.started_at >= measurement.started_at for control in chosen
                )
                verdict = self._judge(
                    measurement,
                    canaries.find(measurement),
                    [Control(control, canaries.find(control)) for control in compared],
                    provisional,
                )
                verdicts[measurement.id] = replace(verdict, provisional=provisional)
                if not compared and verdict.state in UNSETTLED:
                    uncompared.append(measurement)
            for measurement in uncompared:
                provisional = verdicts[measurement.id].provisional
                peers = self._find_peers(measurement, group, verdicts)
                if peers:
                    stand_ins = [Control(peer, canaries.find(peer), peer=True) for peer in peers]
                    verdict = self._judge(measurement, canaries.find(measurement), stand_ins, provisional)
                    verdicts[measurement.id] = replace(verdict, provisional=provisional)
        return verdicts

    def _find_peers(
        self, measurement: Measurement, group: Sequence[Measurement], verdicts: Mapping[str, Verdict]
    ) -> list[Measurement]:
        """Return up to three measurements of the same target from other networks that came out ok."""
        if measurement.target_kind is TargetKind.CANARY:
            return []
        stored = self._store.load_measurements(
            target=measurement.target,
            state=State.OK,
            start=measurement.started_at - self._window,
            end=measurement.started_at + self._window + _MOMENT,
            limit=_PEERS_LOOKED_AT,
        )
        arrived = [m for m in group if m.id in verdicts and verdicts[m.id].state is State.OK]
        peers = [
            m
            for m in {m.id: m for m in (*arrived, *stored)}.values()
            if self._bears_on(m, measurement) and m.asn != measurement.asn
        ]
        peers.sort(key=lambda m: (abs(m.started_at - measurement.started_at), m.started_at, m.id))
        return peers[:MAX_CONTROLS]

    def _load_controls(self, group: Sequence[Measurement]) -> list[Measurement]:
        times = [m.started_at for m in group]
        return self._store.load_measurements(
            targets={m.target for m in group},
            roles=[Role.CONTROL],
            start=min(times) - self._window,
            end=max(times) + self._window + _MOMENT,
        )

    def _choose(self, measurement: Measurement, controls: Iterable[Measurement]) -> list[Measurement]:
        near = [c for c in controls if self._bears_on(c, measurement)]
        near.sort(key=lambda c: (abs(c.started_at - measurement.started_at), c.started_at, c.id))
        chosen: list[Measurement] = []
        taken: Counter[str] = Counter()
        for control in near:
            if taken[control.vantage] < MAX_CONTROLS:
                taken[control.vantage] += 1
                chosen.append(control)
        return chosen

    def _bears_on(self, control: Measurement, measurement: Measurement) -> bool:
        return (
            control.target == measurement.target
            and control.vantage != measurement.vantage
            and control.emulated == measurement.emulated
            and abs(control.started_at - measurement.started_at) <= self._window
        )

    def _by_span(self, measurements: Iterable[Measurement]) -> Iterator[list[Measurement]]:
        """Group by time, so that a day from an agent's spool never has all its controls in memory."""
        groups: defaultdict[datetime, list[Measurement]] = defaultdict(list)
        for measurement in measurements:
            groups[self._span_of(measurement.started_at)].append(measurement)
        return iter(groups.values())

    def _span_of(self, at: datetime) -> datetime:
        return at - (at - datetime(1970, 1, 1, tzinfo=UTC)) % (2 * self._window)

    def _spans_near(self, control: Measurement) -> tuple[datetime, ...]:
        """A window reaches two spans at most: each is as long as it."""
        at = control.started_at
        return self._span_of(at - self._window), self._span_of(at + self._window)


class _Batch:
    """What arrived together and is not stored yet."""

    def __init__(
        self, measurements: Iterable[Measurement] = (), control_vantages: frozenset[str] = frozenset()
    ) -> None:
        arrived = tuple(measurements)
        self.ids = frozenset(m.id for m in arrived)
        self.controls = tuple(m for m in arrived if m.vantage in control_vantages)
        self.canaries = {(m.vantage, m.round_id): m for m in arrived if m.target_kind is TargetKind.CANARY}


class _Canaries:
    """The control host of each round, from the batch or the store, looked up once."""

    def __init__(self, store: Store, batch: _Batch) -> None:
        self._store = store
        self._found: dict[tuple[str, str], Measurement | None] = {**batch.canaries}

    def find(self, measurement: Measurement) -> Measurement | None:
        if measurement.target_kind is TargetKind.CANARY:
            return measurement
        key = (measurement.vantage, measurement.round_id)
        if key not in self._found:
            stored = self._store.load_measurements(
                vantage=measurement.vantage,
                round_id=measurement.round_id,
                kind=TargetKind.CANARY,
                limit=1,
            )
            self._found[key] = stored[0] if stored else None
        return self._found[key]
