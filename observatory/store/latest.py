"""The newest verdict of every target from every vantage point."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, or_, select, update

from observatory.model import Layer, State, Verdict
from observatory.model.views import Latest
from observatory.store.database import Database
from observatory.store.engine import insert_into
from observatory.store.packing import LEADS_COLUMNS, VERDICT_COLUMNS, encode_verdict, parse_leads_to
from observatory.store.schema import latest
from probes.records import Measurement

_COLUMNS: Final = (
    *(n for n in VERDICT_COLUMNS if n not in ("rules_version", "reference_version")),
    *LEADS_COLUMNS,
)


class LatestReader(Database):
    """What is known now."""

    def load_latest(self) -> tuple[Latest, ...]:
        """Return the newest verdict of every target from every vantage point, by vantage point and target."""
        query = select(latest).order_by(latest.c.vantage, latest.c.target)
        with self._reading() as connection:
            return tuple(_parse(row) for row in connection.execute(query))


def _parse(row: Row[Any]) -> Latest:
    columns = {name: value for name, value in row._asdict().items() if name not in LEADS_COLUMNS}
    read = {"state": State(row.state), "layer": Layer(row.layer), "leads_to": parse_leads_to(row)}
    return Latest(**columns | read)


def follow_latest(connection: Connection, judged: Sequence[tuple[Measurement, Verdict]]) -> None:
    """Let `latest` hold the newest of each series; the greater id decides between equal times."""
    newest: dict[tuple[str, str], tuple[Measurement, Verdict]] = {}
    for pair in sorted(judged, key=lambda pair: (pair[0].started_at, pair[0].id)):
        newest[pair[0].vantage, pair[0].target] = pair
    if not newest:
        return
    statement = insert_into(connection, latest)
    found, given = latest.c, statement.excluded
    is_newer = or_(
        given.measured_at > found.measured_at,
        and_(given.measured_at == found.measured_at, given.measurement_id > found.measurement_id),
    )
    key = (found.vantage, found.target)
    values = {c.name: statement.excluded[c.name] for c in latest.c if c.name not in ("vantage", "target")}
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=values, where=is_newer),
        [_describe(*newest[k]) for k in sorted(newest)],
    )


def _describe(measurement: Measurement, verdict: Verdict) -> dict[str, Any]:
    columns = encode_verdict(verdict)
    return {
        "vantage": measurement.vantage,
        "target": measurement.target,
        "asn": measurement.asn,
        "measured_at": measurement.started_at,
        "measurement_id": measurement.id,
        "emulated": measurement.emulated,
    } | {name: columns[name] for name in _COLUMNS}


def correct_latest(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Let `latest` say what verdicts that were replaced say now.

    Shape:  rows with the columns of `encode_verdict` and, as `of_id`, `of_vantage` and `of_target`, whose
            they are; measurements that are not the newest of their series are left out.
    """
    connection.execute(
        update(latest)
        .where(
            latest.c.vantage == bindparam("of_vantage"),
            latest.c.target == bindparam("of_target"),
            latest.c.measurement_id == bindparam("of_id"),
        )
        .values({name: bindparam(name) for name in _COLUMNS}),
        rows,
    )
