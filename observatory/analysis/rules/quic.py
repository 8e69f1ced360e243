"""QUIC: an extra way to a host that opens over TCP too; it counts only where a control is answered."""

from typing import Final

from observatory.analysis.case import SILENCE, Case, Evidence, ids
from observatory.analysis.rules.rule import Rule
from observatory.model import Layer, State


def _answered(case: Case) -> Evidence:
    return ids(o for o in case.facts.quic if o.failure is None)


def _silent(case: Case) -> Evidence:
    """Every datagram to a proved address is swallowed; the control host's QUIC and the control's are not."""
    proved = case.facts.proved_addresses
    tries = [o for o in case.facts.quic if o.endpoint.address in proved]
    if not case.shows(tries, SILENCE):
        return ()
    tried = {o.endpoint for o in tries}
    control = any(o.failure is None and o.endpoint in tried for c in case.controls for o in c.quic)
    canary = case.canary is not None and any(o.failure is None for o in case.canary.quic)
    return ids(tries) if control and canary else ()


QUIC_RULES: Final = (
    Rule(
        "quic.answered",
        Layer.QUIC,
        State.OK,
        None,
        _answered,
        "A server that speaks QUIC answers.",
    ),
    Rule(
        "quic.timeout",
        Layer.QUIC,
        State.LIKELY_BLOCKED,
        "quic.timeout",
        _silent,
        "QUIC to the target is swallowed, while TCP to the same address, the control host's QUIC and a "
        "control's QUIC work.",
    ),
    Rule(
        "quic.unsettled",
        Layer.QUIC,
        State.INSUFFICIENT,
        None,
        lambda case: True,
        "The target offers no QUIC, or nothing shows that it should answer here.",
    ),
)
