"""What a busy prober cannot tell from its own slowness: silences, and rates. Answers are never among them."""

from collections.abc import Iterable

from observatory.analysis.judging.case import Case, by_family
from observatory.analysis.judging.facts import Evidence, ids
from observatory.analysis.judging.rules.mtproto import mute_tries
from observatory.analysis.judging.rules.pages import plain_pages, secure_pages
from observatory.analysis.judging.rules.tcp import slow_transfers
from observatory.analysis.judging.rules.tls import slow_handshakes
from probes.records import AnyObservation, Failure, Resolver


def unheard(case: Case) -> Evidence:
    """Return the steps on the target's way that only silence or slowness was heard of."""
    return (
        *ids(_silent(o for o in case.facts.tcp if o.endpoint in case.dead_endpoints)),
        *_unheard_names(case),
        *_unheard_handshakes(case),
        *_unheard_pages(case),
        *ids(_silent(mute_tries(case))),
        *slow_transfers(case),
        *slow_handshakes(case),
    )


def _silent(observations: Iterable[AnyObservation]) -> list[AnyObservation]:
    return [o for o in observations if o.failure is Failure.TIMEOUT]


def _unheard_names(case: Case) -> Evidence:
    """Over UDP, as programs ask."""
    asked = [o for o in case.facts.queries(Resolver.VANTAGE) if o.transport == "udp"]
    return () if any(o.answers for o in asked) else ids(_silent(asked))


def _unheard_handshakes(case: Case) -> Evidence:
    mute = [
        o
        for those in by_family(case.tls, lambda o: o.endpoint)
        if all(o.failure is not None for o in those)
        for o in those
    ]
    return ids(_silent(mute))


def _unheard_pages(case: Case) -> Evidence:
    found: list[AnyObservation] = []
    for pages in (secure_pages(case), plain_pages(case)):
        if not any(o.status is not None for o in pages):
            found += _silent(pages)
    return ids(found)
