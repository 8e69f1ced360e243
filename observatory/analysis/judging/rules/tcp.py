"""TCP and the addresses themselves. Only genuine addresses count, each IP version for itself."""

from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import (
    MIN_RATED_BYTES,
    RESET,
    SILENCE,
    UNREACHABLE,
    Evidence,
    Facts,
    ids,
    transfer_bps,
)
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import AnyObservation, Endpoint, Failure, Purpose, TcpObservation

# Slower than this, and several times slower than the canary in the same round: no accident.
# Lines are held to 64, 128, 256 or 512 kbit/s; what is measured of the last lies a little beside it.
THROTTLED_BPS: Final = 700_000
TIMES_SLOWER: Final = 8
# A page that flows slowly for so long is no accident of one packet; below that, a second transfer must agree.
SUSTAINED_S: Final = 1.0
REFUSED: Final = frozenset({Failure.CONNECTION_REFUSED})
ANY_WAY: Final = SILENCE | RESET | UNREACHABLE | REFUSED


def _tries(case: Case, endpoints: tuple[Endpoint, ...]) -> list[TcpObservation]:
    return [o for o in case.facts.tcp if o.endpoint in endpoints]


def _alive_elsewhere(case: Case) -> tuple[Endpoint, ...]:
    """Dead endpoints that a control connects to, when the target proved itself to a control at all."""
    if not case.dead_endpoints or not case.control_proved or not case.canary_works:
        return ()
    return tuple(e for e in case.dead_endpoints if case.control_connects(e))


def _filtered(case: Case, failures: frozenset[Failure]) -> Evidence:
    """A control connects to an endpoint that every try here failed in this one way."""
    tries = _tries(case, _alive_elsewhere(case))
    return ids(tries) if case.shows(tries, failures) else ()


def _controls_disagree(case: Case) -> Evidence:
    """As many controls fail at the very endpoints as succeed: the server itself comes and goes."""
    dead = _alive_elsewhere(case)

    def works(control: Facts) -> bool | None:
        tried = [o for o in control.tcp if o.endpoint in dead]
        return any(o.failure is None for o in tried) if tried else None

    return ids(_tries(case, dead)) if dead and case.controls_disagree(works) else ()


def _down(case: Case) -> Evidence:
    dead = case.dead_endpoints
    if not dead or not all(case.control_tried(e) and not case.control_connects(e) for e in dead):
        return ()
    # What has another endpoint alive is judged by what lives.
    return () if len(dead) < len(case.main_endpoints) else ids(_tries(case, dead))


def _down_above(case: Case) -> Evidence:
    """Controls connect and get no proof either: whatever happens to the address, the target is down."""
    dead = case.dead_endpoints
    reached = any(case.control_connects(e) for e in dead)
    return ids(_tries(case, dead)) if reached and not case.control_proved else ()


def _uncompared(case: Case) -> Evidence:
    dead = case.dead_endpoints
    return ids(_tries(case, dead)) if len(dead) == len(case.main_endpoints) else ()


def _some_dead(case: Case) -> Evidence:
    """k of n: some of a data centre's endpoints accept no connection, and no control says they never do."""
    if not case.is_data_centre:
        return ()
    dead = tuple(e for e in case.dead_endpoints if not case.control_tried(e) or case.control_connects(e))
    tries = _tries(case, dead)
    # What a busy prober did not hear is nobody's silence.
    return ids(o for o in tries if not (case.overloaded and o.failure is Failure.TIMEOUT))


def _slow(case: Case) -> tuple[float, Evidence] | None:
    """The best rate measured here and its evidence, when it is far below the canary's."""
    here = case.facts.page_bps
    transfers: list[AnyObservation] = [o for o in case.facts.throughput if o.purpose is Purpose.TARGET]
    if not transfers:
        # A connection for another transfer waits behind what the shaper of the page still holds.
        transfers = [o for o in case.facts.http if o.over_tls and o.rated_s >= SUSTAINED_S]
    canary = case.canary.page_bps if case.canary is not None else None
    if here is None or canary is None or not transfers:
        return None
    if here >= THROTTLED_BPS or canary < TIMES_SLOWER * here:
        return None
    return here, ids(transfers)


