"""What passes between the store and the search for onsets and ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from observatory.model.alerts import Alert, AlertKind
from observatory.model.events import Event, Spell
from observatory.model.series import Series
from observatory.model.verdicts import Finding, State


@dataclass(frozen=True, slots=True, kw_only=True)
class DirtySeries:
    """A series whose hours changed, from `since` on; `n` counts the changes."""

    series: Series
    since: datetime
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """How far the test of a series had come before the hour `at`; `state` is the searcher's own text."""

    series: Series
    at: datetime
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementState:
    """One measurement with its verdict, as far as onsets and ends need it."""

    id: str
    vantage: str
    at: datetime
    state: State
    mechanism: str | None = None
    round_id: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """One measurement of a series with what each of its layers was found to be."""

    at: datetime
    state: State
    mechanism: str | None
    resolver: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCounts:
    """How controls found a target over some time. `n_failed` is whatever was judged and not ok."""

    n_ok: int = 0
    n_failed: int = 0
    n_unjudged: int = 0
    n_offline: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCells:
    """The hourly cells of one series and its layers, as numbers: a year has tens of thousands.

    Shape:  `rows` are (microseconds since 1970, number of the series, number of the outcome, n), by series
            and time; `series` says (vantage point, layer, resolver), `outcomes` (state, mechanism or empty,
            rule id, (version of rules, of reference data)).
    """

    rows: Sequence[tuple[int, int, int, int]]
    series: Mapping[int, tuple[str, str, str]]
    outcomes: Mapping[int, tuple[State, str, str, tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionResult:
    """What one search found, to be kept whole or not at all.

    Shape:  `searched` are the series it went through. `spells` replaces all spells of each of its series.
            `revised` are events that say something new, with the causes, `updated` those that say the same
            with newer counts. `known` are the revisions that all this rests on; `alerts` without a revision
            get the new one of their event.
    """

    searched: Sequence[DirtySeries]
    checkpoints: Sequence[Checkpoint]
    spells: Mapping[Series, Sequence[Spell]]
    revised: Mapping[str, tuple[Event, tuple[AlertKind, ...]]]
    updated: Sequence[Event]
    known: Mapping[str, int]
    alerts: Sequence[Alert]
