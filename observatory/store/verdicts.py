"""What measurements mean, replaced when they are judged again."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, update

from observatory.model import Verdict
from observatory.store.blobs import CHUNK
from observatory.store.cell_counts import COUNTED, CellKey, Counted, change_cells, count_cells
from observatory.store.database import Database, WritableDatabase
from observatory.store.latest import correct_latest
from observatory.store.packing import LEADS_COLUMNS, VERDICT_COLUMNS, encode_verdict, parse_verdict
from observatory.store.schema import ledger, measurements, verdicts

_NAMES: Final = ("id", "number", "vantage", "target")


class VerdictReader(Database):
    """Verdicts by the id of their measurement."""

    def load_verdicts(self, ids: Collection[str]) -> dict[str, Verdict]:
        """Return the verdicts of these measurements by id; those that are not there are left out."""
        wanted = sorted(ids)
        found: dict[str, Verdict] = {}
        with self._reading() as connection:
            for start in range(0, len(wanted), CHUNK):
                query = (
                    select(ledger.c.id, verdicts)
                    .join(verdicts, verdicts.c.number == ledger.c.number)
                    .where(ledger.c.id.in_(wanted[start : start + CHUNK]))
                )
                found.update((row.id, parse_verdict(row)) for row in connection.execute(query))
        return found


class VerdictWriter(WritableDatabase):
    """Verdicts that take the place of others."""

    def replace_verdicts(
        self, new: Mapping[str, Verdict], *, expected: Mapping[str, Verdict] | None = None
    ) -> int:
        """Put new verdicts in the place of old ones, by measurement id; return how many were replaced.

        Shape:  the old counts leave the cells and the new ones enter in the same transaction; `latest`
                follows. Ids whose raw row is not there (any more) are skipped, and with `expected` those
                whose stored verdict is no longer the one expected: it changed concurrently.
        Errors: StoreError; then every verdict is as it was.
        """
        if not new:
            return 0
        ids = sorted(new)
        with self._writing() as connection:
            changes: Counter[CellKey] = Counter()
            rows: list[dict[str, Any]] = []
            for start in range(0, len(ids), CHUNK):
                for found in _load_judged(connection, ids[start : start + CHUNK]):
                    verdict, old = new[found.id], parse_verdict(found)
                    if expected is not None and expected.get(found.id) != old:
                        continue
                    counted = Counted(**{name: getattr(found, name) for name in COUNTED})
                    changes.subtract(count_cells(counted, old))
                    changes.update(count_cells(counted, verdict))
                    names = {f"of_{name}": getattr(found, name) for name in _NAMES}
                    rows.append(names | encode_verdict(verdict))
            if rows:
                _overwrite(connection, rows)
                change_cells(connection, changes)
            return len(rows)


def _load_judged(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    query = (
        select(ledger.c.id, verdicts, *(measurements.c[name] for name in COUNTED))
        .join(measurements, measurements.c.number == ledger.c.number)
        .join(verdicts, verdicts.c.number == ledger.c.number)
        .where(ledger.c.id.in_(ids))
    )
    return connection.execute(query).all()


def _overwrite(connection: Connection, rows: list[dict[str, Any]]) -> None:
    names = (*VERDICT_COLUMNS, *LEADS_COLUMNS, "details")
    columns: dict[str, Any] = {name: bindparam(name) for name in names}
    connection.execute(
        update(verdicts).where(verdicts.c.number == bindparam("of_number")).values(columns), rows
    )
    correct_latest(connection, rows)
