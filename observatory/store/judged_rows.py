"""Measurements counted one by one: those of a few hours with all their findings, and what controls found."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select

from observatory.model import OFFLINE_RULES, OVERALL, Grain, Role, Series, State
from observatory.model.detection import ControlCounts, JudgedRow
from observatory.store.cell_counts import WIDTH_S, floor_time
from observatory.store.database import Database
from observatory.store.packing import parse_findings
from observatory.store.schema import cells, measurements, outcomes, series, vantage_points, verdicts

_HOUR: Final = timedelta(hours=1)


class JudgedRowReader(Database):
    """Single measurements with their findings, and counts of what controls found."""

    def load_judged_rows(self, of: Series, hours: Collection[datetime]) -> dict[datetime, list[JudgedRow]]:
        """Return the measurements of one series by probes that started in these hours, by hour, oldest first.

        Shape:  an hour of which no raw row is there is absent.
        """
        m, v = measurements.c, verdicts.c
        columns = (m.started_at, m.resolver, v.state, v.mechanism, v.details)
        query = (
            select(*columns)
            .join(verdicts, v.number == m.number)
            .where(
                m.target == of.target,
                m.asn == of.asn,
                m.emulated.is_(of.emulated),
                m.vantage.not_in(_controls()),
                or_(*(_within(m.started_at, start, end) for start, end in _spans(hours))),
            )
            .order_by(m.started_at, m.number)
        )
        found: dict[datetime, list[JudgedRow]] = {}
        with self._reading() as connection:
            for row in connection.execute(query):
                judged = JudgedRow(
                    at=row.started_at,
                    state=State(row.state),
                    mechanism=row.mechanism,
                    resolver=row.resolver,
                    findings=parse_findings(row.details),
                )
                found.setdefault(floor_time(row.started_at, WIDTH_S[Grain.HOUR]), []).append(judged)
        return found

    def count_control_states(
        self, target: str, *, emulated: bool, start: datetime, end: datetime
    ) -> ControlCounts:
        """Return how control vantage points found a target in [start, end].

        Shape:  hours that lie inside whole come from their cells, and so do not depend on raw rows.
        """
        first = floor_time(start, WIDTH_S[Grain.HOUR]) + _HOUR
        last = max(first, floor_time(end, WIDTH_S[Grain.HOUR]))
        m, v, c = measurements.c, verdicts.c, cells.c
        kind = case(
            *((name.in_(values), label) for name, values, label in _kinds(v)), else_="unjudged"
        ).label("kind")
        singles = (
            select(kind, func.count().label("n"))
            .select_from(measurements.join(verdicts, v.number == m.number))
            .where(
                m.target == target,
                m.emulated.is_(emulated),
                m.vantage.in_(_controls()),
                m.started_at.between(start, end),
                or_(m.started_at < first, m.started_at >= last),
            )
            .group_by(kind)
        )
        of_cells = case(
            *((name.in_(values), label) for name, values, label in _kinds(outcomes.c)), else_="unjudged"
        ).label("kind")
        wanted = select(series.c.number).where(
            series.c.layer == OVERALL,
            series.c.target == target,
            series.c.emulated.is_(emulated),
            series.c.vantage.in_(_controls()),
        )
        whole = (
            select(of_cells, func.sum(c.n).label("n"))
            .select_from(cells.join(outcomes, outcomes.c.number == c.outcome))
            .where(
                c.width_s == WIDTH_S[Grain.HOUR],
                c.series.in_(wanted),
                c.bucket_at >= first,
                c.bucket_at < last,
            )
            .group_by(of_cells)
        )
        n: dict[str, int] = {}
        with self._reading() as connection:
            for query in (singles, whole):
                for row in connection.execute(query):
                    n[row.kind] = n.get(row.kind, 0) + int(row.n)
        return ControlCounts(**{f"n_{kind}": count for kind, count in n.items()})


def _kinds(c: Any) -> list[tuple[ColumnElement[str], list[str], str]]:
    failed = [state.value for state in State if state not in (State.OK, State.INSUFFICIENT)]
    return [
        (c.state, [State.OK.value], "ok"),
        (c.state, failed, "failed"),
        (c.rule_id, sorted(OFFLINE_RULES), "offline"),
    ]


def _controls() -> Select[Any]:
    return select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)


def _within(column: ColumnElement[datetime], start: datetime, end: datetime) -> ColumnElement[bool]:
    return and_(column >= start, column < end)


def _spans(hours: Collection[datetime]) -> list[tuple[datetime, datetime]]:
    """Join hours that follow each other."""
    spans: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + _HOUR)
        else:
            spans.append((hour, hour + _HOUR))
    return spans
