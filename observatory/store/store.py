"""The store as its users see it: one object, thin over the modules beside it."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from sqlalchemy import Engine

from observatory.model import (
    OVERALL,
    Alert,
    AlertKind,
    Audience,
    Cell,
    Grain,
    Note,
    Revision,
    Role,
    Series,
    Spell,
    State,
    VantagePoint,
    Verdict,
)
from observatory.model.views import (
    ConfigState,
    Coverage,
    Delivery,
    Gap,
    Latest,
    Outbox,
    RowPosition,
    Selection,
    Share,
    VantageStatus,
)
from observatory.store import (
    alerts,
    cells,
    counts,
    detection,
    events,
    operations,
    queries,
    raw,
    retention,
    writer,
)
from observatory.store.counts import MeasurementState, SeriesCells
from observatory.store.detection import Checkpoint, DetectionResult, DirtySeries
from observatory.store.engine import make_engine, parse_url, reading
from observatory.store.errors import StoreError, StoreUnavailable
from observatory.store.migrate import check_version, migrate
from probes.records import Measurement, TargetKind

if TYPE_CHECKING:
    from observatory.store.grids import Counts

DEFAULT_URL: Final = "sqlite:///var/observatory.sqlite"
URL_VARIABLE: Final = "OBSERVATORY_DATABASE"


def open_store(url: str | None = None, *, read_only: bool = False) -> "Store":
    """Open the database, creating or upgrading its tables unless it is opened for reading only.

    Shape:  `url` as SQLAlchemy spells it; without one, the environment's OBSERVATORY_DATABASE, else
            sqlite:///var/observatory.sqlite here. Any number of processes may open it at once.
    Errors: StoreUnavailable when there is nothing to read, or a newer version wrote it; StoreError when the
            file cannot be made or written. Both say what to do.
    """
    address = parse_url(url or os.environ.get(URL_VARIABLE) or DEFAULT_URL)
    path = Path(address.database or "")
    if read_only and not path.is_file():
        raise StoreUnavailable(f"{path}: no database yet; start probing with `make run` to create it")
    engine = make_engine(address, read_only=read_only)
    try:
        if read_only:
            check_version(engine)
        else:
            _make_folder(path.parent)
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder}: the folder of the database cannot be made ({error.strerror}); "
            f"make it yourself, or name another place in {URL_VARIABLE}"
        ) from error


class Store:
    """All that is kept. Safe to share between threads; every method is one transaction of its own.

    Errors: every method raises StoreError when the database refuses; then nothing was changed.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """Let go of all connections; the next call would open new ones."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing: see writer.py, operations.py, retention.py.

    def save_measurements(
        self, judged: Sequence[tuple[Measurement, Verdict]], *, received_at: datetime
    ) -> int:
        """Store measurements with their verdicts in one transaction; return how many ids were new."""
        return writer.save_measurements(self.engine, judged, received_at=received_at)

    def replace_verdicts(
        self, verdicts: Mapping[str, Verdict], *, expected: Mapping[str, Verdict] | None = None
    ) -> int:
        """Put new verdicts in the place of old ones, by measurement id; return how many were replaced.

        With `expected`, only where the stored one is still what is expected there.
        """
        return writer.replace_verdicts(self.engine, verdicts, expected=expected)

    def save_vantage_points(self, vantage_points: Iterable[VantagePoint], *, at: datetime) -> None:
        """Keep what the config says now; vantage points it no longer names are marked removed."""
        operations.save_vantage_points(self.engine, vantage_points, at=at)

    def save_imported_points(self, vantage_points: Iterable[VantagePoint], *, at: datetime) -> None:
        """Keep vantage points of others; what the config names, or named once, stays as it is."""
        operations.save_imported_points(self.engine, vantage_points, at=at)

    def record_run(
        self,
        vantage: str,
        *,
        started_at: datetime,
        finished_at: datetime | None,
        next_run_at: datetime | None,
        n_measurements: int,
        error: str | None = None,
    ) -> None:
        """Keep how the last round of a vantage point went."""
        operations.record_run(
            self.engine,
            vantage,
            started_at=started_at,
            finished_at=finished_at,
            next_run_at=next_run_at,
            n_measurements=n_measurements,
            error=error,
        )

    def record_gap(self, vantage: str, *, at: datetime, reason: str, detail: str) -> None:
        """Keep that a round due at this time did not take place; `reason` is a `GapReason`."""
        operations.record_gap(self.engine, vantage, at=at, reason=reason, detail=detail)

    def record_config(self, *, path: str, at: datetime, errors: Sequence[str]) -> None:
        """Keep how the last reading of the config went; no errors means that it is in force."""
        operations.record_config(self.engine, path=path, at=at, errors=errors)

    def recompute_cells(self, start: datetime, end: datetime) -> int:
        """Count the cells of all UTC days touching [start, end) again; return how many were wrong."""
        return cells.recompute_cells(self.engine, start, end)

    def delete_raw_before(self, at: datetime) -> int:
        """Delete the raw rows of whole UTC days before `at`; cells stay. Return how many rows went."""
        return retention.delete_raw_before(self.engine, at)

    # Raw rows, for the judge: see raw.py.

    def load_measurements(
        self,
        *,
        ids: Collection[str] | None = None,
        target: str | None = None,
        targets: Collection[str] | None = None,
        vantage: str | None = None,
        round_id: str | None = None,
        kind: TargetKind | None = None,
        roles: Collection[Role] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        provisional: bool | None = None,
        state: State | None = None,
        limit: int | None = None,
    ) -> list[Measurement]:
        """Return stored measurements, oldest first; `end` is exclusive, None asks for anything."""
        return raw.load_measurements(
            self.engine,
            ids=ids,
            target=target,
            targets=targets,
            vantage=vantage,
            round_id=round_id,
            kind=kind,
            roles=roles,
            start=start,
            end=end,
            provisional=provisional,
            state=state,
            limit=limit,
        )

    def load_measurement(self, measurement_id: str) -> tuple[Measurement, Verdict] | None:
        """Return one measurement with its verdict; None when it is not there (any more)."""
        return raw.load_measurement(self.engine, measurement_id)

    def load_places(
        self, selection: Selection, *, after: RowPosition | None, limit: int
    ) -> tuple[RowPosition, ...]:
        """Return where the next measurements of a selection lie, oldest first, going on after one."""
        return raw.load_places(self.engine, selection, after=after, limit=limit)

    def count_measurements(self, selection: Selection) -> int:
        """Return how many measurements with raw rows a selection holds."""
        return raw.count_measurements(self.engine, selection)

    def load_received_at(self, measurement_id: str) -> datetime | None:
        """Return when a measurement arrived, though its raw row may be gone; None for an unknown id."""
        return raw.load_received_at(self.engine, measurement_id)

    def load_raw_from(self) -> datetime | None:
        """Return the moment before which raw rows were deleted; None when none ever were."""
        with reading(self.engine) as connection:
            return cells.load_raw_from(connection)

    def load_verdicts(self, ids: Collection[str]) -> dict[str, Verdict]:
        """Return the verdicts of these measurements by id; those that are not there are left out."""
        return raw.load_verdicts(self.engine, ids)

    # Onsets and ends: see counts.py and detection.py.

    def load_dirty_series(self, limit: int) -> tuple[DirtySeries, ...]:
        """Return series whose hours changed since they were looked at."""
        return detection.load_dirty_series(self.engine, limit)

    def load_checkpoints(self, series: Collection[Series]) -> dict[Series, Checkpoint]:
        """Return where the tests of these series stand; those never tested are left out."""
        return detection.load_checkpoints(self.engine, series)

    def load_counts(self, series: Sequence[Series], start: datetime | None) -> "Counts":
        """Return what was ok and what blocked per hour and series."""
        # Loads numpy, which only the search for onsets needs.
        from observatory.store import grids

        return grids.load_counts(self.engine, series, start)

    def load_series_cells(
        self,
        of: Series,
        start: datetime,
        *,
        layers_from: datetime | None = None,
        least_blocked: int = 1,
        end: datetime | None = None,
    ) -> SeriesCells:
        """Return the hourly cells of one series in [start, end); its layers from `layers_from` on."""
        return counts.load_series_cells(
            self.engine, of, start, layers_from=layers_from, least_blocked=least_blocked, end=end
        )

    def load_rows(
        self,
        of: Series,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        states: Collection[State] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[MeasurementState]:
        """Return measurements of one series that have raw rows, with their states."""
        return counts.load_rows(
            self.engine, of, start=start, end=end, states=states, newest_first=newest_first, limit=limit
        )

    def load_control_rows(
        self, target: str, *, emulated: bool, start: datetime, end: datetime
    ) -> list[MeasurementState]:
        """Return what control vantage points found of a target between two moments."""
        return counts.load_control_rows(self.engine, target, emulated=emulated, start=start, end=end)

    def load_spells(self, series: Collection[Series] | None = None) -> list[Spell]:
        """Return the spells found so far, of all series or of some."""
        return detection.load_spells(self.engine, series)

    def load_open_series(self) -> list[Series]:
        """Return the series of which a spell goes on."""
        return detection.load_open_series(self.engine)

    def save_result(self, result: DetectionResult, *, at: datetime) -> None:
        """Keep what one look found; Overtaken when another process was quicker."""
        detection.save_result(self.engine, result, at=at)

    def mark_all_dirty(self) -> int:
        """Let every series be looked at from its beginning; return how many there are."""
        return detection.mark_all_dirty(self.engine)

    # Events and the log of alerts: see events.py.

    def load_events(self, *, emulated: bool | None = None) -> tuple[Revision, ...]:
        """Return every event as it stands now, the newest onset first; withdrawn ones too."""
        return events.load_events(self.engine, emulated=emulated)

    def load_event(self, event_id: str) -> Revision | None:
        """Return one event as it stands now; None for an id that was never given."""
        return events.load_event(self.engine, event_id)

    def load_revisions(self, event_id: str, *, number: int | None = None) -> tuple[Revision, ...]:
        """Return all that an event ever said, oldest first, or one revision."""
        return events.load_revisions(self.engine, event_id, number=number)

    def load_alerts(
        self,
        *,
        after: int = 0,
        of_events: Collection[str] | None = None,
        kinds: Collection[AlertKind] | None = None,
        limit: int | None = None,
    ) -> tuple[Alert, ...]:
        """Return the log of alerts in order, from the row after a number on."""
        return events.load_alerts(self.engine, after=after, of_events=of_events, kinds=kinds, limit=limit)

    def save_alerts(self, alerts: Sequence[Alert]) -> None:
        """Add rows to the log; what is in it never changes."""
        events.save_alerts(self.engine, alerts)

    def load_last_alert_of_vantages(self) -> dict[str, Alert]:
        """Return the newest alert about each vantage point that has any."""
        return events.load_last_alert_of_vantages(self.engine)

    def save_note(self, note: Note) -> None:
        """Add a person's note to an event; KeyError when there is no such event."""
        events.save_note(self.engine, note)

    def load_notes(self, event_id: str) -> tuple[Note, ...]:
        """Return the notes on an event, oldest first."""
        return events.load_notes(self.engine, event_id)

    # Telling channels about alerts: see alerts.py.

    def open_channel(self, channel: str, *, at: datetime) -> int:
        """Remember a channel when it is first met; return how many alerts are history to it by then."""
        return alerts.open_channel(self.engine, channel, at=at)

    def load_outbox(self, channel: str, *, audience: Audience, sent_since: datetime) -> Outbox:
        """Return what a channel is still to be told, and when it was told something since a time."""
        return alerts.load_outbox(self.engine, channel, audience=audience, sent_since=sent_since)

    def claim_alerts(
        self, channel: str, claimed: Sequence[Delivery], *, message: str, until: datetime
    ) -> bool:
        """Take alerts for one message until a time; False when another sender has any of them."""
        return alerts.claim_alerts(self.engine, channel, claimed, message=message, until=until)

    def mark_delivered(self, channel: str, message: str, *, at: datetime) -> None:
        """Keep that a channel took a message."""
        alerts.mark_delivered(self.engine, channel, message, at=at)

    def mark_failed(
        self, channel: str, message: str, *, error: str, again_at: datetime | None, in_doubt: bool
    ) -> None:
        """Keep that a message failed, and when to try again (None: never); `in_doubt`: it may have come."""
        alerts.mark_failed(self.engine, channel, message, error=error, again_at=again_at, in_doubt=in_doubt)

    def put_off_alerts(
        self, channel: str, put_off: Sequence[Delivery], *, until: datetime | None, reason: str
    ) -> None:
        """Keep that alerts wait until a time, or with None that they will never be told, and why."""
        alerts.put_off_alerts(self.engine, channel, put_off, until=until, reason=reason)

    def load_deliveries(self, *, first: int = 0) -> tuple[tuple[str, Delivery], ...]:
        """Return how far alerts have come on each channel that tried: (channel, delivery) in log order."""
        return alerts.load_deliveries(self.engine, first=first)

    # What pages show: see queries.py and operations.py.

    def load_vantage_status(self, *, now: datetime | None = None) -> tuple[VantageStatus, ...]:
        """Return every vantage point the config ever named; `now` (wall clock) ends the 24 h of gaps."""
        return operations.load_vantage_status(self.engine, now=now or datetime.now(UTC))

    def load_control_vantages(self) -> frozenset[str]:
        """Return the ids of the vantage points with the role control, removed ones too."""
        return operations.load_control_vantages(self.engine)

    def load_latest(self) -> tuple[Latest, ...]:
        """Return the newest verdict of every target from every vantage point."""
        return queries.load_latest(self.engine)

    def load_cells(
        self,
        grain: Grain,
        start: datetime,
        end: datetime,
        *,
        layer: str = OVERALL,
        targets: Collection[str] | None = None,
        vantages: Collection[str] | None = None,
        emulated: bool | None = None,
    ) -> tuple[Cell, ...]:
        """Return the cells whose bucket starts in [start, end), one per outcome met."""
        return queries.load_cells(
            self.engine,
            grain,
            start,
            end,
            layer=layer,
            targets=targets,
            vantages=vantages,
            emulated=emulated,
        )

    def load_share(
        self,
        grain: Grain,
        start: datetime,
        end: datetime,
        *,
        by: Literal["vantage", "target"],
        layer: str = OVERALL,
        targets: Collection[str] | None = None,
        vantages: Collection[str] | None = None,
        emulated: bool | None = None,
    ) -> tuple[Share, ...]:
        """Return how much was blocked per bucket and vantage point or target."""
        return queries.load_share(
            self.engine,
            grain,
            start,
            end,
            by=by,
            layer=layer,
            targets=targets,
            vantages=vantages,
            emulated=emulated,
        )

    def load_coverage(self) -> Coverage:
        """Return what the store holds: from when to when, how much, emulated or real."""
        return queries.load_coverage(self.engine)

    def load_gaps(self, start: datetime, end: datetime) -> tuple[Gap, ...]:
        """Return the gaps in [start, end), oldest first."""
        return operations.load_gaps(self.engine, start, end)

    def load_config_state(self) -> ConfigState | None:
        """Return how the last reading of the config went; None before the first."""
        return operations.load_config_state(self.engine)
