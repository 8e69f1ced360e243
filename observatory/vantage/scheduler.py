"""When each vantage point measures: its interval with jitter, never two rounds at once, every gap recorded.

A round is measured on the event loop and saved by the thread of `DbWriter`. Whatever fails in a round becomes
that round's gap; the next one runs. On stop, a running round may finish and is then saved whole, or it leaves
a gap and nothing else.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from apscheduler.events import (  # type: ignore[import-untyped]
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_SUBMITTED,
)
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]

from observatory.config.problems import ConfigError
from observatory.config.vantage_points import warn_config
from observatory.faults import FaultLog, reason_of
from observatory.model import Config, Role, VantagePoint
from observatory.vantage.db_writer import DbWriter, Journal
from observatory.vantage.rounds import utc_now
from observatory.vantage.slots import JITTER_SHARE, RoundTrigger, misfire_grace_s, random_jitter_s
from probes.records import Measurement

__all__ = ["Journal", "Scheduler", "Watcher"]

logger = logging.getLogger("observatory.vantage.scheduler")

POLL_S: Final = 2.0
CLOSE_WINDOWS_EVERY_S: Final = 60.0
# Containers are killed ten seconds after SIGTERM; the writer and the children need some of them.
STOP_GRACE_S: Final = 5.0
# Shorter than the shortest interval, so that a round that hangs is an error and not an overlap for ever.
ROUND_LIMIT_S: Final = 28.0
# The first rounds of many vantage points share the machine: one begins each second, all within ten.
FIRST_GAP_S: Final = 1.0
FIRST_ROUNDS_WITHIN_S: Final = 10.0
_WINDOWS: Final = " windows"  # no vantage point can have this id


class Watcher(Protocol):
    """Where the settings come from; see `observatory.config.watcher.ConfigWatcher`."""

    @property
    def path(self) -> object: ...

    def poll(self) -> Config | ConfigError | None: ...


class Scheduler:
    """Runs the rounds of all enabled vantage points until it is stopped.

    `measure` gives the measurements of one round and owns their deadline. `collect` saves them; it blocks.
    `close_windows` is called once a minute with the time; it blocks. `clock` dates what is recorded.
    `n_unsaved` counts rounds that were measured and could not be saved, `n_unwritten` entries about rounds.
    """

    def __init__(
        self,
        *,
        watcher: Watcher,
        measure: Callable[[Config, VantagePoint], Awaitable[Sequence[Measurement]]],
        collect: Callable[[Sequence[Measurement]], object],
        journal: Journal,
        close_windows: Callable[[datetime], object] | None = None,
        clock: Callable[[], datetime] = utc_now,
        jitter_s: Callable[[float], float] = random_jitter_s,
        poll_s: float = POLL_S,
        stop_grace_s: float = STOP_GRACE_S,
        round_limit_s: float = ROUND_LIMIT_S,
    ) -> None:
        self._watcher = watcher
        self._measure = measure
        self._collect = collect
        self._journal = journal
        self._close_windows = close_windows
        self._clock = clock
        self._jitter_s = jitter_s
        self._poll_s = poll_s
        self._stop_grace_s = stop_grace_s
        self._round_limit_s = round_limit_s
        self._config: Config | None = None
        self._vantage_points: dict[str, VantagePoint] = {}
        self._rounds: set[asyncio.Task[None]] = set()
        self._last_slot: dict[str, datetime] = {}
        self._is_stopping = False
        self._faults = FaultLog(logger)
        self._db_writer = DbWriter()
        self.n_unsaved = 0

    @property
    def n_unwritten(self) -> int:
        return self._db_writer.n_lost

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until `stop` is set, then let running rounds finish within the grace and return.

        Errors: none. Failures of a round, of the settings or of the disk are recorded and logged. Cancelling
                stops without grace.
        """
        self._jobs = AsyncIOScheduler(timezone=UTC)
        self._jobs.add_listener(
            self._record_gaps, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_MISSED
        )
        with self._db_writer:
            self._jobs.start()
            grace_s = 0.0
            try:
                if self._close_windows:
                    self._add_job(
                        _WINDOWS, self._run_close_windows, CLOSE_WINDOWS_EVERY_S, CLOSE_WINDOWS_EVERY_S
                    )
                await self._follow_settings(stop)
                grace_s = self._stop_grace_s
            finally:
                await self._finish(grace_s)

    async def _follow_settings(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                change = await asyncio.to_thread(self._watcher.poll)
            except Exception as error:
                self._faults.report(str(self._watcher.path), reason_of(error))
            else:
                if change is not None:
                    self._apply_settings(change)
            self._reset_slots_too_far_ahead()
            try:
                async with asyncio.timeout(self._poll_s):
                    await stop.wait()
            except TimeoutError:
                continue

    def _apply_settings(self, change: Config | ConfigError) -> None:
        at, path = self._clock(), str(self._watcher.path)
        if isinstance(change, ConfigError):
            kept = (
                "the last valid version is used" if self._config else "nothing is measured until it is valid"
            )
            logger.error("%s\n%s: %s", change, path, kept)
            errors = [str(problem) for problem in change.problems]
            self._db_writer.write_soon(self._journal.record_config, path=path, at=at, errors=errors)
            return
        for warning in warn_config(change):
            logger.warning(warning)
        self._config = change
        self._db_writer.write_soon(self._journal.save_vantage_points, change.vantage_points, at=at)
        self._db_writer.write_soon(self._journal.record_config, path=path, at=at, errors=())
        self._update_jobs({vantage.id: vantage for vantage in change.vantage_points if vantage.enabled})

    def _update_jobs(self, wanted: dict[str, VantagePoint]) -> None:
        """Change only the jobs of vantage points that came, went or changed their interval."""
        had, self._vantage_points = self._vantage_points, wanted
        for vantage_id in had.keys() - wanted.keys():
            self._jobs.remove_job(vantage_id)
            self._last_slot.pop(vantage_id, None)
        # Controls first: what they see is what the first rounds of the others are compared with.
        new = sorted((v for v in wanted.values() if v.id not in had), key=lambda v: v.role != Role.CONTROL)
        gap_s = min(FIRST_GAP_S, FIRST_ROUNDS_WITHIN_S / max(len(new), 1))
        for n, vantage in enumerate(new):
            self._add_job(vantage.id, self._run_round, vantage.every_s, n * gap_s, vantage.id)
        for vantage_id in had.keys() & wanted.keys():
            if (every_s := wanted[vantage_id].every_s) != had[vantage_id].every_s:
                last = self._last_slot.get(vantage_id)
                start_at = max(utc_now(), last + timedelta(seconds=every_s)) if last else utc_now()
                trigger = RoundTrigger(start_at, every_s, self._jitter_s)
                self._jobs.reschedule_job(vantage_id, trigger=trigger)
                self._jobs.modify_job(vantage_id, misfire_grace_time=misfire_grace_s(every_s))
                self._last_slot.pop(vantage_id, None)

    def _reset_slots_too_far_ahead(self) -> None:
        """A wall clock that was set back leaves the next slot too far ahead: nothing would run until then."""
        for vantage in self._vantage_points.values():
            ahead = self._jobs.get_job(vantage.id).next_run_time - utc_now()
            if ahead > timedelta(seconds=vantage.every_s + FIRST_ROUNDS_WITHIN_S) * (1 + JITTER_SHARE):
                logger.warning("%s: the clock was set back; measuring from now on", vantage.id)
                self._jobs.reschedule_job(
                    vantage.id, trigger=RoundTrigger(utc_now(), vantage.every_s, self._jitter_s)
                )
                self._last_slot.pop(vantage.id, None)

    def _add_job(
        self,
        job_id: str,
        call: Callable[..., Awaitable[None]],
        every_s: float,
        first_s: float,
        *arguments: str,
    ) -> None:
        self._jobs.add_job(
            call,
            RoundTrigger(utc_now() + timedelta(seconds=first_s), every_s, self._jitter_s),
            args=arguments,
            id=job_id,
            max_instances=1,
            coalesce=True,
            misfire_grace_time=misfire_grace_s(every_s),
        )

    async def _run_round(self, vantage_id: str) -> None:
        vantage, config = self._vantage_points.get(vantage_id), self._config
        if self._is_stopping or vantage is None or config is None:
            return
        # A task of its own: APScheduler would report a cancelled task as a job that failed.
        task = asyncio.create_task(self._measure_and_save(config, vantage), name=f"round {vantage_id}")
        self._rounds.add(task)
        try:
            await asyncio.wait({task})
        finally:
            self._rounds.discard(task)

    async def _measure_and_save(self, config: Config, vantage: VantagePoint) -> None:
        started_at = self._clock()
        n_measurements, error = 0, None
        try:
            async with asyncio.timeout(self._round_limit_s) as limit:
                measurements = await self._measure(config, vantage)
            await self._save(measurements)
            n_measurements = len(measurements)
        except asyncio.CancelledError:
            detail = "stopped before the round was finished; nothing of it is kept"
            self._db_writer.write_soon(
                self._journal.record_gap, vantage.id, at=started_at, reason="stopped", detail=detail
            )
            raise
        except Exception as failure:
            late = isinstance(failure, TimeoutError) and limit.expired()
            error = f"not finished within {self._round_limit_s:g} s" if late else reason_of(failure)
            self._faults.report(vantage.id, error)
            self._db_writer.write_soon(
                self._journal.record_gap, vantage.id, at=started_at, reason="error", detail=error
            )
        else:
            self._faults.resolve(vantage.id)
        job = self._jobs.get_job(vantage.id)
        self._db_writer.write_soon(
            self._journal.record_run,
            vantage.id,
            started_at=started_at,
            finished_at=self._clock(),
            next_run_at=job.next_run_time if job and not self._is_stopping else None,
            n_measurements=n_measurements,
            error=error,
        )

    async def _save(self, measurements: Sequence[Measurement]) -> None:
        saving = self._db_writer.submit(self._collect, measurements)
        try:
            try:
                await asyncio.shield(saving)
            except asyncio.CancelledError:
                # A transaction cannot be cancelled: wait for it, and the round is whole after all.
                await asyncio.wait({saving})
                saving.result()
        except Exception:
            self.n_unsaved += 1
            raise

    async def _run_close_windows(self) -> None:
        if self._close_windows is None or self._is_stopping:
            return
        try:
            await self._db_writer.submit(self._close_windows, self._clock())
        except Exception as error:
            self._faults.report("control windows", reason_of(error))
        else:
            self._faults.resolve("control windows")

    def _record_gaps(self, event: Any) -> None:
        if event.job_id not in self._vantage_points:
            return
        if event.code == EVENT_JOB_MISSED:
            self._record_gap(event, event.scheduled_run_time, "misfire", "the machine was busy or asleep")
            return
        slot: datetime = event.scheduled_run_times[-1]
        last = self._last_slot.get(event.job_id)
        self._last_slot[event.job_id] = slot
        every = timedelta(seconds=self._vantage_points[event.job_id].every_s)
        # Slots that fell due together were run as one; the jitter is far less than half a slot.
        if last is not None and (n_skipped := round((slot - last) / every) - 1) > 0:
            detail = f"{n_skipped} rounds could not be run: the machine was busy or asleep"
            self._record_gap(event, last + every, "misfire", detail)
        if event.code == EVENT_JOB_MAX_INSTANCES:
            self._record_gap(event, slot, "overlap", "the round before had not ended")

    def _record_gap(self, event: Any, at: datetime, reason: str, detail: str) -> None:
        self._db_writer.write_soon(
            self._journal.record_gap, event.job_id, at=at, reason=reason, detail=detail
        )

    async def _finish(self, grace_s: float) -> None:
        self._is_stopping = True
        self._jobs.pause()
        if self._rounds:
            await asyncio.wait(self._rounds, timeout=grace_s)
        for task in self._rounds:
            task.cancel()
        if self._rounds:
            await asyncio.wait(self._rounds)
        self._jobs.shutdown(wait=False)
        # APScheduler shuts down in the next iteration of the event loop.
        await asyncio.sleep(0)
