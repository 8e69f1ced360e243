"""One stored measurement in OONI's format: a host as web_connectivity, a data centre as telegram.

The standard keys hold what OONI's format has a place for, and no conclusion: each project has rules
of its own. `x_observatory` holds the records whole, with the canary and the controls, so that the line can be
judged again anywhere with the same result.

Source: ooni/spec df-000 to df-008, ts-017, ts-020.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from observatory.analysis.judging.case import Control
from observatory.exports.ooni_test_keys import host_in_url, write_test_keys
from observatory.model import VantagePoint
from observatory.version import software_version
from probes.records import Measurement, TargetKind, encode_measurement

KEY: Final = "x_observatory"
FORMAT: Final = 1
SOFTWARE: Final = "telegram-block-observatory"


def export_document(
    measurement: Measurement,
    canary: Measurement | None,
    controls: Sequence[Control],
    vantage_points: Iterable[VantagePoint],
    leads_to: Sequence[tuple[Measurement, Sequence[Control]]] = (),
) -> dict[str, Any]:
    """Return one line of an OONI file.

    Shape:  `vantage_points` hold at least those the measurements name, where they are known; the first
            control is laid out as OONI's test helper would answer, all of them are in `x_observatory`.
            `leads_to` are the measurements of the same round on the hosts to which this target leads, one
            after the other, each with its controls.
    """
    points = {v.id: v for v in vantage_points}
    here = points.get(measurement.vantage)
    is_data_centre = measurement.target_kind is TargetKind.DATA_CENTRE
    return {
        "annotations": {
            "engine_name": SOFTWARE,
            "engine_version": _version(),
            "vantage": measurement.vantage,
            "target": measurement.target,
            "emulated": "true" if measurement.emulated else "false",
        },
        "data_format_version": "0.2.0",
        "extensions": {"dnst": 0, "httpt": 0, "tcpconnect": 0, "tlshandshake": 0},
        "id": measurement.id,
        "input": None if is_data_centre else f"https://{host_in_url(measurement.target)}/",
        "measurement_start_time": f"{measurement.started_at:%Y-%m-%d %H:%M:%S}",
        "probe_asn": f"AS{measurement.asn}",
        "probe_cc": here.country if here is not None else "ZZ",
        "probe_ip": "127.0.0.1",
        "probe_network_name": here.isp if here is not None else "",
        "report_id": measurement.round_id,
        "resolver_ip": measurement.resolver,
        "software_name": SOFTWARE,
        "software_version": _version(),
        "test_helpers": {},
        "test_keys": write_test_keys(measurement, controls),
        "test_name": "telegram" if is_data_centre else "web_connectivity",
        "test_runtime": measurement.duration_s,
        "test_start_time": f"{measurement.started_at:%Y-%m-%d %H:%M:%S}",
        "test_version": "0.3.0" if is_data_centre else "0.5.0",
        KEY: {
            "format": FORMAT,
            "measurement": encode_measurement(measurement),
            "canary": encode_measurement(canary) if canary is not None else None,
            "controls": _encode_controls(controls),
            **(
                {
                    "leads_to": [
                        {"measurement": encode_measurement(m), "controls": _encode_controls(own)}
                        for m, own in leads_to
                    ]
                }
                if leads_to
                else {}
            ),
            "vantage_points": [
                {
                    "id": v.id,
                    "name": v.name,
                    "isp": v.isp,
                    "asn": v.asn,
                    "country": v.country,
                    "role": v.role.value,
                }
                for v in points.values()
            ],
        },
    }


def _encode_controls(controls: Sequence[Control]) -> list[dict[str, Any]]:
    return [
        {
            "measurement": encode_measurement(c.measurement),
            "canary": encode_measurement(c.canary) if c.canary is not None else None,
            "peer": c.peer,
        }
        for c in controls
    ]


def _version() -> str:
    return software_version().removeprefix(SOFTWARE).strip()
