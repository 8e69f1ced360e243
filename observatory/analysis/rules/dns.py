"""DNS: did the vantage's resolver, and the path to a public one, tell where the name really is?"""

from collections.abc import Callable
from typing import Final

from observatory.analysis.case import SILENCE, Case, Evidence, ids
from observatory.analysis.rules.rule import Rule
from observatory.model import Layer, State
from probes.records import DnsAnswer, DnsObservation, Failure, Resolver

Kind = Callable[[str], bool]


def _second_answer(case: Case, forged: Callable[[Case, DnsAnswer], bool]) -> Evidence:
    """Two answers to one query, one of them forged, the other different: somebody raced the server."""
    return ids(
        o
        for o in case.facts.dns
        if len({(a.rcode, a.addresses) for a in o.answers}) > 1
        and any(forged(case, a) for a in o.answers)
        and any(not forged(case, a) for a in o.answers)
    )


def _all(kind: Callable[[Case, str], bool]) -> Callable[[Case, DnsAnswer], bool]:
    return lambda case, answer: bool(answer.addresses) and all(kind(case, a) for a in answer.addresses)


def _not_genuine(case: Case, answer: DnsAnswer) -> bool:
    """An answer that disagrees with a genuine one to the same query."""
    return not any(case.is_genuine(a) for a in answer.addresses)


def _other_second_answer(case: Case) -> Evidence:
    pairs = _second_answer(case, _not_genuine)
    # Two different genuine answers are rotation; a failing answer beside a genuine one is a forgery only
    # when the genuine one proved itself, for a resolver may answer SERVFAIL once and recover.
    return pairs if case.facts.proved_addresses else ()


def _canary_got(case: Case, addresses: frozenset[str]) -> bool:
    """The control host was sent to the same place: a portal for everything, not a filter for one name."""
    return case.canary is not None and bool(case.canary.resolved_addresses & addresses)


def _forged_address(case: Case, resolver: Resolver, kind: Callable[[Case, str], bool]) -> Evidence:
    found = [(o, a) for o, a in case.facts.answers(resolver) if _all(kind)(case, a)]
    addresses = frozenset(address for _, answer in found for address in answer.addresses)
    if not found or case.canary is None or not case.canary_answers or _canary_got(case, addresses):
        return ()
    return tuple(dict.fromkeys(o.id for o, _ in found))


def _bogon(case: Case, resolver: Resolver) -> Evidence:
    # That the name is alive elsewhere is needed: a zone may hold a private address by mistake.
    return _forged_address(case, resolver, Case.is_bogon) if case.resolves_elsewhere else ()


def _page_at_forged_address(case: Case) -> Evidence:
    answered = case.facts.addresses(Resolver.VANTAGE) | case.facts.addresses(Resolver.PUBLIC)
    pages = [
        o
        for o in case.facts.http
        if o.endpoint.address in answered
        and not case.is_genuine(o.endpoint.address)
        and (case.shows_block_page(o) or case.redirects_to_block_page(o))
    ]
    if not pages or not case.canary_works or _canary_got(case, frozenset(p.endpoint.address for p in pages)):
        return ()
    dns = [
        o
        for o, a in case.facts.answers(Resolver.VANTAGE)
        if set(a.addresses) & {p.endpoint.address for p in pages}
    ]
    return (*dict.fromkeys(ids(dns)), *ids(pages))


def _other_address(case: Case) -> Evidence:
    """Answers lead only to hosts that hold another's certificate, while the name is alive elsewhere."""
    answers = [(o, a) for o, a in case.facts.answers(Resolver.VANTAGE) if a.addresses]
    addresses = {address for _, a in answers for address in a.addresses}
    shown = {o.endpoint.address for o in case.facts.tls if o.failure is None and o.certificate_failure}
    if not answers or any(case.is_genuine(a) for a in addresses) or not addresses <= shown:
        return ()
    if not case.resolves_elsewhere or not case.canary_works:
        return ()
    return tuple(dict.fromkeys(o.id for o, _ in answers))


def _consistently(case: Case, failure: Failure) -> Evidence:
    """The vantage's resolver fails this name on every try, yet it serves the control host."""
    tries = _vantage_tries(case)
    failing = [o for o in tries if o.failure is failure]
    udp = [o for o in tries if o.transport == "udp"] or tries
    if not failing or not all(o.failure is failure for o in udp):
        return ()
    return ids(failing) if case.canary_resolves and case.resolves_elsewhere else ()


def _silent(case: Case) -> Evidence:
    tries = _vantage_tries(case)
    silent = case.shows(tries, SILENCE)
    return ids(tries) if silent and case.canary_resolves and case.resolves_elsewhere else ()


def _vantage_tries(case: Case) -> list[DnsObservation]:
    return [o for o in case.facts.dns if o.resolver is Resolver.VANTAGE]


