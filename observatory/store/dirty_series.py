"""Series whose hours changed since they were searched: added with the cells, removed with the result."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, case, delete, insert, select

from observatory.model import OVERALL, Series
from observatory.model.detection import DirtySeries
from observatory.store.database import Database, WritableDatabase
from observatory.store.engine import insert_into
from observatory.store.errors import StaleDetection
from observatory.store.schema import EPOCH, series
from observatory.store.schema_events import dirty_series
from observatory.store.series import columns_of, is_one_of, probes_only, series_of


class DirtySeriesReader(Database):
    """Series that are still to be searched."""

    def load_dirty_series(self, limit: int) -> tuple[DirtySeries, ...]:
        """Return series whose hours changed since they were searched, in a fixed order."""
        c = dirty_series.c
        query = select(dirty_series).order_by(c.emulated, c.asn, c.target).limit(limit)
        with self._reading() as connection:
            return tuple(
                DirtySeries(series=series_of(row), since=row.since, n=row.n)
                for row in connection.execute(query)
            )


class DirtySeriesWriter(WritableDatabase):
    """Series that are to be searched again."""

    def mark_all_dirty(self) -> int:
        """Let every series be searched from its beginning; return how many there are.

        Checkpoints are kept: what was found before must be known, to be withdrawn when it is not
        found again.
        """
        c = series.c
        with self._writing() as connection:
            query = select(c.asn, c.target, c.emulated).where(c.layer == OVERALL, probes_only())
            found = [series_of(row) for row in connection.execute(query.distinct())]
            connection.execute(delete(dirty_series))
            if found:
                connection.execute(
                    insert(dirty_series), [columns_of(of) | {"since": EPOCH, "n": 1} for of in found]
                )
            return len(found)


def mark_dirty(connection: Connection, since: Mapping[Series, datetime]) -> None:
    """Note that hours of these series changed, and the earliest that did: a search goes back to there."""
    if not since:
        return
    statement = insert_into(connection, dirty_series)
    found, given = dirty_series.c, statement.excluded
    earlier = case((found.since < given.since, found.since), else_=given.since)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[found.asn, found.target, found.emulated],
            # By the count, a search that has read the row sees that it was written again meanwhile.
            set_={"since": earlier, "n": found.n + 1},
        ),
        [columns_of(of) | {"since": at, "n": 1} for of, at in sorted(since.items())],
    )


def forget_searched(connection: Connection, searched: Sequence[DirtySeries]) -> None:
    """Take away what was searched; what changed again meanwhile stays, to be searched once more.

    Errors: StaleDetection when another process has taken one away.
    """
    for item in searched:
        is_this = is_one_of(dirty_series, [item.series])
        n = connection.execute(select(dirty_series.c.n).where(is_this)).scalar()
        if n is None:
            of = item.series
            raise StaleDetection(f"{of.target} at AS{of.asn}: another process searched it meanwhile")
        if n == item.n:
            connection.execute(delete(dirty_series).where(is_this))
