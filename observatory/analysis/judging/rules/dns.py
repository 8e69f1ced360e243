"""DNS, in order: what was forged on the path, what the vantage's resolver says, what a public one says."""

from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import Evidence, ids
from observatory.analysis.judging.rules.dns_astray import ASTRAY_RULES, OUTLIVED_RULES
from observatory.analysis.judging.rules.dns_forged import PATH_RULES, RESOLVER_RULES
from observatory.analysis.judging.rules.dns_public import PUBLIC_RULES, find_genuine
from observatory.analysis.judging.rules.dns_refused import FAILURE_RULES
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Failure, Resolver


def _retired(case: Case) -> Evidence:
    """No control finds the name, and no resolver here does."""
    if not case.controls_cannot_resolve or any(case.is_genuine(a) for a in case.facts.resolved_addresses):
        return ()
    if not all(any(o.answers for o in control.dns) for control in case.controls):
        return ()
    return ids(o for o in case.facts.dns if o.failure is not None)


def _retired_clean(case: Case) -> Evidence:
    """An authenticated answer says that there is no such name, and nothing known contradicts it."""
    denied = [o for o in case.facts.clean if o.failure is Failure.DNS_NXDOMAIN]
    return ids(denied) if denied and not case.resolves_elsewhere else ()


def _chosen_resolver(case: Case) -> Evidence:
    """Whoever uses this line chose a resolver outside the network, and only that one was asked."""
    asked = [o for o in case.facts.dns if o.resolver is Resolver.CHOSEN]
    others = any(o.resolver is Resolver.VANTAGE for o in case.facts.dns)
    return () if others else ids(asked)


DNS_RULES: Final = (
    Rule(
        "dns.not_asked",
        Layer.DNS,
        State.INSUFFICIENT,
        None,
        Basis.SYMPTOM,
        lambda case: not case.facts.dns,
    ),
    *OUTLIVED_RULES,
    Rule("dns.retired", Layer.DNS, State.DOWN, None, Basis.COMPARISON, _retired),
    *PATH_RULES,
    *RESOLVER_RULES,
    *ASTRAY_RULES,
    *FAILURE_RULES,
    *PUBLIC_RULES,
    Rule("dns.genuine", Layer.DNS, State.OK, None, Basis.COMPARISON, find_genuine),
    Rule("dns.chosen_resolver", Layer.DNS, State.IMPAIRED, None, Basis.SYMPTOM, _chosen_resolver),
    Rule("dns.retired_clean", Layer.DNS, State.DOWN, None, Basis.COMPARISON, _retired_clean),
    Rule("dns.unsettled", Layer.DNS, State.INSUFFICIENT, None, Basis.SYMPTOM, lambda case: True),
)
