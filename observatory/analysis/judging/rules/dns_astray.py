"""Answers that lead to no server of the target's, though to no known block page either.

A kind of address counts only where it is used: a genuine AAAA record is no help to a line without IPv6.
"""

from collections.abc import Callable, Iterable
from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import RESET, SILENCE, Asked, Evidence, Facts, ids, redirect_host
from observatory.analysis.judging.rules.dns_forged import injection_rule, leads_to_block_page
from observatory.analysis.judging.rules.pages import is_alike
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import DnsObservation, Failure, HttpObservation, Resolver, TcpObservation, TlsObservation

FAILURES: Final = frozenset(Failure)


def _given(case: Case) -> dict[str, list[Asked]]:
    """Addresses that the vantage's resolver gave, of kinds used here, each with the answers that hold it."""
    found: dict[str, list[Asked]] = {}
    for observation, answer in case.facts.answers(Resolver.VANTAGE):
        for address in answer.addresses:
            if case.uses(address):
                found.setdefault(address, []).append((observation, answer))
    return found


def _evidence(asked: Iterable[Asked]) -> Evidence:
    return tuple(dict.fromkeys(o.id for o, _ in asked))


def _of_canary(case: Case) -> frozenset[str]:
    """Where the canary was sent, but for its own true address: a portal sends everything to one place."""
    if case.canary is None:
        return frozenset()
    return case.canary.resolved_addresses - case.canary.proved_addresses


def _astray(case: Case) -> dict[str, list[Asked]]:
    """The same where none of them is the target's, while the target proved itself to a control; reserved
    addresses and known block pages are other rules' matter."""
    given = _given(case)
    if (
        not given
        or not case.canary_works
        or not case.control_proved
        or not _of_canary(case).isdisjoint(given)
    ):
        return {}
    odd = any(case.is_genuine(a) or case.is_bogon(a) or case.is_block_page(a) for a in given)
    return {} if odd or any(_as_elsewhere(case, o) for o in _pages_at(case, given)) else given


def _pages_at(case: Case, addresses: Iterable[str]) -> list[HttpObservation]:
    """Plain pages from there; a client that wrote down no address went where it was led."""
    there = {*addresses, ""}
    return [
        o for o in case.facts.http if not o.over_tls and o.status is not None and o.endpoint.address in there
    ]


def _plain_pages(facts: Facts) -> list[HttpObservation]:
    return [o for o in facts.http if not o.over_tls and o.status is not None]


def _as_elsewhere(case: Case, page: HttpObservation) -> bool:
    """The page that a control gets, or a step towards the target's own pages: no sign of another server."""
    host = redirect_host(page)
    if host is not None and case.reference.is_telegram_host(host):
        return True
    return any(is_alike(page, other) for c in case.controls for other in _plain_pages(c))


def _handshakes_at(case: Case, addresses: Iterable[str]) -> list[TlsObservation]:
    there = set(addresses)
    return [o for o in case.facts.tls if o.endpoint.address in there]


def _other_server(case: Case) -> Evidence:
    """A server answers there and is not the target's: it turns the name down, shows another's certificate or
    serves other pages. What only breaks off may be the target's, filtered."""
    given = _astray(case)
    if not given:
        return ()
    handshakes = _handshakes_at(case, given)
    if any(o.failure in RESET | SILENCE for o in handshakes):
        return ()
    turned_down = [o for o in handshakes if o.failure is Failure.SSL_HANDSHAKE or o.certificate_failure]
    # Without a control's page nothing is known of how the target's look.
    pages = _pages_at(case, given) if any(_plain_pages(c) for c in case.controls) else []
    if not turned_down and not pages:
        return ()
    asked = [pair for pairs in given.values() for pair in pairs]
    return (*_evidence(asked), *ids(turned_down), *ids(pages))


def _dead(case: Case) -> dict[str, list[Asked]]:
    """Astray, and no connection to any of the addresses is accepted here."""
    given = _given(case)
    if (
        not given
        or any(case.is_genuine(a) for a in given)
        or not case.canary_works
        or not case.control_proved
    ):
        return {}
    tries: dict[str, list[TcpObservation]] = {}
    for tried in case.facts.tcp:
        if tried.endpoint.address in given:
            tries.setdefault(tried.endpoint.address, []).append(tried)
    return given if tries and all(case.shows(at, FAILURES) for at in tries.values()) else {}


def _nothing_there(case: Case) -> Evidence:
    """Nothing answers there, while addresses that controls give prove themselves from here."""
    given = _dead(case) if _astray(case) else {}
    true = (case.controls_resolved | case.controls_proved) & case.facts.proved_addresses
    return _evidence(pair for pairs in given.values() for pair in pairs) if true else ()


def _leads_nowhere(case: Case) -> Evidence:
    """Answers lead only to addresses that no other source gives and that take no connection here: invented
    ones, or servers of the target that are gone, or filtered."""
    return _evidence(pair for pairs in _dead(case).values() for pair in pairs)


def _denied_elsewhere(case: Case) -> bool:
    """Every control is told that there is no such name, and no authenticated answer contradicts it."""
    return (
        case.controls_cannot_resolve
        and not case.facts.clean_addresses
        and all(any(o.failure is Failure.DNS_NXDOMAIN for o in c.dns) for c in case.controls)
    )


def _is_lines_own(case: Case, address: str, query: DnsObservation) -> bool:
    return case.reference.is_made_up(address) or case.canary_got_reserved(query.query_type)


def _outlived(case: Case, fits: Callable[[str], bool] | None) -> Evidence:
    """The name is gone everywhere, and the vantage's resolver still has an address for it, as for a name on a
    list; its answer for the canary is true."""
    given = _given(case)
    if not given or not _denied_elsewhere(case) or not case.canary_resolves or not case.canary_works:
        return ()
    if any(case.is_genuine(a) for a in given) or not _of_canary(case).isdisjoint(given):
        return ()
    # A client of made-up addresses has one for every name, whether it exists or not.
    if any(case.is_bogon(a) and _is_lines_own(case, a, o) for a in given for o, _ in given[a]):
        return ()
    asked = [pair for pairs in given.values() for pair in pairs]
    if fits is None:
        return _evidence(pair for pair in asked if leads_to_block_page(case, pair[1]))
    return _evidence(asked) if all(fits(a) for a in given) else ()


OUTLIVED_RULES: Final = (
    injection_rule("dns.outlived.blockpage", State.BLOCKED, "blockpage", lambda case: _outlived(case, None)),
    injection_rule(
        "dns.outlived.bogon", State.LIKELY_BLOCKED, "bogon", lambda case: _outlived(case, case.is_bogon)
    ),
    injection_rule(
        "dns.outlived.other",
        State.LIKELY_BLOCKED,
        "other",
        lambda case: _outlived(case, lambda address: True),
    ),
)
ASTRAY_RULES: Final = (
    injection_rule("dns.other_server", State.LIKELY_BLOCKED, "other", _other_server),
    injection_rule("dns.nothing_there", State.LIKELY_BLOCKED, "other", _nothing_there),
    Rule("dns.leads_nowhere", Layer.DNS, State.IMPAIRED, None, Basis.SYMPTOM, _leads_nowhere),
)
