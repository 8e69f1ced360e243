"""How the last reading of the config went."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from observatory.model.views import ConfigState
from observatory.store.database import Database, WritableDatabase
from observatory.store.engine import insert_into
from observatory.store.schema import config_state


class ConfigStateReader(Database):
    """Whether the config is in force, and since when it was last good."""

    def load_config_state(self) -> ConfigState | None:
        """Return how the last reading of the config went; None before the first."""
        with self._reading() as connection:
            row = connection.execute(select(config_state)).one_or_none()
        if row is None:
            return None
        return ConfigState(
            path=row.path, at=row.at, errors=tuple(json.loads(row.errors)), good_at=row.good_at
        )


class ConfigStateWriter(WritableDatabase):
    """How a reading of the config went; the one before is overwritten."""

    def record_config(self, *, path: str, at: datetime, errors: Sequence[str]) -> None:
        """Keep how the last reading of the config went: no errors means that it is in force."""
        row: dict[str, Any] = {"number": 1, "path": path, "at": at, "errors": json.dumps(list(errors))}
        if not errors:
            row["good_at"] = at
        with self._writing() as connection:
            connection.execute(
                insert_into(connection, config_state)
                .values(row)
                .on_conflict_do_update(index_elements=[config_state.c.number], set_=row)
            )
