"""The case: one measurement, its control host, the controls of its window, laid out for the rules.

Everything here is derived from observations; nothing here concludes. What was measured against a forged
address says nothing about the target, so the layers above DNS look at genuine addresses only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from observatory.analysis.reference import Reference, is_bogon
from probes.records import (
    AnyObservation,
    DnsAnswer,
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Measurement,
    MtprotoObservation,
    Purpose,
    QuicObservation,
    Resolver,
    TargetKind,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)

Evidence = tuple[str, ...]
# Beyond this the prober's own slowness can pass for a silence on the network. Fifteen rounds at once on one
# core stay below 0.2 s.
OVERLOAD_LAG_S = 0.6


class Facts:
    """One measurement's observations, by technique and by what they speak of."""

    def __init__(self, measurement: Measurement) -> None:
        self.measurement = measurement
        self._observations = measurement.observations

    @cached_property
    def dns(self) -> tuple[DnsObservation, ...]:
        return tuple(o for o in self._observations if isinstance(o, DnsObservation))

    @cached_property
    def tcp(self) -> tuple[TcpObservation, ...]:
        return tuple(o for o in self._observations if isinstance(o, TcpObservation))

    @cached_property
    def tls(self) -> tuple[TlsObservation, ...]:
        """Handshakes with the target's own name."""
        return tuple(
            o for o in self._observations if isinstance(o, TlsObservation) and o.purpose is Purpose.TARGET
        )

    @cached_property
    def tls_harmless(self) -> tuple[TlsObservation, ...]:
        return tuple(
            o
            for o in self._observations
            if isinstance(o, TlsObservation) and o.purpose is Purpose.HARMLESS_NAME
        )

    @cached_property
    def http(self) -> tuple[HttpObservation, ...]:
        return tuple(o for o in self._observations if isinstance(o, HttpObservation))

    @cached_property
    def quic(self) -> tuple[QuicObservation, ...]:
        return tuple(o for o in self._observations if isinstance(o, QuicObservation))

    @cached_property
    def mtproto(self) -> tuple[MtprotoObservation, ...]:
        return tuple(o for o in self._observations if isinstance(o, MtprotoObservation))

    @cached_property
    def throughput(self) -> tuple[ThroughputObservation, ...]:
        return tuple(o for o in self._observations if isinstance(o, ThroughputObservation))

    @cached_property
    def proved_addresses(self) -> frozenset[str]:
        """Addresses that showed a certificate valid for the name: each is its own control."""
        return frozenset(
            o.endpoint.address
            for o in self.tls
            if o.failure is None and o.chain and o.certificate_failure is None
        )

    @cached_property
    def proved(self) -> bool:
        """The target itself answered, beyond doubt: by certificate or by nonce."""
        return bool(self.proved_addresses) or any(o.nonce_echoed for o in self.mtproto)

    @cached_property
    def resolved_addresses(self) -> frozenset[str]:
        return frozenset(a for o in self.dns for answer in o.answers for a in answer.addresses)

    def answers(self, resolver: Resolver) -> tuple[tuple[DnsObservation, DnsAnswer], ...]:
        return tuple((o, answer) for o in self.dns if o.resolver is resolver for answer in o.answers)

    def addresses(self, resolver: Resolver) -> frozenset[str]:
        return frozenset(a for _, answer in self.answers(resolver) for a in answer.addresses)

    @cached_property
    def any_reply(self) -> bool:
        """Something out there answered something."""
        return bool(self.resolved_addresses) or any(
            o.failure is None for o in self._observations if not isinstance(o, DnsObservation)
        )

    @cached_property
    def page_bps(self) -> float | None:
        """The best body rate over TLS with the target's own name, None when no body was big enough."""
        rates = [
            8 * o.received_bytes / max(o.duration_s - o.first_byte_s, 1e-3)
            for o in self.http
            if o.over_tls and o.first_byte_s is not None and o.received_bytes >= 8000
        ]
        rates += [transfer_bps(o) for o in self.throughput if o.purpose is Purpose.TARGET]
        return max(rates, default=None)


