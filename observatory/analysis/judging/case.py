"""The case: one measurement, its canary and the controls of its window, laid out for the rules.

Everything here is derived from observations; nothing here concludes. What was measured against a forged
address says nothing about the target, so the layers above DNS look at genuine addresses only.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from observatory.analysis.judging.chains import ChainKind
from observatory.analysis.judging.facts import AUTHENTICATED, RESET, Facts, is_ipv6, redirect_host
from observatory.analysis.judging.lazy import lazy
from observatory.analysis.judging.pages import is_same_page
from observatory.analysis.judging.path import PathSegment, find_interference
from observatory.analysis.judging.reference import Reference, embedded_addresses
from probes.records import (
    NO_ROUTE,
    SPARE_PORT,
    AnyObservation,
    Certificate,
    DnsObservation,
    Endpoint,
    Failure,
    HelperObservation,
    HttpObservation,
    Measurement,
    Payload,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    TlsObservation,
)

Thing = TypeVar("Thing")
Placed = TypeVar("Placed", TlsObservation, HttpObservation, QuicObservation)
# Beyond this the prober's own slowness can pass for a silence on the network. Fifteen rounds at once on one
# core stay below 0.2 s.
OVERLOAD_LAG_S = 0.6


@dataclass(frozen=True)
class Control:
    """A measurement of the same target from where the censor is not, with the canary of its round.

    `peer`: another network stands in for a control. It may itself be censored, so it counts only where the
    target proved itself.
    """

    measurement: Measurement
    canary: Measurement | None
    peer: bool = False


class Case:
    """All that the rules may look at. `controls` holds only those whose own network worked."""

    def __init__(
        self,
        measurement: Measurement,
        canary: Measurement | None,
        controls: Sequence[Control],
        reference: Reference,
    ) -> None:
        self.measurement = measurement
        self.reference = reference
        self.facts = Facts(measurement)
        self.canary = Facts(canary) if canary is not None else None
        sound = [(Facts(c.measurement), c) for c in controls]
        sound = [(facts, c) for facts, c in sound if _is_sound(facts, c)]
        self.controls = tuple(facts for facts, _ in sound)
        self.has_peers = any(c.peer for _, c in sound)
        # A peer may itself have been sent to a notice; what a control was shown, no censor wrote.
        self.uncensored = tuple(facts for facts, c in sound if not c.peer)
        # A page without a certificate counts where no censor is; a peer's may be a block page.
        self._answered_plain = any(facts.answered_plain for facts, c in sound if not c.peer)
        self._genuine: dict[str, bool] = {}
        self._chains: dict[str, ChainKind | None] = {}
        self._canary_reserved: dict[str, bool] = {}

    @property
    def is_data_centre(self) -> bool:
        return self.measurement.target_kind is TargetKind.DATA_CENTRE

    # --- whether the measurement can say anything

    @lazy
    def canary_works(self) -> bool:
        """The canary was reached over TCP and proved itself; a proxy for TLS may let QUIC pass."""
        return self.canary is not None and (self.canary.proved_over_tcp or self.canary.helped)

    @lazy
    def canary_answers(self) -> bool:
        return self.canary is not None and self.canary.any_reply

    @lazy
    def canary_resolves(self) -> bool:
        """The vantage's own resolver knew an address of the canary that is of use here, and still did beside
        the target's own retries."""
        if self.canary is None or not any(map(self.uses, self.canary.addresses(Resolver.VANTAGE))):
            return False
        beside = self.canary_beside
        return not beside or any(answer.rcode == "NOERROR" for o in beside for answer in o.answers)

    @lazy
    def canary_beside(self) -> tuple[DnsObservation, ...]:
        """Queries for the canary beside retries for the target: what befell one name alone, and what a
        resolver that limits rates does to any."""
        return self.facts.about_other_name(self.canary.measurement.target) if self.canary is not None else ()

    @lazy
    def canary_unresolved(self) -> bool:
        """The vantage's own resolver was asked for the canary and did not know it."""
        return (
            self.canary is not None
            and bool(self.canary.queries(Resolver.VANTAGE))
            and not self.canary_resolves
        )

    @property
    def overloaded(self) -> bool:
        return self.measurement.lag_s > OVERLOAD_LAG_S

    @lazy
    def has_ipv6(self) -> bool:
        """Something over IPv6 proved itself here; without that no IPv6 failure says anything."""
        proved = self.facts.proved_addresses | (self.canary.proved_addresses if self.canary else frozenset())
        nonces = (o.endpoint.address for o in self.facts.mtproto if o.nonce_echoed)
        return any(":" in address for address in (*proved, *nonces))

    @lazy
    def has_ipv4(self) -> bool:
        """Not every connect over IPv4 ended in this machine for want of a way out, or something over IPv4
        was answered all the same."""
        seen = [self.facts, self.canary] if self.canary is not None else [self.facts]
        tries = [o for facts in seen for o in facts.tcp if "." in o.endpoint.address]
        if not tries or any(o.failure not in NO_ROUTE for o in tries):
            return True
        servers = {o.server.address for facts in seen for o in facts.dns if o.answers}
        servers |= {o.endpoint.address for facts in seen for o in facts.quic if o.failure is None}
        # A resolver in the same house answers without any way out.
        return any("." in a and is_address(a) and not self.reference.is_reserved(a) for a in servers)

    def uses(self, address: str) -> bool:
        """Say whether this vantage point has the IP version of an address."""
        return self.has_ipv6 if ":" in address else self.has_ipv4

    def shows(self, observations: Sequence[AnyObservation], failures: frozenset[Failure]) -> bool:
        """Say whether every one failed in one of these ways; what a busy prober did not hear is left out, and
        so is what a proxy may have ended."""
        heard = {o.failure for o in observations if not (self.may_have_missed(o) or self.may_be_proxys(o))}
        return bool(heard) and heard <= failures

    def may_be_proxys(self, observation: AnyObservation) -> bool:
        """Say whether a connection may have ended at a proxy of the vantage point's own: some report success
        before their own connect, and close when that fails. Bytes from the far end would show otherwise."""
        if observation.failure not in RESET or not self.measurement.via.startswith("socks5"):
            return False
        if isinstance(observation, TcpObservation | HelperObservation):
            return False
        place = observation.server if isinstance(observation, DnsObservation) else observation.endpoint
        return place not in self.facts.heard_endpoints

    def may_have_missed(self, observation: AnyObservation) -> bool:
        """Say whether this silence came while the prober stood still. Older measurements tell that of all
        steps at once."""
        if observation.failure is not Failure.TIMEOUT or not self.overloaded:
            return False
        each_step_tells = any(o.lag_s > 0 for o in self.measurement.observations)
        return observation.lag_s > OVERLOAD_LAG_S or not each_step_tells

    # --- what an address is

    @lazy
    def controls_resolved(self) -> frozenset[str]:
        return frozenset(a for control in self.controls for a in control.resolved_addresses)

    @lazy
    def controls_proved(self) -> frozenset[str]:
        return frozenset(a for control in self.controls for a in control.proved_addresses)

    def is_genuine(self, address: str) -> bool:
        """An address is judged by what it is, not by equality with the control's answer set."""
        known = self._genuine.get(address)
        if known is None:
            known = self._genuine[address] = self._is_genuine(address)
        return known

    def _is_genuine(self, address: str) -> bool:
        if not is_address(address):
            return False
        if address == self.measurement.target:
            return True
        if address in self._proved or any(self.is_genuine(a) for a in embedded_addresses(address).values()):
            return True
        reached = self._reached(address)
        if self.reference.is_reserved(reached):
            return False
        if any(address in control.resolved_addresses for control in self.uncensored):
            return True
        if self.reference.match_address(reached) is not None and not self.is_blockers_own:
            return False
        return (
            self.reference.is_telegram_address(reached)
            or address in self.facts.clean_addresses
            or address in self.controls_resolved
        )

    @lazy
    def _proved(self) -> frozenset[str]:
        """Addresses that showed what only the target has, here or to a control."""
        by_chain = {o.endpoint.address for o in self.facts.tls if self.chain_holds(o)}
        return self.facts.proved_addresses | self.controls_proved | by_chain | self._same_page_addresses

    @lazy
    def _same_page_addresses(self) -> frozenset[str]:
        """Addresses whose plain page is the one that a control got: a cache on the provider's network."""
        found = {
            o.endpoint.address or self._only_address(o.endpoint.port)
            for o in self.facts.http
            if not o.over_tls and o.status is not None and 200 <= o.status < 300 and self.control_got(o)
        }
        return frozenset(a for a in found if a)

    def _only_address(self, port: int) -> str:
        """Return the address of a page whose client recorded none, where only one took a connection."""
        connected = {o.endpoint.address for o in self.facts.tcp if not o.failure and o.endpoint.port == port}
        return connected.pop() if len(connected) == 1 else ""

    @lazy
    def _nat64_prefixes(self) -> frozenset[tuple[int, int]]:
        """What stands before the canary's IPv4 address in its IPv6 answers: a translator's prefix.

        Source: RFC 7050, with the canary for the name whose IPv4 address is known.
        """
        if self.canary is None:
            return frozenset()
        known = {a for a in self.canary.resolved_addresses | self.canary.proved_addresses if "." in a}
        return frozenset(
            (length, _prefix_of(address, length))
            for address in self.canary.resolved_addresses
            for length, inside in embedded_addresses(address).items()
            if inside in known
        )

    def _reached(self, address: str) -> str:
        """Return the IPv4 address that a translator leads to, where an address is one of its own."""
        for length, inside in embedded_addresses(address).items() if self._nat64_prefixes else ():
            if (length, _prefix_of(address, length)) in self._nat64_prefixes:
                return inside
        return address

    @lazy
    def is_blockers_own(self) -> bool:
        """The target is itself a site of notices, so that a notice is its own page."""
        target = self.measurement.target
        if is_address(target):
            return self.reference.match_address(target) is not None
        return self.reference.match_name(target) is not None

    def is_block_page(self, address: str) -> bool:
        return (
            is_address(address)
            and not self.is_genuine(address)
            and self.reference.match_address(self._reached(address)) is not None
        )

    def is_bogon(self, address: str) -> bool:
        """An address that no public server can have, and that did not prove itself."""
        return (
            is_address(address)
            and not self.is_genuine(address)
            and self.reference.is_reserved(self._reached(address))
        )

    def canary_got_reserved(self, query_type: str) -> bool:
        """The canary was sent to an address that no public server can have, for the same type of record:
        that is this line's way with every name."""
        if query_type not in self._canary_reserved:
            self._canary_reserved[query_type] = self._find_canary_reserved(query_type)
        return self._canary_reserved[query_type]

    def _find_canary_reserved(self, query_type: str) -> bool:
        if self.canary is None:
            return False
        return any(
            is_address(a) and self.reference.is_reserved(self._reached(a))
            for o in (*self.canary.dns, *self.canary.sink)
            if o.query_type == query_type and o.transport not in AUTHENTICATED
            for answer in o.answers
            for a in answer.addresses
            # Unless it is the canary's own, in a network of one's own.
            if a not in self.canary.clean_addresses
        )

    @lazy
    def resolves_elsewhere(self) -> bool:
        """The name is alive: a control or an authenticated answer has a public address for it, or something
        here was genuine."""
        vouched = self.controls_resolved | self.facts.clean_addresses
        return (
            any(is_address(a) and not self.reference.is_reserved(a) for a in vouched)
            or any(c.proved_pages for c in self.controls)
            or any(self.is_genuine(a) for a in self.facts.resolved_addresses | self.facts.proved_addresses)
        )

    @lazy
    def has_ipv4_elsewhere(self) -> bool:
        """A trusted source gives the name an IPv4 address."""
        known = self.facts.clean_addresses | self.controls_resolved
        return any(":" not in address for address in known) or any(
            ":" not in a and self.is_genuine(a) for a in self.facts.resolved_addresses
        )

    @lazy
    def controls_cannot_resolve(self) -> bool:
        return bool(self.controls) and not any(c.resolved_addresses for c in self.controls)

    # --- endpoints: the outcome after every try

    @lazy
    def genuine_endpoints(self) -> tuple[Endpoint, ...]:
        """Where the target's users go: HTTPS, or plain HTTP where only that was tried."""
        tried = dict.fromkeys(o.endpoint for o in self.facts.tcp if self.counts(o.endpoint))
        secure = tuple(e for e in tried if e.port == 443)
        return secure or tuple(tried)

    @lazy
    def main_endpoints(self) -> tuple[Endpoint, ...]:
        """The endpoints the target's users need: those above, or every usual port of a data centre."""
        if self.is_data_centre:
            usual = (o.endpoint for o in self.facts.tcp if o.endpoint.port != SPARE_PORT)
            return tuple(dict.fromkeys(e for e in usual if self.uses(e.address)))
        return self.genuine_endpoints

    @lazy
    def connected(self) -> frozenset[Endpoint]:
        return frozenset(o.endpoint for o in self.facts.tcp if o.failure is None)

    @lazy
    def dead_endpoints(self) -> tuple[Endpoint, ...]:
        """Main endpoints that no try connected to: of a data centre any, of a host all in one IP version."""
        dead = tuple(e for e in self.main_endpoints if e not in self.connected)
        if self.is_data_centre or not dead:
            return dead
        return tuple(
            e
            for family in by_family(self.main_endpoints, lambda endpoint: endpoint)
            if self.connected.isdisjoint(family)
            for e in family
        )

    @lazy
    def tls(self) -> tuple[TlsObservation, ...]:
        """Handshakes with the target's name at genuine addresses, over IP versions this vantage point has."""
        return tuple(o for o in self.facts.tls if self.counts(o.endpoint))

    def counts(self, endpoint: Endpoint) -> bool:
        """A genuine address, over an IP version that this vantage point has."""
        return self.is_genuine(endpoint.address) and self.uses(endpoint.address)

    def control_connects(self, endpoint: Endpoint) -> bool:
        return any(o.endpoint == endpoint and o.failure is None for c in self.controls for o in c.tcp)

    def control_tried(self, endpoint: Endpoint) -> bool:
        return any(o.endpoint == endpoint for c in self.controls for o in c.tcp)

    @lazy
    def control_proved(self) -> bool:
        """The target proved itself to a control, or answered as well as that control could tell."""
        return self._answered_plain or any(c.reached for c in self.controls)

    def control_finishes_over(self, handshakes: Sequence[TlsObservation]) -> bool:
        """The target proved itself to a control, and that not by the other IP version alone."""
        tried = comparable((o for c in self.controls for o in c.tls), handshakes)
        return self.control_proved and (not tried or any(o.failure is None for o in tried))

    def controls_disagree(self, works: Callable[[Facts], bool | None]) -> bool:
        """At least half of the controls that tried fail as well, and at least one does not."""
        outcomes = [outcome for c in self.controls if (outcome := works(c)) is not None]
        n_failed = outcomes.count(False)
        return 0 < n_failed < len(outcomes) and 2 * n_failed >= len(outcomes)

    @lazy
    def control_certificates(self) -> frozenset[str]:
        """Fingerprints of every leaf that a control was shown for this name."""
        return frozenset(o.chain[0].sha256 for c in self.controls for o in c.tls if o.chain)

    def interference(self, *payloads: Payload) -> PathSegment | None:
        """Where on the path such a payload meets something that acts on it."""
        return find_interference([run for run in self.facts.hops if run.payload in payloads])

    # --- certificates

    def chain_kind(self, handshake: TlsObservation) -> ChainKind | None:
        """What a stored chain is by the root store of the reference data, at the time of the measurement.

        None: no chain was kept, or its authorities are those of a network of its own (`ca_file`, the lab).
        """
        if handshake.id not in self._chains:
            self._chains[handshake.id] = self._verify(handshake)
        return self._chains[handshake.id]

    def _verify(self, handshake: TlsObservation) -> ChainKind | None:
        measured = self.measurement
        believed = measured.emulated or measured.trust.startswith("ca_file")
        if self.reference.authorities is None or believed or not handshake.chain or not handshake.server_name:
            return None
        return self.reference.authorities.verify(
            handshake.chain, self._seen_beside, handshake.server_name, measured.started_at
        )

    @lazy
    def _seen_beside(self) -> tuple[Certificate, ...]:
        """What a control was shown above a leaf: a server may leave its intermediate certificate out."""
        above = {c.sha256: c for facts in self.controls for o in facts.tls for c in o.chain[1:] if c.der}
        return tuple(above.values())

    def chain_holds(self, handshake: TlsObservation) -> bool:
        """The stored chain is the target's own, whatever the client thought of it."""
        return (
            handshake.failure is None
            and handshake.certificate_failure is not None
            and self.chain_kind(handshake) is ChainKind.VALID
        )

    # --- pages

    def control_got(self, page: HttpObservation) -> bool:
        """A control was answered with the same page: it is the site's own."""
        return any(
            is_same_page(page, other)
            for facts in self.uncensored
            for other in facts.http
            if other.over_tls is page.over_tls
        )

    def shows_block_page(self, page: HttpObservation) -> bool:
        return (
            page.status is not None
            and not self.is_blockers_own
            and self.reference.match_page(page.body, page.headers) is not None
            and not self.control_got(page)
        )

    def redirects_to_block_page(self, page: HttpObservation) -> bool:
        host = redirect_host(page)
        if host is None or self.reference.is_telegram_host(host) or self._is_own_site(host):
            return False
        known = self.is_notice_name(host) or self.reference.match_redirect(page.headers) is not None
        return known and not self.control_got(page)

    def is_notice_name(self, host: str) -> bool:
        return not self.is_blockers_own and self.reference.match_name(host) is not None

    def _is_own_site(self, host: str) -> bool:
        """The target itself, or a name below it: a provider's site has its page on blocking there."""
        own = self.measurement.target.lower().removeprefix("www.")
        return self.is_blockers_own or host == own or host.endswith("." + own)


