"""All SQL is here. Measurements and verdicts go in through `Store`, what a page shows comes out of it."""

from observatory.model.views import (
    ConfigState,
    Coverage,
    Delivery,
    Gap,
    GapReason,
    Latest,
    Outbox,
    Place,
    Selection,
    Share,
    VantageStatus,
)
from observatory.store.counts import Row, SeriesCells, Watched
from observatory.store.detection import Overtaken, Result, Standing, Touched
from observatory.store.errors import StoreError, StoreUnavailable
from observatory.store.schema import parse_time
from observatory.store.store import DEFAULT_URL, URL_VARIABLE, Store, open_store

__all__ = [
    "DEFAULT_URL",
    "URL_VARIABLE",
    "ConfigState",
    "Coverage",
    "Delivery",
    "Gap",
    "GapReason",
    "Latest",
    "Outbox",
    "Overtaken",
    "Place",
    "Result",
    "Row",
    "Selection",
    "SeriesCells",
    "Share",
    "Standing",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "Touched",
    "VantageStatus",
    "Watched",
    "open_store",
    "parse_time",
]
