"""One OONI measurement as our records: who, when, where, and then what was seen. Its conclusions are ignored.

    web_connectivity   the host of the input, as the probe saw it and as the test helper saw it
    telegram           web.telegram.org and each data centre; this test has no helper to compare with

Source: ooni/spec df-000 to df-008, ts-017 (web_connectivity), ts-020 (telegram).
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from observatory.importers import ooni_own
from observatory.importers.fields import Rejected
from observatory.importers.fields import text as read_text
from observatory.importers.imported import HELPER_VANTAGE, Imported, Part, imported_vantage
from observatory.importers.ooni_envelope import Envelope, read_envelope
from observatory.importers.ooni_telegram import read_telegram
from observatory.importers.ooni_web import read_leads_to, read_web_connectivity
from observatory.model import Role

Reader = Callable[[Envelope], tuple[Part, ...]]
READERS: Final[Mapping[str, Reader]] = {
    "web_connectivity": read_web_connectivity,
    "telegram": read_telegram,
}


def read_document(document: Any) -> Imported:
    """Return what one OONI measurement holds.

    Shape:  ids are made of the measurement's own, so every import of it gives the same. An unknown network
            is AS 0.
    Errors: Rejected, with the key, what was expected and what was found.
    """
    if not isinstance(document, dict):
        raise Rejected(f"expected an object, got {type(document).__name__}")
    if ooni_own.KEY in document:
        return ooni_own.read_own(document)
    test = read_text(document.get("test_name"), "test_name")
    reader = READERS.get(test)
    if reader is None:
        raise Rejected(f"test_name: expected {' or '.join(READERS)}, got {test!r}")
    envelope = read_envelope(document)
    vantage = imported_vantage(
        envelope.vantage,
        f"OONI {envelope.country} AS{envelope.asn}",
        envelope.network or f"AS{envelope.asn}",
        envelope.asn,
        envelope.country,
    )
    helper = imported_vantage(HELPER_VANTAGE, "OONI test helpers", "OONI", 0, "ZZ", Role.CONTROL)
    parts = reader(envelope)
    beyond = read_leads_to(envelope, parts[0].canary) if reader is read_web_connectivity else None
    return Imported(
        id=envelope.uid or envelope.id,
        input=envelope.input,
        parts=parts,
        vantage_points=(vantage, helper),
        leads_to=(beyond,) if beyond is not None else (),
    )
