"""Forged answers: raced on the path, given by an address that serves no DNS, or by a resolver itself."""

from collections.abc import Callable
from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import Asked, Evidence, ids
from observatory.analysis.judging.rules.certificates import names_block_page
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import DnsAnswer, HttpObservation, Resolver, TlsObservation

Forged = Callable[[Case, DnsAnswer], bool]
# A resolver may fail once and recover, so a failing answer next to a good one shows no forger.
HONEST_FAILURES: Final = frozenset({"SERVFAIL", "REFUSED", "FORMERR", "NOTIMP"})


def leads_to_block_page(case: Case, answer: DnsAnswer) -> bool:
    """Every address is a known block page's, or the chain of names goes through one."""
    if any(case.is_genuine(a) for a in answer.addresses):
        return False
    by_name = any(case.is_notice_name(name) for name in answer.cnames)
    by_address = bool(answer.addresses) and all(case.is_block_page(a) for a in answer.addresses)
    return by_name or by_address


def leads_to_bogon(case: Case, answer: DnsAnswer) -> bool:
    """Only addresses that no public server can have, and that no trusted source gives for this name."""
    vouched = case.controls_resolved | case.facts.clean_addresses
    return bool(answer.addresses) and all(
        case.is_bogon(a) and a not in vouched and not case.reference.is_made_up(a) for a in answer.addresses
    )


def _is_genuine(case: Case, answer: DnsAnswer) -> bool:
    return any(case.is_genuine(a) for a in answer.addresses)


def _differs(case: Case, answer: DnsAnswer) -> bool:
    """An answer that disagrees with a genuine one to the same query; one cut short says nothing yet."""
    honest = answer.truncated or answer.rcode in HONEST_FAILURES
    return not honest and not _is_genuine(case, answer)


def _second_answer(case: Case, forged: Forged) -> Evidence:
    """Two answers to one query, one of them forged, the other different: an injector raced the server."""
    bogon = forged is leads_to_bogon
    return ids(
        o
        for o in (*case.facts.dns, *case.facts.sink)
        if not (bogon and case.canary_got_reserved(o.query_type))
        and len({(a.rcode, frozenset(a.addresses), a.cnames) for a in o.answers}) > 1
        and any(forged(case, a) for a in o.answers)
        and any(not forged(case, a) for a in o.answers)
    )


def _other_second_answer(case: Case) -> Evidence:
    """One of the two is proved to be true, so the other is not rotation but a forgery."""
    proved = case.facts.proved_addresses | case.controls_proved | case.facts.clean_addresses
    return ids(
        o
        for o in (*case.facts.dns, *case.facts.sink)
        if len(o.answers) > 1
        and any(_differs(case, a) and proved.isdisjoint(a.addresses) for a in o.answers)
        and any(proved & set(a.addresses) for a in o.answers)
    )


def _canary_got(case: Case, addresses: frozenset[str]) -> bool:
    """The canary was sent to the same place: a portal for everything, not a filter for one name."""
    if case.canary is None:
        return False
    got = {a for o in case.canary.sink for answer in o.answers for a in answer.addresses}
    # Its own true address is no portal.
    return bool(((case.canary.resolved_addresses | got) - case.canary.proved_addresses) & addresses)


def _forged(case: Case, asked: tuple[Asked, ...], forged: Forged) -> Evidence:
    found = [(o, a) for o, a in asked if forged(case, a)]
    addresses = frozenset(address for _, answer in found for address in answer.addresses)
    if not found or _canary_got(case, addresses):
        return ()
    return tuple(dict.fromkeys(o.id for o, _ in found))


def _sink_answers(case: Case) -> tuple[Asked, ...]:
    return tuple((o, answer) for o in case.facts.sink for answer in o.answers)


def find_block_page(case: Case, asked: tuple[Asked, ...]) -> Evidence:
    """Return the answers that lead to a known block page, to which the canary is not led."""
    return _forged(case, asked, leads_to_block_page)


def find_bogon(case: Case, asked: tuple[Asked, ...]) -> Evidence:
    """Return the answers with addresses that no public server can have.

    The name must be alive elsewhere, for a zone may hold a private address by mistake; and the canary must
    not be sent there too, as a portal does.
    """
    if not case.resolves_elsewhere or not case.canary_answers:
        return ()
    accusing = tuple(
        (o, a)
        for o, a in asked
        if not case.canary_got_reserved(o.query_type) and not _opens_otherwise(case, asked, o.query_type)
    )
    return _forged(case, accusing, leads_to_bogon)


def _opens_otherwise(case: Case, asked: tuple[Asked, ...], query_type: str) -> bool:
    """The same resolver gives a genuine address of the other IP version, and this vantage point uses it.

    `::` beside a true IPv4 address only keeps clients off IPv6.
    """
    return any(
        (":" in address) is (query_type == "A") and case.is_genuine(address) and case.uses(address)
        for _, answer in asked
        for address in answer.addresses
    )


