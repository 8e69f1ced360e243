"""All SQL is here. What `open_reader` gives can only read, what `open_store` gives can write as well."""

from observatory.store.errors import StaleDetection, StoreError, StoreLost, StoreUnavailable
from observatory.store.schema import parse_time
from observatory.store.store import (
    DEFAULT_URL,
    URL_VARIABLE,
    Store,
    StoreReader,
    find_path,
    find_url,
    open_reader,
    open_store,
)

__all__ = [
    "DEFAULT_URL",
    "URL_VARIABLE",
    "StaleDetection",
    "Store",
    "StoreError",
    "StoreLost",
    "StoreReader",
    "StoreUnavailable",
    "find_path",
    "find_url",
    "open_reader",
    "open_store",
    "parse_time",
]
