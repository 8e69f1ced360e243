"""TCP and the addresses themselves. Only genuine addresses count."""

from typing import Final

from observatory.analysis.case import RESET, SILENCE, UNREACHABLE, Case, Evidence, ids, transfer_bps
from observatory.analysis.rules.rule import Rule
from observatory.model import Layer, State
from probes.records import Endpoint, Failure, Purpose, TcpObservation

# Slower than this, and several times slower than the control host in the same round: no accident.
THROTTLED_BPS: Final = 512_000
TIMES_SLOWER: Final = 8
ANY_WAY: Final = SILENCE | RESET | UNREACHABLE | {Failure.CONNECTION_REFUSED}


def main_endpoints(case: Case) -> tuple[Endpoint, ...]:
    """The endpoints the target's users need: HTTPS of a host, every port of a data centre."""
    if case.is_data_centre:
        return tuple(dict.fromkeys(o.endpoint for o in case.facts.tcp))
    return case.genuine_tls_endpoints


def connects(case: Case, endpoint: Endpoint) -> bool:
    return any(o.endpoint == endpoint and o.failure is None for o in case.facts.tcp)


def refused_endpoints(case: Case) -> tuple[Endpoint, ...]:
    """Main endpoints that no try connected to: all of a host's, or any of a data centre's."""
    endpoints = main_endpoints(case)
    dead = tuple(e for e in endpoints if not connects(case, e))
    return dead if case.is_data_centre or len(dead) == len(endpoints) else ()


def _tries(case: Case, endpoints: tuple[Endpoint, ...]) -> list[TcpObservation]:
    return [o for o in case.facts.tcp if o.endpoint in endpoints]


def _alive_elsewhere(case: Case) -> tuple[Endpoint, ...]:
    """Dead endpoints that a control connects to, when the target proved itself to a control at all."""
    if not any(control.proved for control in case.controls):
        return ()
    return tuple(e for e in refused_endpoints(case) if case.control_connects(e))


def _filtered(case: Case, failures: frozenset[Failure]) -> Evidence:
    """A control connects to an endpoint that every try here failed in this one way."""
    tries = _tries(case, _alive_elsewhere(case))
    return ids(tries) if case.shows(tries, failures) and case.canary_works else ()


def _mixed(case: Case) -> Evidence:
    tries = _tries(case, _alive_elsewhere(case))
    return ids(tries) if case.shows(tries, ANY_WAY) and case.canary_works else ()


def _down(case: Case) -> Evidence:
    dead = refused_endpoints(case)
    if not dead or not all(case.control_tried(e) and not case.control_connects(e) for e in dead):
        return ()
    # A data centre with another port alive is judged by what lives.
    return () if len(dead) < len(main_endpoints(case)) else ids(_tries(case, dead))


def _down_above(case: Case) -> Evidence:
    """Controls connect and get no proof either: whatever happens to the address, the target is down."""
    dead = refused_endpoints(case)
    reached = any(case.control_connects(e) for e in dead)
    return ids(_tries(case, dead)) if reached and not any(c.proved for c in case.controls) else ()


def _uncompared(case: Case) -> Evidence:
    dead = refused_endpoints(case)
    return ids(_tries(case, dead)) if len(dead) == len(main_endpoints(case)) else ()


def _slow(case: Case) -> tuple[float, Evidence] | None:
    """The best rate measured here and its evidence, when it is far below the control host's."""
    here = case.facts.page_bps
    transfers = [o for o in case.facts.throughput if o.purpose is Purpose.TARGET]
    canary = case.canary.page_bps if case.canary is not None else None
    if here is None or canary is None or not transfers:
        return None
    if here >= THROTTLED_BPS or canary < TIMES_SLOWER * here:
        return None
    return here, ids(transfers)


def _slow_here_only(case: Case) -> tuple[float, Evidence] | None:
    slow = _slow(case)
    elsewhere = [bps for c in case.controls if (bps := c.page_bps) is not None]
    return slow if slow and any(bps >= TIMES_SLOWER * slow[0] for bps in elsewhere) else None


def throttled(case: Case, *, by_name: bool) -> Evidence:
    """Slow for the target's name; the harmless name at the same address tells whether the name is why."""
    slow = _slow_here_only(case)
    harmless = [o for o in case.facts.throughput if o.purpose is Purpose.HARMLESS_NAME]
    if slow is None or not harmless:
        return ()
    fast = max(transfer_bps(o) for o in harmless) >= TIMES_SLOWER * slow[0]
    return (*slow[1], *ids(harmless)) if fast is by_name else ()


def _rule(id_: str, failures: frozenset[Failure], mechanism: str, what: str) -> Rule:
    return Rule(
        id_,
        Layer.TCP,
        State.LIKELY_BLOCKED,
        mechanism,
        lambda case: _filtered(case, failures),
        f"{what}, while a control connects to the same endpoint.",
    )


TCP_RULES: Final = (
    Rule(
        "tcp.no_genuine_address",
        Layer.TCP,
        State.INSUFFICIENT,
        None,
        lambda case: not main_endpoints(case),
        "No genuine address was known, so none was tried.",
    ),
    _rule("tcp.timeout", SILENCE, "tcp.timeout", "Every connect is met with silence"),
    _rule("tcp.refused", frozenset({Failure.CONNECTION_REFUSED}), "tcp.refused", "Every connect is refused"),
    _rule("tcp.reset", RESET, "tcp.reset", "Every connect is reset"),
    _rule("tcp.unreachable", UNREACHABLE, "ip.unreachable", "A router reports the address as unreachable"),
    Rule(
        "tcp.fails_variously",
        Layer.TCP,
        State.LIKELY_BLOCKED,
        None,
        _mixed,
        "Every connect fails, not always in the same way, while a control connects to the same endpoint.",
    ),
    Rule(
        "tcp.down",
        Layer.TCP,
        State.DOWN,
        None,
        _down,
        "The control cannot connect either.",
    ),
    Rule(
        "tcp.down_above",
        Layer.TCP,
        State.DOWN,
        None,
        _down_above,
        "The control connects, but the target proves itself to nobody.",
    ),
    Rule(
        "tcp.uncompared",
        Layer.TCP,
        State.IMPAIRED,
        None,
        _uncompared,
        "No connect succeeds, and no comparison settles why.",
    ),
    Rule(
        "tcp.throttled",
        Layer.TCP,
        State.IMPAIRED,
        "ip.throttle",
        lambda case: throttled(case, by_name=False),
        "Transfers from this address are far slower than the control host's, whatever the name.",
    ),
    Rule(
        "tcp.slow_uncompared",
        Layer.TCP,
        State.IMPAIRED,
        None,
        lambda case: not case.controls and (_slow(case) or (0.0, ()))[1],
        "Transfers are far slower than the control host's; no control tells whether the server is slow.",
    ),
    Rule(
        "tcp.connects",
        Layer.TCP,
        State.OK,
        None,
        lambda case: ids(
            o for o in case.facts.tcp if o.failure is None and o.endpoint in main_endpoints(case)
        ),
        "A genuine address accepts connections.",
    ),
    Rule(
        "tcp.unsettled",
        Layer.TCP,
        State.INSUFFICIENT,
        None,
        lambda case: True,
        "What was tried settles nothing.",
    ),
)
