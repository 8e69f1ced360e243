"""Checkpoints: how far the sequential test of each series has come."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, select

from observatory.model import Series
from observatory.model.detection import Checkpoint
from observatory.store.database import Database
from observatory.store.engine import insert_into
from observatory.store.schema_events import checkpoints
from observatory.store.series import chunks, columns_of, is_one_of, series_of


class CheckpointReader(Database):
    """Checkpoints of series."""

    def load_checkpoints(self, series: Collection[Series]) -> dict[Series, Checkpoint]:
        """Return the checkpoints of these series; those never tested are left out."""
        with self._reading() as connection:
            found = [
                Checkpoint(series=series_of(row), at=row.at, state=row.state)
                for chunk in chunks(sorted(series))
                for row in connection.execute(select(checkpoints).where(is_one_of(checkpoints, chunk)))
            ]
        return {checkpoint.series: checkpoint for checkpoint in found}


def save_checkpoints(connection: Connection, found: Sequence[Checkpoint]) -> None:
    """Put these in the place of the earlier ones of their series."""
    statement = insert_into(connection, checkpoints)
    values = {name: statement.excluded[name] for name in ("at", "state")}
    key = ("asn", "target", "emulated")
    connection.execute(
        statement.on_conflict_do_update(index_elements=[checkpoints.c[n] for n in key], set_=values),
        [columns_of(s.series) | {"at": s.at, "state": s.state} for s in found],
    )
