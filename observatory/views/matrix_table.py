"""The matrix as a table: a column for each vantage point, a line for each target, details of a cell. Pure."""

from datetime import tzinfo

from observatory.model import Role, load_zone
from observatory.model.views import VantageStatus
from observatory.text import Text
from observatory.views.addresses import measurement_address
from observatory.views.matrix import Matrix, MatrixCell, TargetGroup
from observatory.views.rows import Detail, Head, Line, Section, TableCell
from observatory.views.shown import NO_DATA
from observatory.views.words import leads_to_short, leads_to_words, where_and_how


def matrix_heads(matrix: Matrix, text: Text) -> list[Head]:
    """Return the column of targets, then the vantage points that probe, then the controls."""
    columns = (*matrix.probes, *matrix.controls)
    return [Head(name=text("now.column_target")), *(_head(vantage, matrix, text) for vantage in columns)]


def matrix_sections(matrix: Matrix, text: Text, zone: tzinfo) -> list[Section]:
    """Return the targets by group, a cell for each column of `matrix_heads`; times in `zone`."""
    columns = (*matrix.probes, *matrix.controls)
    return [
        Section(
            name=text(f"group.{kind}"),
            lines=tuple(
                Line(
                    name=target,
                    entries=tuple(_entry(matrix.cells[v.id, target], text, zone) for v in columns),
                )
                for target in matrix.targets[kind]
            ),
        )
        for kind in TargetGroup
    ]


def cell_detail(cell: MatrixCell, text: Text) -> Detail:
    """Return what a state rests on, in words that can be checked; times in the vantage point's own zone."""
    latest = cell.latest
    key = (cell.vantage.id, cell.target)
    if latest is None:
        names = {"target": cell.target, "network": cell.vantage.isp}
        return Detail(key=key, heading=text("now.evidence_none", **names))
    notes = (
        *((text("now.provisional"),) if latest.provisional else ()),
        *((text("legend.partly"),) if latest.partial else ()),
    )
    tried = text("now.endpoints_value", ok=text.number(latest.n_ok), tried=text.number(latest.n_tried))
    leads = latest.leads_to
    led = ((text("now.leads_to"), leads_to_words(leads, text)),) if leads is not None else ()
    return Detail(
        key=key,
        heading=_full(cell, text, load_zone(cell.vantage.timezone)),
        facts=(
            (text("now.layer_mechanism"), where_and_how(latest.layer, latest.mechanism, text)),
            *led,
            (text("now.endpoints"), tried),
            (text("now.vantage"), cell.vantage.name),
            (text("now.rule"), latest.rule_id),
            (text("now.measurement"), latest.measurement_id),
        ),
        notes=notes,
        link=(text("now.steps"), measurement_address(latest.measurement_id, text.language)),
    )


def _head(vantage: VantageStatus, matrix: Matrix, text: Text) -> Head:
    measured_at = matrix.measured_at(vantage)
    age = text.ago(matrix.now - measured_at) if measured_at else text("now.never")
    is_control = vantage.role is Role.CONTROL
    # Two connections of one network would otherwise carry the same name.
    same = sum(v.isp == vantage.isp for v in (*matrix.probes, *matrix.controls)) > 1
    name = vantage.name if same or is_control else vantage.isp
    small = (text("now.control"),) if is_control else (f"AS{vantage.asn}",)
    return Head(
        name=name,
        small=(*small, age),
        is_apart=is_control and matrix.controls[0].id == vantage.id,
    )


def _entry(cell: MatrixCell, text: Text, zone: tzinfo) -> TableCell:
    latest = cell.latest
    small: tuple[str, ...] = ()
    if latest is not None and cell.is_stale:
        at, state = text.local(latest.measured_at, zone), text(f"short.{latest.state}")
        small = (text("short.stale", at=at, state=state), *leads_to_short(latest.leads_to, text))
    elif cell.is_partial and cell.is_judged:
        small = (text("short.partly"),)
    elif latest is not None:
        small = leads_to_short(latest.leads_to, text)
    return TableCell(
        word=text(f"short.{cell.shown}"),
        small=small,
        look=str(cell.shown),
        full=_full(cell, text, zone),
        key=(cell.vantage.id, cell.target),
        is_stale=cell.is_stale,
    )


def _full(cell: MatrixCell, text: Text, zone: tzinfo) -> str:
    latest = cell.latest
    names = {"target": cell.target, "network": cell.vantage.isp}
    if latest is None:
        return text("now.cell", state=text("state.no_data"), **names)
    state, at = text(f"state.{latest.state}"), text.moment(latest.measured_at, zone)
    state = ", ".join((state, *leads_to_short(latest.leads_to, text)))
    if cell.shown == NO_DATA:
        return text("now.cell", state=text("now.stale_at", at=at, state=state), **names)
    if cell.is_partial:
        state = f"{state}, {text('short.partly')}"
    return text("now.cell_at", state=state, at=at, **names)
