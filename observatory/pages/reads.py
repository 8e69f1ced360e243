"""Reads for pages, cached for seconds and shared by all sessions; results are immutable and never copied."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, ParamSpec, TypeVar

import streamlit as st

from observatory.model import Cell, Grain
from observatory.store import (
    URL_VARIABLE,
    ConfigState,
    Coverage,
    Gap,
    Latest,
    Share,
    Store,
    VantageStatus,
    open_store,
)

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
def _store(url: str) -> Store:
    return open_store(url or None, read_only=True)


@st.cache_resource(ttl=3, max_entries=4, show_spinner=False)
def read_coverage(url: str) -> Coverage:
    """Return what there is; all other reads take it as part of their key. Errors: StoreError."""
    return _store(url).load_coverage()


@_cached
def read_latest(url: str, coverage: Coverage, emulated: bool) -> tuple[Latest, ...]:
    """Return the newest verdicts of one kind: emulated and real ones never stand in one table."""
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
) -> tuple[Cell, ...]:
    return _store(url).load_cells(grain, start, end, targets=targets, vantages=vantages, emulated=emulated)


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
