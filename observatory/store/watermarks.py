"""Named moments up to which something was done."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from observatory.store.schema import watermarks

# Raw rows that started before it are gone, so their cells cannot be counted again.
RAW_FROM: Final = "raw_from"


def load_watermark(connection: Connection, name: str) -> datetime | None:
    """Return the moment of that name; None when none was set."""
    return connection.execute(select(watermarks.c.at).where(watermarks.c.name == name)).scalar()
