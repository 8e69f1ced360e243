"""Records to rows and back: a measurement as compressed JSON beside its blobs, a verdict as columns."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cattrs.preconf.json import make_converter
from sqlalchemy import Row

from observatory.model import Finding, Layer, LeadsTo, StandIn, State, Verdict
from observatory.store.blobs import attach_blobs, detach_blobs
from probes.records import Measurement, encode_measurement, parse_measurement

# Level 6 takes three times as long for a few per cent; a round is packed while the next one is due.
_LEVEL: Final = 3

_converter = make_converter(omit_if_default=True)

VERDICT_COLUMNS: Final = (
    "state",
    "layer",
    "mechanism",
    "rule_id",
    "rules_version",
    "reference_version",
    "partial",
    "n_ok",
    "n_tried",
    "provisional",
)
# Empty where the target leads to no other host.
LEADS_COLUMNS: Final = ("leads_to", "leads_to_state", "leads_to_mechanism")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedMeasurement:
    """A measurement ready to be written; packing is slow, so it happens before the write lock is taken."""

    body: bytes
    blobs: Mapping[bytes, bytes]


def pack_measurement(measurement: Measurement) -> PackedMeasurement:
    """Return what is stored of a measurement."""
    bare, contents = detach_blobs(measurement)
    text = json.dumps(encode_measurement(bare), separators=(",", ":"))
    return PackedMeasurement(body=zlib.compress(text.encode(), _LEVEL), blobs=contents)


def unpack_measurement(body: bytes, contents: Mapping[bytes, bytes]) -> Measurement:
    """Return the measurement that was packed; `contents` holds its blobs by digest.

    Errors: KeyError when a blob is missing; zlib.error and ExceptionGroup when the row is damaged.
    """
    return attach_blobs(parse_measurement(json.loads(zlib.decompress(body))), contents)


def encode_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return the columns of a verdict: single values by name, its lists as JSON in `details`."""
    leads = verdict.leads_to
    details = {
        "evidence": verdict.evidence,
        "findings": _converter.unstructure(verdict.findings, tuple[Finding, ...]),
        "controls": verdict.controls,
        "stand_ins": verdict.stand_ins,
        "acts_at_hop": verdict.acts_at_hop,
    }
    columns = {name: getattr(verdict, name) for name in VERDICT_COLUMNS}
    return columns | {
        "state": verdict.state.value,
        "layer": verdict.layer.value,
        "details": json.dumps(details, separators=(",", ":")),
        "leads_to": leads.target if leads is not None else None,
        "leads_to_state": leads.state.value if leads is not None else None,
        "leads_to_mechanism": leads.mechanism if leads is not None else None,
    }


def parse_leads_to(row: Row[Any]) -> LeadsTo | None:
    """Return where a target leads, from a row that has the `LEADS_COLUMNS`."""
    if row.leads_to is None:
        return None
    return LeadsTo(target=row.leads_to, state=State(row.leads_to_state), mechanism=row.leads_to_mechanism)


def parse_findings(details: str) -> tuple[Finding, ...]:
    """Return what each layer was found to be, from the column `details`."""
    findings: tuple[Finding, ...] = _converter.structure(json.loads(details)["findings"], tuple[Finding, ...])
    return findings


def parse_verdict(row: Row[Any]) -> Verdict:
    """Return the verdict of a row that has the columns of `encode_verdict`."""
    columns = {name: getattr(row, name) for name in VERDICT_COLUMNS}
    details = json.loads(row.details)
    return Verdict(
        **columns
        | {
            "state": State(row.state),
            "layer": Layer(row.layer),
            "evidence": tuple(details["evidence"]),
            "findings": _converter.structure(details["findings"], tuple[Finding, ...]),
            "controls": tuple(details["controls"]),
            "stand_ins": tuple(StandIn(name) for name in details.get("stand_ins", ())),
            "acts_at_hop": details.get("acts_at_hop"),
            "leads_to": parse_leads_to(row),
        }
    )
