"""Opening the database: `StoreReader` for code that shows what is there, `Store` for code that adds to it.

Both are put together from what the module of each kind of row offers; each method is next to its SQL.
"""

import os
from pathlib import Path
from typing import Final

from observatory.store.alerts import AlertReader, AlertWriter
from observatory.store.cells import CellReader, CellWriter
from observatory.store.checkpoints import CheckpointReader
from observatory.store.config_state import ConfigStateReader, ConfigStateWriter
from observatory.store.coverage import CoverageReader
from observatory.store.deliveries import DeliveryReader, DeliveryWriter
from observatory.store.detection import DetectionWriter
from observatory.store.dirty_series import DirtySeriesReader, DirtySeriesWriter
from observatory.store.engine import make_engine, parse_url
from observatory.store.errors import StoreError, StoreUnavailable
from observatory.store.events import EventReader
from observatory.store.gaps import GapReader, GapWriter
from observatory.store.judged_rows import JudgedRowReader
from observatory.store.latest import LatestReader
from observatory.store.measurement_states import MeasurementStateReader
from observatory.store.measurements import MeasurementReader, MeasurementWriter
from observatory.store.migrate import check_version, migrate
from observatory.store.notes import NoteReader, NoteWriter
from observatory.store.retention import RetentionReader, RetentionWriter
from observatory.store.runs import RunWriter
from observatory.store.spells import SpellReader
from observatory.store.vantage_points import VantagePointReader, VantagePointWriter
from observatory.store.verdicts import VerdictReader, VerdictWriter

DEFAULT_URL: Final = "sqlite:///var/observatory.sqlite"
URL_VARIABLE: Final = "OBSERVATORY_DATABASE"


class StoreReader(
    MeasurementReader,
    VerdictReader,
    MeasurementStateReader,
    JudgedRowReader,
    CellReader,
    LatestReader,
    CoverageReader,
    VantagePointReader,
    GapReader,
    ConfigStateReader,
    DirtySeriesReader,
    CheckpointReader,
    SpellReader,
    EventReader,
    NoteReader,
    AlertReader,
    DeliveryReader,
    RetentionReader,
):
    """All that is kept, to read. It has no method that writes, and its connections refuse to."""


class Store(
    StoreReader,
    MeasurementWriter,
    VerdictWriter,
    CellWriter,
    VantagePointWriter,
    RunWriter,
    GapWriter,
    ConfigStateWriter,
    DirtySeriesWriter,
    DetectionWriter,
    NoteWriter,
    AlertWriter,
    DeliveryWriter,
    RetentionWriter,
):
    """All that is kept, to read and to write."""


def find_url(url: str | None = None) -> str:
    """Return the address that `open_store` and `open_reader` use: the given one, else the environment's
    OBSERVATORY_DATABASE, else sqlite:///var/observatory.sqlite here.
    """
    return url or os.environ.get(URL_VARIABLE) or DEFAULT_URL


def open_reader(url: str | None = None) -> StoreReader:
    """Open the database to read it; nothing is created, upgraded or changed.

    Shape:  `url` as `find_url` takes it. Any number of processes may open it at once.
    Errors: StoreUnavailable when there is nothing to read, or another version wrote it. It says what to do.
    """
    address = parse_url(find_url(url))
    path = Path(address.database or "")
    if not path.is_file():
        raise StoreUnavailable(
            f"{path}: no database yet; start probing with `observatory up` or `make run` to create it"
        )
    engine = make_engine(address, read_only=True)
    try:
        check_version(engine)
    except BaseException:
        engine.dispose()
        raise
    return StoreReader(engine, str(path))


def open_store(url: str | None = None) -> Store:
    """Open the database to write to it, creating or upgrading its tables.

    Shape:  `url` as `find_url` takes it. Any number of processes may open it at once.
    Errors: StoreUnavailable when a newer version or another program wrote it; StoreError when the file cannot
            be made or written. Both say what to do.
    """
    address = parse_url(find_url(url))
    path = Path(address.database or "")
    _make_private(path)
    engine = make_engine(address)
    try:
        migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, str(path))


def find_path(url: str | None = None) -> Path:
    """Return the file that `open_store` would open; nothing is opened. Errors: StoreUnavailable."""
    return Path(parse_url(find_url(url)).database or "")


def _make_private(path: Path) -> None:
    """Make the file and its folder, for this user alone; what is there already keeps its rights."""
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            # SQLite gives the files beside it the same rights. Another process may have been quicker.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(
            f"{folder}: the database cannot be made in this folder ({error.strerror}); make the folder "
            f"yourself, writable for this user, or name another place with --database or in {URL_VARIABLE}"
        ) from error
