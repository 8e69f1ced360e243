"""Deleting raw rows; what they were counted into stays."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, select

from observatory.model import Grain
from observatory.store.blobs import delete_unused_blobs
from observatory.store.cell_counts import WIDTH_S, floor_time
from observatory.store.database import Database, WritableDatabase
from observatory.store.engine import insert_into
from observatory.store.schema import measurement_blobs, measurements, watermarks
from observatory.store.watermarks import RAW_FROM, load_watermark

KEEP_RAW_DAYS: Final = 400
_CHUNK: Final = 200


class RetentionReader(Database):
    """Since when there are raw rows."""

    def load_raw_from(self) -> datetime | None:
        """Return the moment before which raw rows were deleted; None when none ever were."""
        with self._reading() as connection:
            return load_watermark(connection, RAW_FROM)


class RetentionWriter(WritableDatabase):
    """Deleting raw rows."""

    def delete_raw_before(self, at: datetime, *, chunk: int = _CHUNK) -> int:
        """Delete the raw rows of whole UTC days before `at`, their verdicts and blobs; return how many rows.

        Shape:  `at` is rounded down to its UTC day, so that a cell has all its raw rows or none. Each chunk
                is a transaction of its own, so that rounds are stored in between. Cells, `latest` and the
                ledger stay.
        Errors: StoreError; what was deleted by then stays deleted, and the next call goes on.
        """
        before = floor_time(at, WIDTH_S[Grain.DAY])
        # First of all: from now on those days are not counted again, from rows that are about to go.
        with self._writing() as connection:
            _raise_watermark(connection, before)
        n_deleted = 0
        while True:
            with self._writing() as connection:
                n = _delete_chunk(connection, before, chunk)
            n_deleted += n
            if n < chunk:
                return n_deleted


def _raise_watermark(connection: Connection, before: datetime) -> None:
    known = load_watermark(connection, RAW_FROM)
    if known is not None and known >= before:
        return
    connection.execute(
        insert_into(connection, watermarks)
        .values(name=RAW_FROM, at=before)
        .on_conflict_do_update(index_elements=[watermarks.c.name], set_={"at": before})
    )


def _delete_chunk(connection: Connection, before: datetime, chunk: int) -> int:
    query = select(measurements.c.number).where(measurements.c.started_at < before)
    numbers = connection.execute(query.order_by(measurements.c.started_at).limit(chunk)).scalars().all()
    if not numbers:
        return 0
    link = measurement_blobs.c
    referred = select(link.blob).where(link.measurement.in_(numbers)).distinct()
    blob_numbers = connection.execute(referred).scalars().all()
    connection.execute(delete(measurements).where(measurements.c.number.in_(numbers)))
    delete_unused_blobs(connection, blob_numbers)
    return len(numbers)
