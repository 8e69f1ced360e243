"""What `observatory export ooni` wrote, read back whole: records, and never a verdict."""

from collections.abc import Mapping
from typing import Any, Final

from observatory.analysis.judging.case import Control
from observatory.importers.fields import Rejected, mapping, objects
from observatory.importers.fields import text as read_text
from observatory.importers.imported import Imported, Part, imported_vantage
from observatory.model import Role, VantagePoint
from probes.records import Measurement, parse_measurement

KEY: Final = "x_observatory"
FORMAT: Final = 1
MAX_CONTROLS: Final = 50
MAX_LED_TO: Final = 20


def read_own(document: Mapping[str, Any]) -> Imported:
    """Return the measurement, canary and controls of one exported line.

    Errors: Rejected.
    """
    own = mapping(document.get(KEY), KEY)
    if own.get("format") != FORMAT:
        raise Rejected(f"{KEY}.format: expected {FORMAT}, got {str(own.get('format'))[:20]!r}")
    measurement = _parse(own.get("measurement"), f"{KEY}.measurement")
    canary = _parse(own["canary"], f"{KEY}.canary") if own.get("canary") is not None else None
    controls = _parse_controls(own, KEY)
    led_to = objects(own.get("leads_to"), f"{KEY}.leads_to")[:MAX_LED_TO]
    beyond = tuple(
        Part(
            measurement=_parse(entry.get("measurement"), f"{KEY}.leads_to[{place}].measurement"),
            canary=canary,
            controls=_parse_controls(entry, f"{KEY}.leads_to[{place}]"),
        )
        for place, entry in enumerate(led_to)
    )
    points = [_vantage(entry) for entry in objects(own.get("vantage_points"), f"{KEY}.vantage_points")]
    given = document.get("input")
    return Imported(
        id=measurement.id,
        input=read_text(given, "input", limit=4096) or None,
        parts=(Part(measurement=measurement, canary=canary, controls=controls),),
        vantage_points=tuple(points),
        leads_to=beyond,
    )


def _parse_controls(entry: Mapping[str, Any], where: str) -> tuple[Control, ...]:
    controls = []
    for place, each in enumerate(objects(entry.get("controls"), f"{where}.controls")[:MAX_CONTROLS]):
        of_one = f"{where}.controls[{place}]"
        shown = each.get("canary")
        controls.append(
            Control(
                _parse(each.get("measurement"), f"{of_one}.measurement"),
                _parse(shown, f"{of_one}.canary") if shown is not None else None,
                peer=each.get("peer") is True,
            )
        )
    return tuple(controls)


def _parse(data: Any, where: str) -> Measurement:
    try:
        return parse_measurement(mapping(data, where))
    except Rejected:
        raise
    # cattrs gathers whatever the fields' own types raise.
    except Exception as error:
        raise Rejected(f"{where}: expected a measurement of this project, got {error}"[:300]) from error


def _vantage(entry: Mapping[str, Any]) -> VantagePoint:
    where = f"{KEY}.vantage_points"
    words = {key: read_text(entry.get(key), f"{where}.{key}") for key in ("id", "name", "isp", "country")}
    asn = entry.get("asn")
    if not words["id"] or not isinstance(asn, int) or not 0 <= asn < 2**32:
        raise Rejected(f"{where}: expected id and asn, got {str(dict(entry))[:100]}")
    role = Role.CONTROL if entry.get("role") == Role.CONTROL.value else Role.PROBE
    return imported_vantage(words["id"], words["name"], words["isp"], asn, words["country"], role)
