"""All SQL is here. Measurements and verdicts go in through `Store`, what a page shows comes out of it."""

from observatory.model.views import (
    ConfigState,
    Coverage,
    Delivery,
    Gap,
    GapReason,
    Latest,
    Outbox,
    RowPosition,
    Selection,
    Share,
    VantageStatus,
)
from observatory.store.counts import MeasurementState, SeriesCells
from observatory.store.detection import Checkpoint, DetectionResult, DirtySeries, Overtaken
from observatory.store.errors import StoreError, StoreUnavailable
from observatory.store.schema import parse_time
from observatory.store.store import DEFAULT_URL, URL_VARIABLE, Store, open_store

__all__ = [
    "DEFAULT_URL",
    "URL_VARIABLE",
    "Checkpoint",
    "ConfigState",
    "Coverage",
    "Delivery",
    "DetectionResult",
    "DirtySeries",
    "Gap",
    "GapReason",
    "Latest",
    "MeasurementState",
    "Outbox",
    "Overtaken",
    "RowPosition",
    "Selection",
    "SeriesCells",
    "Share",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "VantageStatus",
    "open_store",
    "parse_time",
]