def _reserved_beside_genuine(case: Case) -> Evidence:
    """No IPv4 address that can be reached, while IPv6 opens the name: who has no IPv6 is kept out."""
    found = [
        (o, a)
        for o, a in _vantage(case)
        if o.query_type == "A" and case.has_ipv4 and not case.canary_got_reserved("A")
    ]
    return _forged(case, tuple(found), leads_to_bogon) if case.canary_works else ()


def _other_from_sink(case: Case) -> Evidence:
    """An address that serves no DNS gave one that is not the target's. A proxy for all DNS tells the truth,
    or tells every client the same."""
    found = [(o, a) for o, a in _sink_answers(case) if a.addresses and not _is_genuine(case, a)]
    settled = case.resolves_elsewhere and case.canary_works
    return _forged(case, tuple(found), lambda case, answer: True) if settled else ()


def _page_at_forged_address(case: Case) -> Evidence:
    """The answer leads to an address that shows a notice, or the certificate of one."""
    asked = (*case.facts.answers(Resolver.VANTAGE), *case.facts.answers(Resolver.PUBLIC))
    answered = {a for _, answer in asked for a in answer.addresses if not case.is_genuine(a)}
    if not answered or not case.canary_works:
        return ()
    pages = [
        o
        for o in case.facts.http
        if o.endpoint.address in answered and (case.shows_block_page(o) or case.redirects_to_block_page(o))
    ]
    certificates = [
        o
        for o in case.facts.tls
        if o.endpoint.address in answered
        and o.chain
        and o.certificate_failure is not None
        and names_block_page(case, o.chain[0])
    ]
    shown: list[HttpObservation | TlsObservation] = [*pages, *certificates]
    places = frozenset(o.endpoint.address for o in shown)
    if not shown or _canary_got(case, places):
        return ()
    dns = [o for o, a in asked if places & set(a.addresses)]
    return (*dict.fromkeys(ids(dns)), *ids(shown))


def find_other_address(case: Case, asked: tuple[Asked, ...]) -> Evidence:
    """Return the answers, of an IP version that this vantage point uses, where all of them lead only to hosts
    that hold another's certificate, while the name is alive elsewhere.
    """
    answers = [(o, a) for o, a in asked if any(case.uses(address) for address in a.addresses)]
    addresses = {address for _, a in answers for address in a.addresses}
    shown = {o.endpoint.address for o in case.facts.tls if o.failure is None and o.certificate_failure}
    if not answers or any(case.is_genuine(a) for a in addresses) or not addresses <= shown:
        return ()
    if not case.resolves_elsewhere or not case.canary_works or _canary_got(case, frozenset(addresses)):
        return ()
    return tuple(dict.fromkeys(o.id for o, _ in answers))


def injection_rule(id_: str, state: State, kind: str, when: Callable[[Case], Evidence]) -> Rule:
    """Return the rule for a forged answer of this kind."""
    basis = Basis.ARTEFACT if state is State.BLOCKED else Basis.COMPARISON
    return Rule(id_, Layer.DNS, state, f"dns.injection.{kind}", basis, when)


def _vantage(case: Case) -> tuple[Asked, ...]:
    return case.facts.answers(Resolver.VANTAGE)


BLOCKED, LIKELY = State.BLOCKED, State.LIKELY_BLOCKED
PATH_RULES: Final = (
    injection_rule(
        "dns.second_answer.blockpage", BLOCKED, "blockpage", lambda c: _second_answer(c, leads_to_block_page)
    ),
    injection_rule("dns.second_answer.bogon", BLOCKED, "bogon", lambda c: _second_answer(c, leads_to_bogon)),
    injection_rule("dns.second_answer.other", BLOCKED, "other", _other_second_answer),
    injection_rule(
        "dns.sink.blockpage", BLOCKED, "blockpage", lambda c: find_block_page(c, _sink_answers(c))
    ),
    injection_rule("dns.sink.bogon", BLOCKED, "bogon", lambda c: find_bogon(c, _sink_answers(c))),
    injection_rule("dns.sink.other", BLOCKED, "other", _other_from_sink),
)
RESOLVER_RULES: Final = (
    injection_rule("dns.blockpage_address", BLOCKED, "blockpage", lambda c: find_block_page(c, _vantage(c))),
    injection_rule("dns.blockpage_content", BLOCKED, "blockpage", _page_at_forged_address),
    injection_rule("dns.bogon_address", BLOCKED, "bogon", lambda c: find_bogon(c, _vantage(c))),
    injection_rule("dns.other_address", LIKELY, "other", lambda c: find_other_address(c, _vantage(c))),
    Rule(
        "dns.reserved_beside_genuine",
        Layer.DNS,
        State.IMPAIRED,
        None,
        Basis.SYMPTOM,
        _reserved_beside_genuine,
    ),
)
