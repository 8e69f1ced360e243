"""The keys around `test_keys`, the same in every OONI measurement: who measured, when, where and with what.

Source: ooni/spec df-000.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from observatory.importers.fields import Rejected, address, mapping, number
from observatory.importers.fields import text as read_text
from observatory.importers.imported import HELPER_VANTAGE
from observatory.importers.ooni_dns import DUPLICATE_REPLIES
from probes.records import AnyObservation, DnsObservation, Measurement, Resolver, TargetKind

_ASN: Final = re.compile(r"^(?:AS)?(\d{1,10})$", re.IGNORECASE)
_COUNTRY: Final = re.compile(r"^[A-Z]{2}$")
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ")
# What is read of `test_keys`; everything else there is a conclusion, or about the client.
OBSERVED_KEYS: Final = (
    "client_resolver",
    "control",
    "control_failure",
    "network_events",
    "queries",
    "quic_handshakes",
    "requests",
    "tcp_connect",
    "tls_handshakes",
    *DUPLICATE_REPLIES,
)
# Conclusions that stand among what is read.
CONCLUSIONS_WITHIN: Final = frozenset({"blocked", "ip_info"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The keys around `test_keys` (df-000)."""

    document: Mapping[str, Any]
    test_keys: Mapping[str, Any]
    id: str
    uid: str
    input: str | None
    asn: int
    country: str
    network: str
    started_at: datetime
    duration_s: float
    resolver: str
    resolver_chosen: bool
    software: str
    origin: str

    @property
    def vantage(self) -> str:
        return f"ooni-{self.country.lower()}-as{self.asn}"

    def measurement(
        self,
        suffix: str,
        target: str,
        kind: TargetKind,
        observations: tuple[AnyObservation, ...],
        *,
        of_helper: bool = False,
    ) -> Measurement:
        if self.resolver_chosen and not of_helper:
            observations = tuple(map(_by_chosen_resolver, observations))
        return Measurement(
            id=str(uuid5(NAMESPACE_URL, f"{self.id}#{suffix}")) if suffix else self.id,
            round_id=self.id,
            vantage=HELPER_VANTAGE if of_helper else self.vantage,
            asn=0 if of_helper else self.asn,
            target=target,
            target_kind=kind,
            started_at=self.started_at,
            duration_s=self.duration_s,
            resolver="" if of_helper else self.resolver,
            public_resolver="",
            trust="ooniprobe",
            via="ooni",
            software=self.software,
            origin=self.origin,
            observations=observations,
        )


def read_envelope(document: Mapping[str, Any]) -> Envelope:
    test_keys = mapping(document.get("test_keys"), "test_keys")
    if not test_keys:
        raise Rejected("test_keys: expected what was measured, got nothing")
    # An input was a list for a while; what is measured is its only entry.
    given = document.get("input")
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    input_ = read_text(given, "input", limit=4096) or None
    uid = read_text(document.get("measurement_uid"), "measurement_uid")
    report = read_text(document.get("report_id"), "report_id")
    started = document.get("measurement_start_time") or document.get("test_start_time")
    started_at = _parse_time(started)
    country = read_text(document.get("probe_cc"), "probe_cc").upper()
    software = " ".join(
        read_text(document.get(key), key, limit=80)
        for key in ("software_name", "software_version", "test_name", "test_version")
    )
    resolver = address(document.get("resolver_ip")) or address(test_keys.get("client_resolver"))
    asn = _parse_asn(document.get("probe_asn"))
    # A report has one id for all its measurements, and none before it is sent in: only what was seen tells
    # two measurements of one second apart.
    own_name = uid or f"{report}|{input_ or ''}|{started_at.isoformat()}|{asn}|{_digest(document, test_keys)}"
    return Envelope(
        document=document,
        test_keys=test_keys,
        id=str(uuid5(NAMESPACE_URL, f"ooni:{own_name}")),
        uid=uid,
        input=input_,
        asn=asn,
        country=country if _COUNTRY.match(country) else "ZZ",
        network=read_text(document.get("probe_network_name"), "probe_network_name", limit=100),
        started_at=started_at,
        duration_s=min(number(document.get("test_runtime")) or 0.0, 86_400.0),
        resolver=resolver,
        resolver_chosen=_is_chosen(document, asn),
        software=software,
        origin=f"ooni:{report or uid}",
    )


def _digest(document: Mapping[str, Any], test_keys: Mapping[str, Any]) -> str:
    """Return a digest of what is read, whatever the order of keys and whatever was concluded from it."""
    seen = {key: _without_conclusions(test_keys[key]) for key in OBSERVED_KEYS if key in test_keys}
    read = [document.get("test_name"), document.get("probe_cc"), document.get("test_runtime"), seen]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode("ascii")).hexdigest()


def _without_conclusions(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_conclusions(v) for k, v in value.items() if k not in CONCLUSIONS_WITHIN}
    if isinstance(value, list):
        return [_without_conclusions(one) for one in value]
    return value


def _is_chosen(document: Mapping[str, Any], asn: int) -> bool:
    """Say whether the resolver belongs to another network: whoever used the line had set it up."""
    resolver_asn = _parse_asn(document.get("resolver_asn"))
    # A provider's resolvers may stand in another AS of its own, under the same name.
    owners = [document.get(f"{whose}_network_name") for whose in ("resolver", "probe")]
    same_owner = bool(owners[0]) and owners[0] == owners[1]
    return 0 not in (resolver_asn, asn) and resolver_asn != asn and not same_owner


def _by_chosen_resolver(observation: AnyObservation) -> AnyObservation:
    if isinstance(observation, DnsObservation) and observation.resolver is Resolver.VANTAGE:
        return replace(observation, resolver=Resolver.CHOSEN)
    return observation


def _parse_time(value: Any) -> datetime:
    if isinstance(value, str):
        for form in _TIMES:
            try:
                return datetime.strptime(value.strip(), form).replace(tzinfo=UTC)
            except ValueError:
                continue
    raise Rejected(f"measurement_start_time: expected YYYY-MM-DD HH:MM:SS in UTC, got {str(value)[:40]!r}")


def _parse_asn(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = _ASN.match(value.strip()) if isinstance(value, str) else None
    asn = int(found[1]) if found else 0
    return asn if asn < 2**32 else 0
