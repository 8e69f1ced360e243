"""The one way in: every measurement, from wherever it comes, is judged and stored here.

    a round arrives ─ its canary ───────┐
                      controls nearby ──┴─ judge ─ store     what was waiting for these controls: judge again

A verdict is provisional while a control may still come that was measured after it, in its window. What a
measurement is compared with is chosen by `analysis.judging.controls`, here as everywhere else.

A measurement whose date cannot be right is set aside, whoever brings it: it would be the newest of its series
for years, and be compared with what was measured at another time. A gap of its vantage point says so.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

from observatory.analysis.judging.controls import CONTROL_WINDOW, Judge, bears_on, judge_with_controls
from observatory.ingest.dates import date_problem
from observatory.ingest.judging import judge_by_current_rules
from observatory.ingest.surroundings import MOMENT, Batch, StoredSurroundings
from observatory.model import Verdict
from observatory.model.views import GapReason
from observatory.store import Store
from probes.records import Measurement, TargetKind

logger = logging.getLogger(__name__)

_CLOSE_AT_ONCE: Final = 500


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Collector:
    """Judges with what is in the batch and in the store, then stores. Safe to share between threads.

    Shape:  `window_s` is how far from a measurement its controls may lie, before or after.
    Errors: StoreError; then the batch can be sent again, whole: nothing of it was kept, or all of it but the
            note of what was set aside.
    """

    def __init__(
        self,
        store: Store,
        judge: Judge = judge_by_current_rules,
        *,
        window_s: float = CONTROL_WINDOW.total_seconds(),
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

        Shape:  what is set aside for its date is neither stored nor returned.
                One round of one vantage point, or any number of them. What is known already is neither
                stored nor judged again: its stored verdict is returned. Afterwards, in a transaction of its
                own, stored verdicts are judged again that the new control measurements bear on.
                `complete`: an archive that brings its own controls. They alone are compared with, those of
                the same round before others, and nothing stored is judged again: thousands of imported
                measurements of one hour would each touch all others.
        """
        with self._lock:
            now = self._clock()
            dated, undated = _split_by_date(measurements, now)
            known = self._store.load_verdicts({m.id for m in dated})
            fresh: dict[str, Measurement] = {}
            for measurement in dated:
                if measurement.id not in known:
                    fresh.setdefault(measurement.id, measurement)
            batch = Batch(fresh.values(), self._store.load_control_vantages(), complete=complete)
            verdicts = self._judge_all(fresh.values(), batch, now)
            leading = self._leading_to(fresh.values())
            self._store.save_measurements([(m, verdicts[m.id]) for m in fresh.values()], received_at=now)
            if leading:
                self._replace(leading, now)
            if not complete:
                self._judge_round_again(fresh.values(), now)
                self._judge_neighbours_again(batch, now)
            self._record_set_aside(undated, len(measurements), now)
            return [(m, known.get(m.id) or verdicts[m.id]) for m in dated]

    def close_windows(self, now: datetime) -> int:
        """Judge for the last time what is provisional and whose window has closed; return how many."""
        n_closed = 0
        while True:
            with self._lock:
                waiting = self._store.load_measurements(
                    provisional=True, end=now - self._window + MOMENT, limit=_CLOSE_AT_ONCE
                )
                n_replaced = self._replace(waiting, now)
            n_closed += n_replaced
            if n_replaced == 0 or len(waiting) < _CLOSE_AT_ONCE:
                return n_closed

    def judge_again(self, measurements: Sequence[Measurement]) -> dict[str, tuple[Verdict, Verdict]]:
        """Return the stored verdict and the one of today of stored measurements, by id; store nothing."""
        new = self._judge_all(measurements, Batch(), self._clock())
        old = self._store.load_verdicts(new)
        return {id_: (old[id_], verdict) for id_, verdict in new.items() if id_ in old}

    def judge_leading_again(
        self, measurements: Sequence[Measurement], *, besides: Callable[[Measurement], bool]
    ) -> int:
        """Judge again what leads to stored measurements, where `besides` says so; return how many changed.

        Errors: StoreError.
        """
        with self._lock:
            leading = [m for m in self._leading_to(measurements) if besides(m)]
            return self._replace(leading, self._clock()) if leading else 0

    def _record_set_aside(
        self, undated: Sequence[tuple[Measurement, str]], n_arrived: int, now: datetime
    ) -> None:
        by_vantage: defaultdict[str, list[str]] = defaultdict(list)
        for measurement, problem in undated:
            by_vantage[measurement.vantage].append(problem)
        for vantage, problems in sorted(by_vantage.items()):
            detail = f"{len(problems)} of {n_arrived} measurements set aside; {problems[0]}"
            logger.warning("%s: %s", vantage, detail)
            self._store.record_gap(vantage, at=now, reason=GapReason.CLOCK.value, detail=detail)

    def _judge_round_again(self, fresh: Iterable[Measurement], now: datetime) -> None:
        """A canary that comes after the rest of its round says whether they were online."""
        for canary in fresh:
            if canary.target_kind is TargetKind.CANARY:
                stored = self._store.load_measurements(round_id=canary.round_id, vantage=canary.vantage)
                arrived = {m.id for m in fresh}
                self._replace([m for m in stored if m.id not in arrived], now)

    def _judge_neighbours_again(self, batch: Batch, now: datetime) -> None:
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
                [
                    m
                    for m in stored
                    if m.id not in batch.ids and any(bears_on(c, m, window=self._window) for c in near)
                ],
                now,
            )

    def _replace(self, measurements: Sequence[Measurement], now: datetime) -> int:
        """Judge stored measurements again and keep the verdicts that changed; return how many.

        Shape:  what leads to them is judged again with them.
        """
        new = self._judge_all([*measurements, *self._leading_to(measurements)], Batch(), now)
        old = self._store.load_verdicts(new)
        return self._store.replace_verdicts({id_: v for id_, v in new.items() if old.get(id_) != v})

    def _leading_to(self, measurements: Iterable[Measurement]) -> list[Measurement]:
        """Return the stored measurements of the same rounds whose verdicts say where they lead."""
        hosts = [m for m in measurements if m.target_kind is TargetKind.HOST]
        rounds = sorted({m.round_id for m in hosts})
        ids, vantages = {m.id for m in hosts}, {m.vantage for m in hosts}
        stored = self._store.load_measurements(round_ids=rounds, leads_away=True) if rounds else []
        return [m for m in stored if m.id not in ids and m.vantage in vantages]

    def _judge_all(
        self, measurements: Iterable[Measurement], batch: Batch, now: datetime
    ) -> dict[str, Verdict]:
        """Judge measurements with the controls of the batch and of the store, a short span at a time."""
        verdicts: dict[str, Verdict] = {}
        control_vantages = self._store.load_control_vantages()
        for group in self._by_span(measurements):
            around = StoredSurroundings(
                self._store, group, batch, control_vantages, window=self._window, now=now
            )
            verdicts |= judge_with_controls(group, around, self._judge, window=self._window)
        return verdicts

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


def _split_by_date(
    measurements: Iterable[Measurement], now: datetime
) -> tuple[list[Measurement], list[tuple[Measurement, str]]]:
    """Return those whose date can be right, and the others with what is wrong."""
    dated: list[Measurement] = []
    undated: list[tuple[Measurement, str]] = []
    for measurement in measurements:
        problem = date_problem(measurement.started_at, now)
        if problem is None:
            dated.append(measurement)
        else:
            undated.append((measurement, problem))
    return dated, undated
