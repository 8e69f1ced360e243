"""QUIC: an extra way to a host that opens over TCP too; it counts only where a control is answered."""

from collections.abc import Iterable
from typing import Final

from observatory.analysis.judging.case import Case, comparable
from observatory.analysis.judging.facts import SILENCE, Evidence, Facts, ids
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Endpoint, Purpose, QuicObservation


def _finished(handshakes: Iterable[QuicObservation]) -> tuple[QuicObservation, ...]:
    return tuple(o for o in handshakes if o.failure is None and o.version is not None)


def _answered(case: Case) -> Evidence:
    """Versions were offered; where handshakes were tried, one of them ended."""
    handshakes = case.facts.quic_handshakes()
    finished = _finished(handshakes)
    if handshakes and not finished:
        return ()
    return ids((*(o for o in case.facts.quic if o.failure is None), *finished))


def _speaks(facts: Facts, endpoints: frozenset[Endpoint] | None = None) -> bool:
    return any(
        o.failure is None and (endpoints is None or o.endpoint in endpoints)
        for o in (*facts.quic, *facts.quic_handshakes())
    )


def _swallowed(case: Case, tries: list[QuicObservation]) -> bool:
    """Nothing was heard at any try; where a busy prober may have missed one, too few datagrams are left."""
    return case.shows(tries, SILENCE) and not any(map(case.may_have_missed, tries))


def _silent(case: Case) -> Evidence:
    """Every datagram to a proved address is swallowed; the canary's QUIC and a control's are not."""
    proved = case.facts.proved_addresses
    tries = [o for o in case.facts.quic if o.endpoint.address in proved and case.counts(o.endpoint)]
    if not _swallowed(case, tries):
        return ()
    tried = frozenset(o.endpoint for o in tries)
    control = any(_speaks(c, tried) for c in case.controls)
    return ids(tries) if control and case.canary is not None and _speaks(case.canary) else ()


def _name_silent(case: Case) -> tuple[QuicObservation, ...]:
    """The server offers versions, then every handshake for this name is swallowed; a control ends one."""
    tries = [o for o in case.facts.quic_handshakes() if case.counts(o.endpoint)]
    offered = {o.endpoint for o in case.facts.quic if o.failure is None}
    tries = [o for o in tries if o.endpoint in offered]
    control = _finished(comparable((o for c in case.controls for o in c.quic_handshakes()), tries))
    canary = case.canary is not None and bool(_finished(case.canary.quic_handshakes()))
    return tuple(tries) if control and canary and _swallowed(case, tries) else ()


def _by_name(case: Case) -> Evidence:
    tries = _name_silent(case)
    harmless = _finished(case.facts.quic_handshakes(Purpose.HARMLESS_NAME))
    return (*ids(tries), *ids(harmless)) if tries and harmless else ()


QUIC_RULES: Final = (
    Rule("quic.answered", Layer.QUIC, State.OK, None, Basis.PROOF, _answered),
    Rule("quic.timeout", Layer.QUIC, State.LIKELY_BLOCKED, "quic.timeout", Basis.COMPARISON, _silent),
    Rule(
        "quic.timeout.sni",
        Layer.QUIC,
        State.LIKELY_BLOCKED,
        "quic.timeout.sni",
        Basis.COMPARISON,
        _by_name,
    ),
    Rule(
        "quic.timeout.handshake",
        Layer.QUIC,
        State.LIKELY_BLOCKED,
        "quic.timeout",
        Basis.COMPARISON,
        lambda case: ids(_name_silent(case)),
    ),
    Rule("quic.unsettled", Layer.QUIC, State.INSUFFICIENT, None, Basis.SYMPTOM, lambda case: True),
)
