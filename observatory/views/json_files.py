"""An event and a measurement whole, as the JSON files that their pages offer. Pure."""

import json

from observatory.model import Revision
from observatory.model.codec import encode_event
from probes.records import Measurement, encode_measurement


def event_json(revision: Revision) -> bytes:
    """Return one revision of an event, with its number and licence."""
    whole = {
        "licence": "CC BY 4.0",
        "revision": revision.number,
        "revised_at": revision.at.isoformat(),
        "event": encode_event(revision.event),
    }
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def measurement_json(measurement: Measurement) -> bytes:
    """Return a measurement with all its observations."""
    return json.dumps(encode_measurement(measurement), ensure_ascii=False, indent=1).encode()
