"""The table of vantage points: who reports on time, what runs next, what went wrong. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from observatory.model import Role, State, load_zone
from observatory.model.views import VantageStatus
from observatory.text import Text
from observatory.views.punctuality import Punctuality
from observatory.views.rows import Head, Line, Section, TableCell
from observatory.views.shown import NO_DATA

_MAX_ERROR: Final = 300
# The signs of states say here how a vantage point does: well, not as it should, nothing.
_LOOKS: Final = {
    Punctuality.ON_TIME: State.OK,
    Punctuality.LATE: State.IMPAIRED,
    Punctuality.NEVER: State.INSUFFICIENT,
    Punctuality.OFF: NO_DATA,
    Punctuality.REMOVED: NO_DATA,
}


def vantage_heads(text: Text) -> list[Head]:
    columns = ("name", "state", "seen", "next", "error", "gaps")
    return [Head(name=text(f"vantage.column_{column}")) for column in columns]


def vantage_section(
    vantages: Iterable[VantageStatus],
    status: Mapping[str, Punctuality],
    text: Text,
    *,
    now: datetime,
    emulated: bool,
) -> Section:
    """Return a line for each vantage point, times in its own zone; `now` is what ages count from."""
    return Section(name="", lines=tuple(_line(v, status[v.id], text, now, emulated) for v in vantages))


def _line(vantage: VantageStatus, status: Punctuality, text: Text, now: datetime, emulated: bool) -> Line:
    every = text("vantage.every", every=text.age(timedelta(seconds=vantage.every_s)))
    role = (text("vantage.role_control"),) if vantage.role is Role.CONTROL else ()
    return Line(
        name=vantage.name,
        small=(f"{vantage.isp}, AS{vantage.asn}", every, *role),
        entries=(
            TableCell(word=text(f"vantage.state_{status}"), look=str(_LOOKS[status])),
            _seen(vantage, text, now),
            _next_run(vantage, status, text, None if emulated else now),
            _error(vantage, text),
            TableCell(word=text.number(vantage.n_gaps_24h)),
        ),
    )


def _seen(vantage: VantageStatus, text: Text, now: datetime) -> TableCell:
    if vantage.last_seen_at is None:
        return TableCell(word=text("now.never"))
    age = text.ago(now - vantage.last_seen_at)
    return TableCell(word=age, small=(_moment(vantage, vantage.last_seen_at, text),))


def _next_run(vantage: VantageStatus, status: Punctuality, text: Text, now: datetime | None) -> TableCell:
    """Return when it is due; `now` is None in an emulation, whose time ends at the last measurement."""
    due = vantage.next_run_at
    if due is None or status in (Punctuality.OFF, Punctuality.REMOVED):
        return TableCell(word=text("vantage.no_next"))
    moment = _moment(vantage, due, text)
    if now is not None and now - due > timedelta(seconds=vantage.every_s):
        return TableCell(word=text("vantage.overdue", at=moment))
    return TableCell(word=moment)


def _error(vantage: VantageStatus, text: Text) -> TableCell:
    if not vantage.last_error:
        return TableCell(word=text("vantage.no_error"))
    small = (_moment(vantage, vantage.last_error_at, text),) if vantage.last_error_at else ()
    return TableCell(word=vantage.last_error[:_MAX_ERROR], small=small)


def _moment(vantage: VantageStatus, at: datetime, text: Text) -> str:
    return text.moment(at, load_zone(vantage.timezone))