def _is_sound(facts: Facts, control: Control) -> bool:
    """A control counts when the target proved itself to it. Its failures count only where its own network
    was seen to work, by a prober that was not too busy to tell silence from slowness."""
    if facts.reached or control.peer:
        return facts.reached
    if control.canary is None or control.measurement.lag_s > OVERLOAD_LAG_S:
        return False
    canary = Facts(control.canary)
    return canary.proved_over_tcp or canary.helped


@lru_cache(maxsize=10_000)
def is_address(text: str) -> bool:
    """What was written down as an address may be anything, in imports above all."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _prefix_of(address: str, length: int) -> int:
    return int(ipaddress.IPv6Address(address)) >> (128 - length)


def comparable(theirs: Iterable[Placed], ours: Iterable[Placed]) -> tuple[Placed, ...]:
    """What controls did over an IP version that was used here, or all where they did nothing over it.

    A server may be down at its IPv4 addresses for everybody, and well at the others.
    """
    everything, versions = tuple(theirs), {is_ipv6(o.endpoint) for o in ours}
    return tuple(o for o in everything if is_ipv6(o.endpoint) in versions) or everything


def by_family(things: Iterable[Thing], place: Callable[[Thing], Endpoint]) -> tuple[tuple[Thing, ...], ...]:
    """Part endpoints, or what was done there, by IP version: one may be filtered while the other is not."""
    those = tuple(things)
    families = (tuple(thing for thing in those if is_ipv6(place(thing)) is v6) for v6 in (False, True))
    return tuple(family for family in families if family)
