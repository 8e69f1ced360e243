"""Rows that belong to a series: finding them, and naming their series."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, FromClause, Select, select, tuple_

from observatory.model import Role, Series
from observatory.store.schema import series, vantage_points

CHUNK: Final = 200


def chunks(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Return keys in portions that one statement can name."""
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))


def probes_only() -> ColumnElement[bool]:
    """Series of vantage points with the role probe."""
    controls = select(vantage_points.c.id).where(vantage_points.c.role == Role.CONTROL.value)
    return series.c.vantage.not_in(controls)


def is_one_of(table: FromClause, wanted: Collection[Series]) -> ColumnElement[bool]:
    """Rows of a table with the columns of a series that are of one of these."""
    c = table.c
    return tuple_(c.asn, c.target, c.emulated).in_([(s.asn, s.target, s.emulated) for s in sorted(wanted)])


def series_of(row: Any) -> Series:
    """Return the series of a row that has its columns."""
    return Series(target=row.target, asn=row.asn, emulated=row.emulated)


def columns_of(of: Series) -> dict[str, Any]:
    """Return the columns that name a series."""
    return {"asn": of.asn, "target": of.target, "emulated": of.emulated}


def select_series(wanted: Collection[Series], *, layer: str | None) -> Select[Any]:
    """The rows of these series by probes: of one layer, or of all."""
    query = select(series).where(is_one_of(series, wanted), probes_only())
    return query if layer is None else query.where(series.c.layer == layer)
