"""Names that the vantage's resolver denies, refuses or swallows, while the canary resolves."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import RESET, SILENCE, UNREACHABLE, Evidence, Facts, ids
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import PROXY_FAILURES, DnsObservation, Failure, Resolver

# RFC 8914: the resolver itself says that it will not answer, by policy or by order.
DECLARED_CODES: Final = frozenset({15, 16})
# ... and that its customer asked for it.
FILTERED_CODES: Final = frozenset({17})
OTHER_REFUSALS: Final = frozenset({"FORMERR", "NOTIMP", "NOTAUTH"})
CLOSED: Final = SILENCE | RESET | UNREACHABLE | {Failure.CONNECTION_REFUSED}
# One lost packet is no silence: A and AAAA, or two tries of one.
MIN_SILENT: Final = 2
CUT_SHORT: Final = frozenset({Failure.DNS_TRUNCATED})
# The try broke off on its way, at a proxy or in this machine: no word of the resolver's.
UNANSWERED: Final = CUT_SHORT | CLOSED | PROXY_FAILURES | {Failure.VANTAGE}


def _tries(case: Case) -> tuple[DnsObservation, ...]:
    return tuple(_as_refusal(o) for o in case.facts.queries(Resolver.VANTAGE))


def _as_refusal(query: DnsObservation) -> DnsObservation:
    """A resolver that says so of one name alone refuses it, whatever word it uses (RFC 1035, RFC 2136)."""
    refused = bool(query.answers) and query.answers[0].rcode in OTHER_REFUSALS
    return replace(query, failure=Failure.DNS_REFUSED) if refused else query


def _failing(case: Case, failure: Failure) -> list[DnsObservation]:
    """The vantage's resolver fails for this name on every try; one transport may hear nothing at all."""
    tries = _tries(case)
    failing = [o for o in tries if o.failure is failure]
    if not failing:
        return []
    udp = [o for o in tries if o.transport == "udp"] or list(tries)
    # A try that was lost takes nothing from one that was answered; one that was cut short asks for TCP.
    sent_to_tcp = all(o.failure in UNANSWERED for o in udp) and any(o.failure in CUT_SHORT for o in udp)
    answered = [o for o in (tries if sent_to_tcp else udp) if o.failure not in UNANSWERED]
    return failing if answered and all(o.failure is failure for o in answered) else []


def _alive(case: Case, failure: Failure) -> bool:
    """Elsewhere the name has what is denied here; an empty answer denies IPv4 addresses only."""
    return case.has_ipv4_elsewhere if failure is Failure.DNS_NO_ANSWER else case.resolves_elsewhere


def _answers_others(case: Case, failure: Failure) -> bool:
    """The resolver resolves the canary, and fails it at no time as it fails the target. Where it was not
    asked to (imports), a definite reply is taken to be about this name; silence and refusal are not."""
    if _fails_others_now_and_then(case, failure):
        return False
    if case.canary_resolves:
        return True
    asked = case.canary is not None and case.canary_unresolved
    return not asked and case.canary_works and failure in (Failure.DNS_NXDOMAIN, Failure.DNS_NO_ANSWER)


def _fails_others_now_and_then(case: Case, failure: Failure) -> bool:
    """The same question about the canary fails in this way at one time and not at another, as at a forwarder
    whose table is full."""
    asked = (*case.canary.of_vantage, *case.canary_beside) if case.canary is not None else ()
    heard: dict[tuple[str, str], set[bool]] = {}
    for one in map(_as_refusal, asked):
        if one.answers:
            heard.setdefault((one.query_type, one.transport), set()).add(one.failure is failure)
    return any(len(outcomes) > 1 for outcomes in heard.values())


def _opens_over_ipv6(case: Case) -> bool:
    """The resolver gives what opens the name over IPv6, or no IPv4 address to anybody: a network of IPv6."""
    given = case.facts.addresses(Resolver.VANTAGE)
    if any(":" in a and case.uses(a) and case.is_genuine(a) for a in given):
        return True
    canarys = case.canary.addresses(Resolver.VANTAGE) if case.canary is not None else frozenset()
    return bool(canarys) and not any("." in a for a in canarys)


def _consistently(case: Case, failure: Failure) -> Evidence:
    if failure is Failure.DNS_NO_ANSWER and _opens_over_ipv6(case):
        return ()
    failing = _failing(case, failure)
    return ids(failing) if failing and _answers_others(case, failure) and _alive(case, failure) else ()


def _declared(case: Case, failure: Failure, codes: frozenset[int]) -> Evidence:
    """The failing answers carry an extended error that says so, and the canary's do not."""

    def declares(observation: DnsObservation) -> bool:
        return any(e.code in codes for answer in observation.answers for e in answer.extended_errors)

    declared = [o for o in _failing(case, failure) if declares(o)]
    others = (*case.canary_beside, *(case.canary.dns if case.canary is not None else ()))
    if not declared or any(declares(o) for o in others):
        return ()
    return ids(declared) if _alive(case, failure) else ()