def _retired(case: Case) -> Evidence:
    """No control finds the name, and nobody here does."""
    if not case.controls_cannot_resolve or any(case.is_genuine(a) for a in case.facts.resolved_addresses):
        return ()
    if not all(any(o.answers for o in control.dns) for control in case.controls):
        return ()
    return ids(o for o in case.facts.dns if o.failure is not None)


def _resolver_broken(case: Case) -> Evidence:
    if case.canary is None or case.canary_resolves or case.facts.addresses(Resolver.VANTAGE):
        return ()
    return ids(_vantage_tries(case))


def _genuine(case: Case) -> Evidence:
    return tuple(
        dict.fromkeys(
            o.id
            for o, answer in case.facts.answers(Resolver.VANTAGE)
            if any(case.is_genuine(a) for a in answer.addresses)
        )
    )


def _failed_rule(id_: str, failure: Failure, state: State, mechanism: str, what: str) -> Rule:
    return Rule(
        id_,
        Layer.DNS,
        state,
        mechanism,
        lambda case: _consistently(case, failure),
        f"The vantage's resolver {what} for this name only; elsewhere the name resolves.",
    )


DNS_RULES: Final = (
    Rule(
        "dns.not_asked",
        Layer.DNS,
        State.INSUFFICIENT,
        None,
        lambda case: not case.facts.dns,
        "No DNS query was made.",
    ),
    Rule(
        "dns.retired",
        Layer.DNS,
        State.DOWN,
        None,
        _retired,
        "The control does not find the name either: it is retired or its zone is down.",
    ),
    Rule(
        "dns.second_answer.blockpage",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.blockpage",
        lambda case: _second_answer(case, _all(Case.is_block_page)),
        "One query got two answers, one of them the address of a block page.",
    ),
    Rule(
        "dns.second_answer.bogon",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.bogon",
        lambda case: _second_answer(case, _all(Case.is_bogon)),
        "One query got two answers, one of them an address that no public server can have.",
    ),
    Rule(
        "dns.second_answer.other",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.other",
        _other_second_answer,
        "One query got two answers, one of them forged.",
    ),
    Rule(
        "dns.blockpage_address",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.blockpage",
        lambda case: _forged_address(case, Resolver.VANTAGE, Case.is_block_page),
        "The vantage's resolver answers with the address of a known block page.",
    ),
    Rule(
        "dns.blockpage_content",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.blockpage",
        _page_at_forged_address,
        "The answer leads to an address that serves a block page.",
    ),
    Rule(
        "dns.bogon_address",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.bogon",
        lambda case: _bogon(case, Resolver.VANTAGE),
        "The vantage's resolver answers with an address that no public server can have.",
    ),
    Rule(
        "dns.other_address",
        Layer.DNS,
        State.LIKELY_BLOCKED,
        "dns.injection.other",
        _other_address,
        "The answers lead only to hosts that cannot prove the name, while it is alive elsewhere.",
    ),
    Rule(
        "dns.resolver_broken",
        Layer.DNS,
        State.INSUFFICIENT,
        None,
        _resolver_broken,
        "The vantage's resolver fails the control host too: it is broken for every name.",
    ),
    _failed_rule(
        "dns.nxdomain",
        Failure.DNS_NXDOMAIN,
        State.LIKELY_BLOCKED,
        "dns.nxdomain",
        "says the name does not exist",
    ),
    _failed_rule(
        "dns.refused", Failure.DNS_REFUSED, State.LIKELY_BLOCKED, "dns.refused", "refuses to answer"
    ),
    _failed_rule(
        "dns.no_answer", Failure.DNS_NO_ANSWER, State.LIKELY_BLOCKED, "dns.no_answer", "gives no address"
    ),
    # A resolver may fail one zone for reasons of its own, so this stays the weaker word.
    _failed_rule("dns.servfail", Failure.DNS_SERVFAIL, State.IMPAIRED, "dns.servfail", "reports a failure"),
    Rule(
        "dns.silent",
        Layer.DNS,
        State.LIKELY_BLOCKED,
        "dns.timeout",
        _silent,
        "The vantage's resolver answers for the control host and is silent for this name, over UDP and TCP.",
    ),
    Rule(
        "dns.genuine",
        Layer.DNS,
        State.OK,
        None,
        _genuine,
        "The vantage's resolver answers with an address that is the target's own.",
    ),
    Rule(
        "dns.public_blockpage_address",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.blockpage",
        lambda case: _forged_address(case, Resolver.PUBLIC, Case.is_block_page),
        "A query to a public resolver comes back with the address of a known block page.",
    ),
    Rule(
        "dns.public_bogon_address",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.bogon",
        lambda case: _bogon(case, Resolver.PUBLIC),
        "A query to a public resolver comes back with an address that no public server can have.",
    ),
    Rule(
        "dns.unsettled",
        Layer.DNS,
        State.INSUFFICIENT,
        None,
        lambda case: True,
        "The answers can be neither proved nor refuted.",
    ),
)
