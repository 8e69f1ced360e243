"""What is said of now, as one sentence in one language: the same wherever it stands. Pure."""

from datetime import tzinfo
from typing import Final

from observatory.analysis.events.publication import Present, PresentKind
from observatory.text import Text

_COUNTED: Final = {PresentKind.BLOCKED: "present.blocked", PresentKind.NOT_ENDED: "present.not_ended"}
_PLAIN: Final = {
    PresentKind.NOTHING_SEEN: "present.nothing_seen",
    PresentKind.NOT_JUDGED: "present.not_judged",
    PresentKind.NEVER: "present.never",
}


def present_sentence(present: Present, text: Text, zone: tzinfo) -> str:
    """Return the sentence on what is blocked, suspected or not known now."""
    kind = present.kind
    if kind in _COUNTED:
        return text.count(_COUNTED[kind], len({asn for _, asn in present.confirmed}))
    if kind is PresentKind.UNCONFIRMED:
        silent = present.may_be_routing == present.unconfirmed
        key = "present.may_be_routing" if silent else "present.unconfirmed"
        return text.count(key, len({asn for _, asn in present.unconfirmed}))
    if kind is PresentKind.NO_DATA and present.last_at is not None:
        key = "present.no_data_suspected" if present.unconfirmed else "present.no_data"
        return text(key, at=text.moment(present.last_at, zone))
    return text(_PLAIN[kind])
