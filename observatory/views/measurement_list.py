"""The newest measurements, each with the address of its page. Pure."""

from collections.abc import Iterable, Mapping
from datetime import tzinfo

from observatory.model import load_zone
from observatory.model.views import Latest, VantageStatus
from observatory.text import Text
from observatory.views.addresses import measurement_address
from observatory.views.rows import Head, Line, Section, TableCell
from observatory.views.words import leads_to_short


def newest_heads(text: Text) -> list[Head]:
    return [Head(name=text(f"measured.column_{column}")) for column in ("what", "link", "state", "at")]


def newest_section(
    latest: Iterable[Latest], vantages: Mapping[str, VantageStatus], text: Text, zone: tzinfo
) -> Section:
    """Return a line for each, the newest first; `zone` is for a vantage point that is not known any more."""
    newest = sorted(latest, key=lambda one: one.measured_at, reverse=True)
    return Section(name="", lines=tuple(_line(one, vantages.get(one.vantage), text, zone) for one in newest))


def vantage_zone(vantage: VantageStatus | None, otherwise: tzinfo) -> tzinfo:
    """Return the zone that the times of a vantage point are shown in."""
    return load_zone(vantage.timezone) if vantage else otherwise


def _line(one: Latest, vantage: VantageStatus | None, text: Text, zone: tzinfo) -> Line:
    return Line(
        name=one.target,
        small=(vantage.name if vantage else one.vantage,),
        entries=(
            TableCell(
                word=text("measured.open"), href=measurement_address(one.measurement_id, text.language)
            ),
            TableCell(
                word=text(f"short.{one.state}"),
                look=str(one.state),
                small=leads_to_short(one.leads_to, text),
            ),
            TableCell(word=text.moment(one.measured_at, vantage_zone(vantage, zone))),
        ),
    )
