"""What comes back in the open from a public resolver, outside the network: what else than that resolver's own
word it is was made on the path, whatever the network's own resolver says.

The same resolver asked over DoT or DoH, where nobody else can answer, shows what its own word is.
"""

from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import Asked, Evidence, ids
from observatory.analysis.judging.rules.dns_forged import (
    find_block_page,
    find_bogon,
    find_other_address,
    injection_rule,
)
from observatory.analysis.judging.rules.dns_refused import refusal_rule
from observatory.model import State
from probes.records import Failure, Resolver


def find_genuine(case: Case) -> Evidence:
    """Return the answers with a genuine address of an IP version that is used here, or of any where none of
    those is given.
    """
    asked = (*case.facts.answers(Resolver.VANTAGE), *case.facts.answers(Resolver.CHOSEN))
    given = {a for _, answer in asked for a in answer.addresses}
    known = {a for a in given if case.uses(a)} or given
    genuine = {a for a in known if case.is_genuine(a)}
    return tuple(dict.fromkeys(o.id for o, answer in asked if not genuine.isdisjoint(answer.addresses)))


def spares_own_resolver(case: Case, shown: Evidence) -> bool:
    """Say whether what was forged befell none of the answers of the network's own resolver, which is honest:
    whoever asks that one gets in.
    """
    return bool(find_genuine(case)) and not any(o.id in shown for o in case.facts.of_vantage)


def _bogon(case: Case) -> Evidence:
    """Where the network's own resolver is honest, the public one must have denied that this is its word: some
    filter, for customers who want it."""
    if not case.facts.clean_addresses and find_genuine(case):
        return ()
    return find_bogon(case, _public(case))


def _other_address(case: Case) -> Evidence:
    return find_other_address(case, _public(case)) if case.facts.clean_addresses else ()


def _denied(case: Case, failure: Failure) -> Evidence:
    """Every answer in the open denies the name, while the resolver itself gives it an IPv4 address, and the
    canary's over the same way."""
    answered = [o for o in case.facts.queries(Resolver.PUBLIC) if o.transport == "udp" and o.answers]
    if not answered or any(o.failure is not failure or len(o.answers) > 1 for o in answered):
        return ()
    vouched = any(":" not in address for address in case.facts.clean_addresses)
    others = case.canary is not None and bool(case.canary.addresses(Resolver.PUBLIC))
    return ids(answered) if vouched and others and case.canary_works else ()


def _public(case: Case) -> tuple[Asked, ...]:
    return case.facts.answers(Resolver.PUBLIC)


# A server failure may be trouble between the resolver and the name's own servers.
DENIALS: Final = ("nxdomain", "refused", "no_answer")
BLOCKED, LIKELY = State.BLOCKED, State.LIKELY_BLOCKED
PUBLIC_RULES: Final = (
    injection_rule(
        "dns.public_blockpage_address", BLOCKED, "blockpage", lambda c: find_block_page(c, _public(c))
    ),
    injection_rule("dns.public_bogon_address", BLOCKED, "bogon", _bogon),
    injection_rule("dns.public_other_address", LIKELY, "other", _other_address),
    *(refusal_rule(f"dns.public_{kind}", kind, LIKELY, _denied) for kind in DENIALS),
)
