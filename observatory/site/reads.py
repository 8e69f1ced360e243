"""Reads for pages, cached for seconds and shared by all sessions; results are immutable and never copied."""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, ParamSpec, TypeVar

import streamlit as st

from observatory.model import Cell, Grain, Note, Revision, Spell, Verdict
from observatory.model.views import ConfigState, Coverage, Gap, Latest, Share, VantageStatus
from observatory.store import URL_VARIABLE, StoreReader, open_reader
from probes.records import Measurement, TargetKind

# A page left open asks this often; a round lasts longer, so nothing is missed.
REFRESH_S: Final = 15
_TTL_S: Final = 10
P = ParamSpec("P")
R = TypeVar("R")


def _cached(read: Callable[P, R]) -> Callable[P, R]:
    decorated: Callable[P, R] = st.cache_resource(ttl=_TTL_S, max_entries=64, show_spinner=False)(read)
    return decorated


def database_url() -> str:
    """Return the address that the environment names, empty for the default: part of every key."""
    return os.environ.get(URL_VARIABLE, "")


@st.cache_resource(show_spinner=False, max_entries=4)
def _store(url: str) -> StoreReader:
    return open_reader(url or None)


@st.cache_resource(ttl=3, max_entries=4, show_spinner=False)
def read_coverage(url: str) -> Coverage:
    """Return what there is; all other reads take it as part of their key. Errors: StoreError."""
    return _store(url).load_coverage()


@_cached
def read_latest(url: str, coverage: Coverage, emulated: bool) -> tuple[Latest, ...]:
    """Return the newest verdicts of one kind: emulated and real ones are never shown together."""
    return tuple(latest for latest in _store(url).load_latest() if latest.emulated == emulated)


@st.cache_resource(ttl=3, max_entries=16, show_spinner=False)
def read_vantages(url: str, coverage: Coverage, now: datetime | None) -> tuple[VantageStatus, ...]:
    """Return the vantage points; `now` ends the 24 hours of gaps, None means the wall clock."""
    return _store(url).load_vantage_status(now=now)


@st.cache_resource(ttl=3, max_entries=4, show_spinner=False)
def read_config_state(url: str) -> ConfigState | None:
    return _store(url).load_config_state()


@_cached
def read_cells(
    url: str,
    coverage: Coverage,
    grain: Grain,
    start: datetime,
    end: datetime,
    targets: tuple[str, ...],
    vantages: tuple[str, ...],
    emulated: bool,
    layer: str,
) -> tuple[Cell, ...]:
    return _store(url).load_cells(
        grain, start, end, layer=layer, targets=targets, vantages=vantages, emulated=emulated
    )


@_cached
def read_share(
    url: str,
    coverage: Coverage,
    grain: Grain,
    start: datetime,
    end: datetime,
    by: Literal["vantage", "target"],
    targets: tuple[str, ...],
    vantages: tuple[str, ...],
    emulated: bool,
) -> tuple[Share, ...]:
    return _store(url).load_share(
        grain, start, end, by=by, targets=targets, vantages=vantages, emulated=emulated
    )


@_cached
def read_gaps(url: str, coverage: Coverage, start: datetime, end: datetime) -> tuple[Gap, ...]:
    return _store(url).load_gaps(start, end)


# Events are found some time after their measurements, and the coverage does not change then: read more often.
_EVENTS_TTL_S: Final = 4


@st.cache_resource(ttl=_EVENTS_TTL_S, max_entries=8, show_spinner=False)
def read_events(url: str, coverage: Coverage, emulated: bool) -> tuple[Revision, ...]:
    """Return the newest revision of each event of one kind, withdrawn ones too, newest onset first."""
    return _store(url).load_events(emulated=emulated)


@st.cache_resource(ttl=_EVENTS_TTL_S, max_entries=16, show_spinner=False)
def find_event(url: str, coverage: Coverage, event_id: str) -> Revision | None:
    """Return the newest revision of one event, real or emulated."""
    return _store(url).load_event(event_id)


@st.cache_resource(ttl=600, max_entries=16, show_spinner=False)
def read_revisions(url: str, event_id: str, number: int) -> tuple[Revision, ...]:
    """Return the revisions of an event up to `number`; a revision never changes."""
    return tuple(r for r in _store(url).load_revisions(event_id) if r.number <= number)


@st.cache_resource(ttl=_EVENTS_TTL_S, max_entries=16, show_spinner=False)
def read_notes(url: str, event_id: str) -> tuple[Note, ...]:
    return _store(url).load_notes(event_id)


@_cached
def read_open_spells(url: str, coverage: Coverage, emulated: bool) -> tuple[Spell, ...]:
    """Return what goes on now, suspected or confirmed, whether it is part of an event or not."""
    store = _store(url)
    going_on = [series for series in store.load_open_series() if series.emulated == emulated]
    return tuple(spell for spell in store.load_spells(going_on) if spell.end is None)


# It reads all spells there ever were, and rules change seldom.
@st.cache_resource(ttl=60, max_entries=4, show_spinner=False)
def read_rule_changes(url: str, emulated: bool) -> tuple[Spell, ...]:
    """Return the spells that a change of our rules or reference data caused."""
    found = _store(url).load_spells()
    return tuple(spell for spell in found if spell.onset_from_rule_change and spell.emulated == emulated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A measurement with all that its page shows; `received_at` alone when its raw row was deleted.

    `controls` are those whose rows are still there, `n_controls_gone` counts the others.
    """

    measurement: Measurement | None = None
    verdict: Verdict | None = None
    canary: Measurement | None = None
    controls: tuple[Measurement, ...] = ()
    n_controls_gone: int = 0
    received_at: datetime | None = None
    is_damaged: bool = False


@st.cache_resource(ttl=_TTL_S, max_entries=16, show_spinner=False)
def find_measurement(url: str, coverage: Coverage, measurement_id: str) -> Found:
    """Return one measurement, its canary and its controls. Errors: StoreError."""
    store = _store(url)
    try:
        judged = store.load_measurement(measurement_id)
        if judged is None:
            return Found(received_at=store.load_received_at(measurement_id))
        measurement, verdict = judged
        canaries = store.load_measurements(
            vantage=measurement.vantage,
            round_id=measurement.round_id,
            kind=TargetKind.CANARY,
            limit=1,
        )
        controls = store.load_measurements(ids=verdict.controls) if verdict.controls else []
    except (KeyError, ValueError, zlib.error, ExceptionGroup):
        return Found(is_damaged=True)
    order = {id_: number for number, id_ in enumerate(verdict.controls)}
    return Found(
        measurement=measurement,
        verdict=verdict,
        canary=canaries[0] if canaries else None,
        controls=tuple(sorted(controls, key=lambda c: order[c.id])),
        n_controls_gone=len(order) - len(controls),
    )
