"""Which pages speak of the target, and when two of them are the same one."""

from typing import Final

from observatory.analysis.judging.case import Case
from observatory.analysis.judging.facts import redirect_host, shows_valid_certificate
from probes.records import HttpObservation, Resolver

# Two bodies of one page differ by less.
MAX_LENGTH_RATIO: Final = 1.5


def plain_pages(case: Case) -> tuple[HttpObservation, ...]:
    """What port 80 said at genuine addresses; an import's unknown address when the names were true."""
    return tuple(
        o for o in case.facts.http if not o.over_tls and (case.counts(o.endpoint) or _led_truly(case, o))
    )


def _led_truly(case: Case, page: HttpObservation) -> bool:
    """The client recorded no address, and every address it was given is genuine."""
    addresses = case.facts.addresses(Resolver.VANTAGE) | case.facts.addresses(Resolver.CHOSEN)
    return not page.endpoint.address and bool(addresses) and all(case.is_genuine(a) for a in addresses)


def secure_pages(case: Case) -> tuple[HttpObservation, ...]:
    """Requests inside a connection whose certificate proved the name."""
    proved = case.facts.proved_addresses
    if _all_handshakes_prove(case):
        # Whichever address an import left open: this is one of those connections.
        proved |= {""}
    return case.facts.proved_pages or tuple(
        o for o in case.facts.http if o.over_tls and o.endpoint.address in proved
    )


def _all_handshakes_prove(case: Case) -> bool:
    handshakes = case.facts.tls
    return bool(handshakes) and all(map(shows_valid_certificate, handshakes))


def is_alike(page: HttpObservation, other: HttpObservation) -> bool:
    if page.status is None or page.status != other.status:
        return False
    if redirect_host(page) is not None or redirect_host(other) is not None:
        return redirect_host(page) == redirect_host(other)
    if page.body_truncated:
        return other.received_bytes >= page.received_bytes
    small, large = sorted((page.received_bytes, other.received_bytes))
    return large <= MAX_LENGTH_RATIO * small