def slow_transfers(case: Case) -> Evidence:
    """The transfers of a rate far below the canary's, whatever made it so."""
    return (_slow(case) or (0.0, ()))[1]


def _slow_here_only(case: Case) -> tuple[float, Evidence] | None:
    slow = None if case.overloaded else _slow(case)
    elsewhere = [bps for c in case.controls if (bps := c.page_bps) is not None]
    return slow if slow and any(bps >= TIMES_SLOWER * slow[0] for bps in elsewhere) else None


def throttled(case: Case, *, by_name: bool | None) -> Evidence:
    """Slow for the target's name; the harmless name at the same address tells whether the name is why.

    None: the harmless name tells nothing. The server has turned it down, or had too little to say.
    """
    slow = _slow_here_only(case)
    harmless = [
        o
        for o in case.facts.throughput
        if o.purpose is Purpose.HARMLESS_NAME
        and (o.failure is not None or o.received_bytes >= MIN_RATED_BYTES)
    ]
    if slow is None:
        return ()
    fast = max(map(transfer_bps, harmless)) >= TIMES_SLOWER * slow[0] if harmless else None
    return (*slow[1], *ids(harmless)) if fast is by_name else ()


def _slow_uncompared(case: Case) -> Evidence:
    """Slow here, and of no control is known how fast it is."""
    compared = any(control.page_bps is not None for control in case.controls)
    return () if compared or case.overloaded else slow_transfers(case)


def _filter(id_: str, failures: frozenset[Failure], mechanism: str | None) -> Rule:
    return Rule(
        id_,
        Layer.TCP,
        State.LIKELY_BLOCKED,
        mechanism,
        Basis.COMPARISON,
        lambda case: _filtered(case, failures),
    )


TCP_RULES: Final = (
    Rule(
        "tcp.no_genuine_address",
        Layer.TCP,
        State.INSUFFICIENT,
        None,
        Basis.SYMPTOM,
        lambda case: not case.main_endpoints,
    ),
    Rule("tcp.controls_disagree", Layer.TCP, State.IMPAIRED, None, Basis.SYMPTOM, _controls_disagree),
    _filter("tcp.timeout", SILENCE, "tcp.timeout"),
    _filter("tcp.refused", REFUSED, "tcp.refused"),
    _filter("tcp.reset", RESET, "tcp.reset"),
    _filter("tcp.unreachable", UNREACHABLE, "ip.unreachable"),
    _filter("tcp.fails_variously", ANY_WAY, None),
    Rule("tcp.down", Layer.TCP, State.DOWN, None, Basis.COMPARISON, _down),
    Rule("tcp.down_above", Layer.TCP, State.DOWN, None, Basis.COMPARISON, _down_above),
    Rule("tcp.uncompared", Layer.TCP, State.IMPAIRED, None, Basis.SYMPTOM, _uncompared),
    Rule("tcp.some_dead", Layer.TCP, State.IMPAIRED, None, Basis.SYMPTOM, _some_dead),
    Rule(
        "tcp.throttled",
        Layer.TCP,
        State.IMPAIRED,
        "ip.throttle",
        Basis.COMPARISON,
        lambda case: throttled(case, by_name=False),
    ),
    Rule(
        "tcp.slow_uncompared",
        Layer.TCP,
        State.IMPAIRED,
        None,
        Basis.SYMPTOM,
        _slow_uncompared,
    ),
    Rule(
        "tcp.connects",
        Layer.TCP,
        State.OK,
        None,
        Basis.PROOF,
        lambda case: ids(
            o for o in case.facts.tcp if o.failure is None and o.endpoint in case.main_endpoints
        ),
    ),
    Rule("tcp.unsettled", Layer.TCP, State.INSUFFICIENT, None, Basis.SYMPTOM, lambda case: True),
)
