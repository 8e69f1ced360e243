"""What comes back in the open from a public resolver, outside the network: what else than that resolver's own
word it is was made on the path, whatever the network's own resolver says.

The same resolver asked over DoT or DoH, where nobody else can answer, shows what its own word is.
"""

from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import Evidence, ids
from observatory.analysis.judging.rules.dns_forged import find_block_page, find_bogon, find_other_address
from observatory.analysis.judging.rules.rule import Basis, Rule
from observatory.model import Layer, State
from probes.records import Failure, Resolver

# A server failure may be trouble between the resolver and the name's own servers.
DENIALS: Final = {
    "nxdomain": Failure.DNS_NXDOMAIN,
    "refused": Failure.DNS_REFUSED,
    "no_answer": Failure.DNS_NO_ANSWER,
}


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
    if find_genuine(case) and not case.facts.clean_addresses:
        return ()
    return find_bogon(case, case.facts.answers(Resolver.PUBLIC))


def _other_address(case: Case) -> Evidence:
    asked = case.facts.answers(Resolver.PUBLIC)
    return find_other_address(case, asked) if case.facts.clean_addresses else ()


def _denied(case: Case, failure: Failure) -> Evidence:
    """Every answer in the open denies the name, while the resolver itself gives it an IPv4 address, and the
    canary's over the same way."""
    answered = [o for o in case.facts.queries(Resolver.PUBLIC) if o.transport == "udp" and o.answers]
    if not answered or any(o.failure is not failure or len(o.answers) > 1 for o in answered):
        return ()
    vouched = any(":" not in address for address in case.facts.clean_addresses)
    others = case.canary is not None and bool(case.canary.addresses(Resolver.PUBLIC))
    return ids(answered) if vouched and others and case.canary_works else ()


def _denial_rule(kind: str) -> Rule:
    failure = DENIALS[kind]
    return Rule(
        f"dns.public_{kind}",
        Layer.DNS,
        State.LIKELY_BLOCKED,
        f"dns.{kind}",
        Basis.COMPARISON,
        lambda case: _denied(case, failure),
    )


PUBLIC_RULES: Final = (
    Rule(
        "dns.public_blockpage_address",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.blockpage",
        Basis.ARTEFACT,
        lambda case: find_block_page(case, case.facts.answers(Resolver.PUBLIC)),
    ),
    Rule(
        "dns.public_bogon_address",
        Layer.DNS,
        State.BLOCKED,
        "dns.injection.bogon",
        Basis.ARTEFACT,
        _bogon,
    ),
    Rule(
        "dns.public_other_address",
        Layer.DNS,
        State.LIKELY_BLOCKED,
        "dns.injection.other",
        Basis.COMPARISON,
        _other_address,
    ),
    *map(_denial_rule, DENIALS),
)
