"""Whether the measurement can show anything about its target. Asked before any layer."""

from collections.abc import Callable
from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import UNREACHABLE, Evidence, ids
from observatory.analysis.judging.path import passes_first_router, stops_at_home
from observatory.analysis.judging.rules.overload import unheard
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Failure

REJECTED: Final = UNREACHABLE | {Failure.CONNECTION_REFUSED, Failure.CONNECTION_RESET}
# No provider's router stands near enough to answer sooner. Sources that keep no times write 0.
AT_ONCE_S: Final = 0.0005


def _fails(case: Case) -> bool:
    return not case.facts.reached


def _vantage_unavailable(case: Case) -> Evidence | bool:
    observations = case.measurement.observations
    return all(o.failure is Failure.VANTAGE for o in observations) and ids(observations)


def _local_firewall(case: Case) -> Evidence:
    """This machine itself refuses to send, or nothing reaches even the first router; UDP may pass."""
    if not case.connected.isdisjoint(case.main_endpoints):
        return ()
    refused = ids(o for o in case.facts.tcp if o.failure is Failure.VANTAGE)
    return refused or stops_at_home(case.facts.hops) or _rejected_at_once(case)


def _rejected_at_once(case: Case) -> Evidence:
    """Every main endpoint turned a connect away sooner than anything outside the house could."""
    tries = [o for o in case.facts.tcp if o.endpoint in case.main_endpoints]
    soonest = {o.endpoint: min(t.duration_s for t in tries if t.endpoint == o.endpoint) for o in tries}
    at_once = bool(soonest) and all(0 < s < AT_ONCE_S for s in soonest.values())
    rejected = all(o.failure in REJECTED for o in tries)
    return ids(tries) if at_once and rejected and not passes_first_router(case.facts.hops) else ()


def _guard(id_: str, when: Callable[[Case], Evidence | bool]) -> Rule:
    return Rule(id_, Layer.NONE, State.INSUFFICIENT, None, Basis.GUARD, when)


GUARDS: Final = (
    _guard("guard.nothing_observed", lambda case: not case.measurement.observations),
    _guard("guard.vantage_unavailable", _vantage_unavailable),
    _guard(
        "guard.vantage_offline",
        # What the target's own steps heard came over this line too: a notice, an address, a connect.
        lambda case: case.canary is not None and not case.canary_answers and not case.facts.any_reply,
    ),
    _guard("guard.local_firewall", _local_firewall),
)

# Asked after the layers too, where no answer settled anything: it never makes an ok of what was not heard.
OVERLOAD_GUARDS: Final = (_guard("guard.prober_overloaded", lambda case: case.overloaded and unheard(case)),)

# Asked after the layers, of what rests on silence or on connections that ended: a lost line looks the same.
LINE_GUARDS: Final = (
    _guard("guard.line_lost", lambda case: case.canary is not None and case.canary.is_lost),
)

# Asked after the layers: an artefact is sufficient, and what fails at the control too is down anyway.
LATE_GUARDS: Final = (
    _guard("guard.no_canary", lambda case: case.canary is None and _fails(case)),
    _guard(
        "guard.vantage_impaired",
        lambda case: case.canary is not None and not case.canary_works and _fails(case),
    ),
)