def _asked(facts: Facts, transport: str) -> tuple[DnsObservation, ...]:
    """All questions of this kind to the vantage's resolver, for both kinds of addresses."""
    return tuple(o for o in facts.of_vantage if o.transport == transport)


def _canary_answered_over_udp(case: Case) -> bool:
    return (
        case.canary is not None and any(o.answers for o in _asked(case.canary, "udp")) and _hears_others(case)
    )


def _hears_others(case: Case) -> bool:
    """Beside the target's retries the canary was answered, and at least half of all that was asked about it:
    a resolver that drops most of what comes too fast drops names by chance."""
    beside = [o for o in case.canary_beside if not case.may_have_missed(o)]
    if case.canary is None or not case.canary_beside:
        return True
    transports = {o.transport for o in case.canary_beside}
    earlier = [o for o in case.canary.queries(Resolver.VANTAGE) if o.transport in transports]
    answered = [o for o in (*earlier, *beside) if o.answers]
    return any(o in answered for o in beside) and 2 * len(answered) >= len(earlier) + len(beside)


def _silent(case: Case) -> Evidence:
    """Nothing was heard of this name; where UDP is swallowed, TCP may be closed as well as silent."""
    tries = _tries(case)
    udp = [o for o in tries if o.transport == "udp"]
    others = [o for o in tries if o.transport != "udp"]
    silent = case.shows(tries, SILENCE) or (
        case.shows(udp, SILENCE) and case.shows(others, CLOSED) and _canary_answered_over_udp(case)
    )
    heard = case.canary_resolves and _hears_others(case)
    return ids(tries) if silent and heard and case.resolves_elsewhere else ()


def _silent_over_udp(case: Case) -> Evidence:
    """Over UDP every question about this name is swallowed and the canary's are answered; that TCP answers
    helps nobody, for ordinary programs do not fall back on it after silence."""
    udp = _asked(case.facts, "udp")
    enough = len(udp) >= MIN_SILENT and case.shows(udp, SILENCE)
    return ids(udp) if enough and _canary_answered_over_udp(case) and case.resolves_elsewhere else ()


def _resolver_broken(case: Case) -> Evidence:
    if not case.canary_unresolved or any(map(case.uses, case.facts.addresses(Resolver.VANTAGE))):
        return ()
    return ids(_tries(case))


def _uncompared(case: Case) -> Evidence:
    """The resolver gives nothing, the name is alive, and nothing shows whether the resolver works at all."""
    tries = [o for o in _tries(case) if o.failure is not None]
    nothing = bool(tries) and not case.facts.addresses(Resolver.VANTAGE)
    unknown = case.canary is not None and not case.canary_resolves and not case.canary_unresolved
    return ids(tries) if nothing and unknown and case.resolves_elsewhere and not case.overloaded else ()


FAILURES: Final = {
    "nxdomain": Failure.DNS_NXDOMAIN,
    "refused": Failure.DNS_REFUSED,
    "no_answer": Failure.DNS_NO_ANSWER,
    "servfail": Failure.DNS_SERVFAIL,
}


def refusal_rule(id_: str, kind: str, state: State, when: Callable[[Case, Failure], Evidence]) -> Rule:
    """Return the rule for one of `FAILURES`, which `when` looks for."""
    failure = FAILURES[kind]
    basis = Basis.ARTEFACT if state is State.BLOCKED else Basis.COMPARISON
    return Rule(id_, Layer.DNS, state, f"dns.{kind}", basis, lambda case: when(case, failure))


def _failed_rule(kind: str) -> Rule:
    # A resolver may fail one zone for reasons of its own, so SERVFAIL stays the weaker word.
    state = State.IMPAIRED if kind == "servfail" else State.LIKELY_BLOCKED
    return refusal_rule(f"dns.{kind}", kind, state, _consistently)


FAILURE_RULES: Final = (
    *(
        refusal_rule(f"dns.declared.{kind}", kind, State.BLOCKED, partial(_declared, codes=DECLARED_CODES))
        for kind in FAILURES
    ),
    *(
        refusal_rule(
            f"dns.filtered.{kind}", kind, State.LIKELY_BLOCKED, partial(_declared, codes=FILTERED_CODES)
        )
        for kind in FAILURES
    ),
    Rule("dns.resolver_broken", Layer.DNS, State.INSUFFICIENT, None, Basis.GUARD, _resolver_broken),
    *(_failed_rule(kind) for kind in FAILURES),
    Rule("dns.silent", Layer.DNS, State.LIKELY_BLOCKED, "dns.timeout", Basis.COMPARISON, _silent),
    Rule(
        "dns.silent.udp", Layer.DNS, State.LIKELY_BLOCKED, "dns.timeout", Basis.COMPARISON, _silent_over_udp
    ),
    Rule("dns.fails_uncompared", Layer.DNS, State.IMPAIRED, None, Basis.SYMPTOM, _uncompared),
)
