"""The steps of a measurement: none too many where nothing is wrong, and the follow-ups to each failure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.control import LabControl
from observatory.model import Config
from probes.procedures.round import DEADLINE_S
from probes.records import (
    DnsObservation,
    Failure,
    Heard,
    HopsObservation,
    HttpObservation,
    Measurement,
    Payload,
    Purpose,
    Resolver,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)
from tests.in_lab import measure

pytestmark = [pytest.mark.lab, pytest.mark.slow]

HARMLESS, NO_NAME, ELSEWHERE = Purpose.HARMLESS_NAME, Purpose.NO_NAME, Purpose.CANARY_ADDRESS
RESET, SILENCE = Failure.CONNECTION_RESET, Failure.TIMEOUT


@dataclass(frozen=True)
class Steps:
    """The observations of one measurement, for looking things up."""

    measured: Measurement

    def of(self, kind: type[Any], **fields: Any) -> list[Any]:
        return [
            o
            for o in self.measured.observations
            if isinstance(o, kind) and all(getattr(o, key) == value for key, value in fields.items())
        ]

    def ends(self, kind: type[Any], **fields: Any) -> list[Failure | None]:
        return [o.failure for o in self.of(kind, **fields)]


# Censor and parameters, at a network of its own.
PLAYED: dict[str, tuple[str, dict[str, Any]]] = {
    "telkomsel": ("doh_drop", {}),
    "indosat": ("sni_reset", {}),
    "tri": ("sni_reset", {"residual_s": 2}),
    "smartfren": ("tls_reset", {}),
    "firstmedia": ("tls_stall", {}),
    "cbn": ("http_reset", {}),
    "mnc": ("ip_blackhole", {}),
    "iconplus": ("throttle", {}),
    "iforte": ("dns_injection", {}),
}


@pytest.fixture(scope="module")
def played(lab: LabControl, config: Config) -> Iterator[dict[str, Steps]]:
    for isp, (censor, parameters) in PLAYED.items():
        lab.switch(isp, censor, True, **parameters)
    results = measure(config, [*PLAYED, "xl", "myrepublic"], ["t.me"])
    lab.reset()
    yield {vantage: Steps(result.measurement) for (vantage, _), result in results.items()}


@pytest.mark.parametrize("isp", ["xl", "myrepublic"])
def test_nothing_wrong_means_no_follow_up(isp: str, played: dict[str, Steps]) -> None:
    steps = played[isp]
    assert steps.of(HopsObservation) == steps.of(ThroughputObservation) == []
    assert {o.purpose for o in steps.measured.observations if hasattr(o, "purpose")} == {Purpose.TARGET}
    assert {o.attempt for o in steps.measured.observations} == {1}
    failed = [o for o in steps.measured.observations if o.failure not in (None, Failure.DNS_NO_ANSWER)]
    expected_silence = steps.of(DnsObservation, resolver=Resolver.SINK)
    no_ipv6 = [o for o in failed if o.failure is Failure.NETWORK_UNREACHABLE]
    assert [o for o in failed if o not in expected_silence and o not in no_ipv6] == []


@pytest.mark.parametrize("isp", list(PLAYED))
def test_every_measurement_stays_under_its_deadline(isp: str, played: dict[str, Steps]) -> None:
    assert played[isp].measured.duration_s < DEADLINE_S + 0.5


def test_every_resolver_is_asked(played: dict[str, Steps]) -> None:
    asked = {(o.resolver, o.transport, o.query_type) for o in played["xl"].of(DnsObservation)}
    assert asked == {
        (Resolver.VANTAGE, "udp", "A"),
        (Resolver.VANTAGE, "udp", "AAAA"),
        (Resolver.VANTAGE, "tcp", "A"),
        (Resolver.PUBLIC, "udp", "A"),
        (Resolver.PUBLIC, "dot", "A"),
        (Resolver.PUBLIC, "dot", "AAAA"),
        (Resolver.PUBLIC, "dot", "HTTPS"),
        (Resolver.PUBLIC, "doh", "A"),
        (Resolver.SINK, "udp", "A"),
    }


def test_a_race_keeps_both_answers_in_order_with_their_hop_limits(played: dict[str, Steps]) -> None:
    steps = played["iforte"]
    (asked,) = steps.of(DnsObservation, resolver=Resolver.VANTAGE, transport="udp", query_type="A")
    forged, true = asked.answers
    assert forged.arrived_s < true.arrived_s and forged.addresses != true.addresses
    assert forged.hop_limit > true.hop_limit
    (sink,) = steps.of(DnsObservation, resolver=Resolver.SINK)
    assert sink.answers[0].addresses == forged.addresses
    assert steps.ends(DnsObservation, transport="dot", query_type="A") == [None]


def test_authenticated_dns_that_is_dropped_is_asked_twice_and_holds_nothing_up(
    played: dict[str, Steps],
) -> None:
    steps = played["telkomsel"]
    assert steps.ends(DnsObservation, transport="doh") == [SILENCE, SILENCE]
    assert steps.ends(TlsObservation) == [None, None]  # IPv4 and IPv6


def test_a_name_that_is_reset(played: dict[str, Steps]) -> None:
    steps = played["indosat"]
    assert steps.ends(TlsObservation, purpose=Purpose.TARGET) == [RESET, RESET]
    assert steps.ends(TlsObservation, purpose=HARMLESS) == [None]
    assert steps.ends(TlsObservation, purpose=NO_NAME) == [None]
    assert steps.of(TlsObservation, purpose=ELSEWHERE) == []
    target, harmless = steps.of(HopsObservation, payload=Payload.CLIENT_HELLO)
    assert target.hops[-1].heard is Heard.RESET and target.hops[-1].ttl == 3
    assert harmless.hops[2].heard is Heard.TIME_EXCEEDED and harmless.hops[-1].heard is Heard.ANSWER


def test_a_penalty_is_seen_to_fade_before_the_second_try(played: dict[str, Steps]) -> None:
    steps = played["tri"]
    first, second = steps.of(TlsObservation, purpose=HARMLESS)
    assert (first.failure, second.failure) == (RESET, None)
    again = steps.of(TlsObservation, purpose=Purpose.TARGET)[1]
    assert again.started_s > second.started_s > first.started_s + 2


def test_a_filtered_address_resets_every_name_and_the_target_s_is_answered_elsewhere(
    played: dict[str, Steps],
) -> None:
    steps = played["smartfren"]
    assert steps.ends(TlsObservation, purpose=HARMLESS) == [RESET, RESET]
    assert steps.ends(TlsObservation, purpose=ELSEWHERE) == [None]


def test_a_request_that_stalls_inside_tls(played: dict[str, Steps]) -> None:
    steps = played["firstmedia"]
    assert steps.ends(TlsObservation, purpose=Purpose.TARGET) == [None, None]
    assert steps.ends(HttpObservation, over_tls=True, purpose=Purpose.TARGET) == [SILENCE, SILENCE]
    assert steps.ends(HttpObservation, over_tls=True, purpose=HARMLESS) == [None]


def test_a_host_header_that_is_reset(played: dict[str, Steps]) -> None:
    steps = played["cbn"]
    assert steps.ends(HttpObservation, over_tls=False, purpose=Purpose.TARGET) == [RESET, RESET]
    assert steps.ends(HttpObservation, over_tls=False, purpose=HARMLESS) == [None]
    assert steps.of(HopsObservation, payload=Payload.HTTP_REQUEST)


def test_an_address_that_is_dropped(played: dict[str, Steps]) -> None:
    steps = played["mnc"]
    assert set(steps.ends(TcpObservation)) == {SILENCE, Failure.NETWORK_UNREACHABLE}
    runs = {o.purpose: o for o in steps.of(HopsObservation, payload=Payload.SYN)}
    assert runs[Purpose.TARGET].hops[0].heard is Heard.TIME_EXCEEDED
    assert runs[Purpose.TARGET].hops[-1].heard is Heard.SILENCE
    assert runs[ELSEWHERE].hops[-1].heard is Heard.ANSWER
    assert runs[ELSEWHERE].hops[0].router == "10.11.1.1"


def test_a_slow_address_is_measured_with_both_names(played: dict[str, Steps]) -> None:
    assert {o.purpose for o in played["iconplus"].of(ThroughputObservation)} == {Purpose.TARGET, HARMLESS}
