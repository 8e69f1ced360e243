"""The part of the demo that runs inside the lab: switch, measure, judge, store, along a virtual calendar."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from demo.check import compare
from demo.script import Switch, round_times, write_script
from lab.control import LabControl
from observatory.analysis.events.publication import is_published
from observatory.cli.output import progress
from observatory.config.vantage_points import load_config
from observatory.detection.detector import Detector
from observatory.ingest.collector import Collector
from observatory.model import Config, Event, VantagePoint
from observatory.reference import load_targets, load_yaml
from observatory.store import Store, open_store
from observatory.text import load_text
from observatory.text.events import finding
from observatory.vantage.rounds import measure_vantage
from probes.records import Measurement, TargetKind

CONFIG: Final = Path(__file__).parents[1] / "lab" / "vantage_points.yaml"
# Rounds of one moment start a little apart, as they do in a fleet of real probes.
STAGGER_S: Final = 0.06


class Calendar:
    """A virtual clock: set to a moment, it runs on at the speed of the real one."""

    def __init__(self) -> None:
        self._zero = datetime(2017, 7, 14, tzinfo=UTC)
        self._set_at = time.monotonic()

    def set(self, moment: datetime) -> None:
        self._zero = moment.astimezone(UTC)
        self._set_at = time.monotonic()

    def now(self) -> datetime:
        return self._zero + timedelta(seconds=time.monotonic() - self._set_at)


class Replay:
    """One run of the script; `every` is what the vantage points are said to measure at, for their ages."""

    def __init__(self, store: Store, config: Config, lab: LabControl, *, every: timedelta) -> None:
        self._every = every
        self._store = store
        self._lab = lab
        self._settings = config.settings
        self._vantage_points = [
            replace(v, every_s=every.total_seconds()) for v in config.vantage_points if v.enabled
        ]
        self._targets = load_targets()
        self._calendar = Calendar()
        self._collector = Collector(store, clock=self._calendar.now)
        self._detector = Detector(store)

    async def run(self, switches: Sequence[Switch], times: Sequence[datetime]) -> int:
        """Play the whole calendar; returns the number of measurements stored."""
        self._lab.reset()
        waiting = list(switches)
        n = 0
        with progress("Replaying July-August 2017", len(times)) as advance:
            for at in times:
                while waiting and waiting[0].at <= at:
                    self._apply(waiting.pop(0))
                n += await self._measure(at)
                advance(f"{at:%d %B %H:%M} WIB")
        self._collector.close_windows(self._calendar.now() + timedelta(days=1))
        self._detector.run(self._calendar.now(), review=True)
        self._lab.reset()
        return n

    def _apply(self, switch: Switch) -> None:
        self._lab.switch(switch.isp, switch.censor, False)
        if switch.hosts:
            self._lab.switch(switch.isp, switch.censor, True, hosts=switch.hosts)

    async def _measure(self, at: datetime) -> int:
        self._calendar.set(at)
        self._store.save_vantage_points(self._vantage_points, at=self._calendar.now())
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._round(place, vantage))
                for place, vantage in enumerate(self._vantage_points)
            ]
        measurements = [m for task in tasks for m in task.result()]
        self._collector.accept(measurements)
        self._detector.run(self._calendar.now())
        finished_at = self._calendar.now()
        for vantage, task in zip(self._vantage_points, tasks, strict=True):
            self._store.record_run(
                vantage.id,
                started_at=task.result()[0].started_at,
                finished_at=finished_at,
                next_run_at=at.astimezone(UTC) + self._every,
                n_measurements=len(task.result()),
                error=None,
            )
        return len(measurements)

    async def _round(self, place: int, vantage: VantagePoint) -> tuple[Measurement, ...]:
        await asyncio.sleep(place * STAGGER_S)
        return await measure_vantage(self._settings, vantage, self._targets, clock=self._calendar.now)


def _delay_of(event: Event) -> str:
    """Say how long after its first failing measurement the event was confirmed, by the virtual calendar."""
    confirmed = min((s.confirmed_at for s in event.spells if s.confirmed_at is not None), default=None)
    if confirmed is None:
        return "Never confirmed."
    minutes = (confirmed - event.onset.by).total_seconds() / 60
    return f"Confirmed {minutes:.0f} min after the first measurement that failed."


def main() -> int:
    """Replay into a database; run inside the lab by `python -m demo`."""
    parser = argparse.ArgumentParser(prog="python -m demo.replay", description=__doc__)
    parser.add_argument("--database", required=True, metavar="URL")
    parser.add_argument("--days-apart", type=float, default=0.5, help="days between regular rounds")
    parser.add_argument("--coarse", action="store_true", help="no denser rounds around the changes")
    arguments = parser.parse_args()
    hosts = [t.name for t in load_targets() if t.kind is TargetKind.HOST]
    switches = write_script(load_yaml("indonesia_2017.yaml")["events"], hosts)
    every = timedelta(days=arguments.days_apart)
    times = round_times(() if arguments.coarse else switches, every=every)
    store = open_store(arguments.database)
    replay = Replay(store, load_config(CONFIG), LabControl(), every=every)
    n = asyncio.run(replay.run(switches, times))
    sys.stderr.write(f"{n:,} emulated measurements in {len(times)} rounds.\n")
    if arguments.coarse:
        return 0
    events = [revision.event for revision in store.load_events() if is_published(revision.event)]
    problems = compare(events, switches)
    for event in events:
        sys.stderr.write(f"Found {event.id}: {finding(event, load_text('en'))}\n{_delay_of(event)}\n")
    sys.stderr.write(
        "\n".join(problems) + "\n" if problems else "Found as it was played, and nothing else.\n"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