@dataclass(frozen=True)
class Control:
    """A measurement of the same target where the censor is not, with the control host of its round."""

    measurement: Measurement
    canary: Measurement | None


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
        self.controls = tuple(Facts(c.measurement) for c in controls if _is_sound(c))

    @property
    def is_data_centre(self) -> bool:
        return self.measurement.target_kind is TargetKind.DATA_CENTRE

    # --- whether the measurement can say anything

    @cached_property
    def canary_works(self) -> bool:
        """The control host was reached and proved itself."""
        return self.canary is not None and bool(self.canary.proved_addresses)

    @cached_property
    def canary_answers(self) -> bool:
        return self.canary is not None and self.canary.any_reply

    @cached_property
    def canary_resolves(self) -> bool:
        """The vantage's own resolver knew the control host."""
        return self.canary is not None and bool(self.canary.addresses(Resolver.VANTAGE))

    @property
    def overloaded(self) -> bool:
        return self.measurement.lag_s > OVERLOAD_LAG_S

    def shows(self, observations: Sequence[AnyObservation], failures: frozenset[Failure]) -> bool:
        """Say whether every one failed in one of these ways; silence heard by a busy prober shows nothing."""
        heard = {o.failure for o in observations}
        return bool(heard) and heard <= failures and not (self.overloaded and Failure.TIMEOUT in heard)

    # --- what an address is

    @cached_property
    def controls_resolved(self) -> frozenset[str]:
        return frozenset(a for control in self.controls for a in control.resolved_addresses)

    @cached_property
    def controls_proved(self) -> frozenset[str]:
        return frozenset(a for control in self.controls for a in control.proved_addresses)

    def is_genuine(self, address: str) -> bool:
        """An address is judged by what it is, not by equality with the control's answer set."""
        if address in self.facts.proved_addresses or address in self.controls_proved:
            return True
        if is_bogon(address) or self.reference.is_block_page_address(address):
            return False
        return self.reference.is_telegram_address(address) or address in self.controls_resolved

    def is_block_page(self, address: str) -> bool:
        return not self.is_genuine(address) and self.reference.is_block_page_address(address)

    def is_bogon(self, address: str) -> bool:
        return not self.is_genuine(address) and is_bogon(address)

    @cached_property
    def resolves_elsewhere(self) -> bool:
        """The name is alive: a control resolves it, or an answer or a handshake here was genuine."""
        return any(c.resolved_addresses for c in self.controls) or any(
            self.is_genuine(a) for a in self.facts.resolved_addresses | self.facts.proved_addresses
        )

    @cached_property
    def controls_cannot_resolve(self) -> bool:
        return bool(self.controls) and not any(c.resolved_addresses for c in self.controls)

    # --- endpoints: the outcome after every try

    @cached_property
    def genuine_tls_endpoints(self) -> tuple[Endpoint, ...]:
        tried = (o.endpoint for o in self.facts.tcp if o.endpoint.port == 443)
        return tuple(dict.fromkeys(e for e in tried if self.is_genuine(e.address)))

    def control_connects(self, endpoint: Endpoint) -> bool:
        return any(o.endpoint == endpoint and o.failure is None for c in self.controls for o in c.tcp)

    def control_tried(self, endpoint: Endpoint) -> bool:
        return any(o.endpoint == endpoint for c in self.controls for o in c.tcp)

    @cached_property
    def control_has_valid_tls(self) -> bool:
        return bool(self.controls_proved)

    @cached_property
    def control_certificates(self) -> frozenset[str]:
        """Fingerprints of every leaf that a control was shown for this name."""
        return frozenset(o.chain[0].sha256 for c in self.controls for o in c.tls if o.chain)

    def harmless(self, address: str) -> bool | None:
        """Did a harmless name work at this address? None when it was not tried."""
        tries = [o for o in self.facts.tls_harmless if o.endpoint.address == address]
        return any(o.failure is None for o in tries) if tries else None

    # --- pages

    def shows_block_page(self, page: HttpObservation) -> bool:
        return page.status is not None and self.reference.is_block_page_body(page.body)

    def redirects_to_block_page(self, page: HttpObservation) -> bool:
        host = redirect_host(page)
        return host is not None and self.reference.is_block_page_host(host)


def _is_sound(control: Control) -> bool:
    """A control that is offline, or too busy to tell silence from slowness, controls nothing."""
    facts = Facts(control.measurement)
    if control.measurement.lag_s > OVERLOAD_LAG_S:
        return facts.proved
    return Facts(control.canary).any_reply if control.canary is not None else facts.any_reply


def redirect_host(page: HttpObservation) -> str | None:
    """Return the host a redirect leads to, None when the page is no redirect to another place."""
    if page.status is None or not 300 <= page.status < 400:
        return None
    location = next((value for name, value in page.headers if name.lower() == "location"), "")
    try:
        return urlsplit(location).hostname
    except ValueError:
        return None


def transfer_bps(transfer: ThroughputObservation) -> float:
    """Bits per second of one bounded transfer; a transfer that brought nothing is 0."""
    return 8 * transfer.received_bytes / max(transfer.transfer_s, 1e-3) if transfer.received_bytes else 0.0


def ids(observations: Iterable[AnyObservation]) -> Evidence:
    return tuple(o.id for o in observations)


SILENCE = frozenset({Failure.TIMEOUT})
RESET = frozenset({Failure.CONNECTION_RESET, Failure.EOF, Failure.CONNECTION_ABORTED})
UNREACHABLE = frozenset({Failure.HOST_UNREACHABLE, Failure.NETWORK_UNREACHABLE})
