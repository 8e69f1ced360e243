"""The result of one search, kept whole or not at all."""

from datetime import datetime

from sqlalchemy import Connection, select

from observatory.model.detection import DetectionResult
from observatory.store.alerts import append_alerts
from observatory.store.checkpoints import save_checkpoints
from observatory.store.database import WritableDatabase
from observatory.store.dirty_series import forget_searched
from observatory.store.errors import StaleDetection
from observatory.store.events import save_events
from observatory.store.schema_events import events
from observatory.store.spells import replace_spells


class DetectionWriter(WritableDatabase):
    """Results of searches."""

    def save_result(self, result: DetectionResult, *, at: datetime) -> None:
        """Keep what one search found, and take its series off the list of dirty ones.

        Errors: StaleDetection when an event changed meanwhile, or another process finished with a series;
                StoreError. Either way nothing was changed.
        """
        with self._writing() as connection:
            _check_known(connection, result)
            forget_searched(connection, result.searched)
            if result.checkpoints:
                save_checkpoints(connection, result.checkpoints)
            if result.spells:
                replace_spells(connection, result.spells)
            numbers = save_events(connection, result.revised, result.updated, at=at)
            append_alerts(connection, result.alerts, numbers)


def _check_known(connection: Connection, result: DetectionResult) -> None:
    found = {row.id: row.revision for row in connection.execute(select(events.c.id, events.c.revision))}
    if (result.revised or result.updated) and found != dict(result.known):
        raise StaleDetection("events: another process changed them meanwhile")
