"""The one registry of techniques: name -> the record it leaves and the coroutine that measures.

DoT and DoH belong to dns, the handshake to quic; a helper's exchange comes with imported measurements only.

The procedures measure through this registry alone, each by the entry it needs (`DNS.measure`, `TCP.measure`).
The pure modules that list techniques (probes/records.py, observatory/analysis, observatory/views) must not
load a socket, so they cannot import it: tests/probes/test_registry.py compares their lists with this one.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, ParamSpec, TypeVar

from probes.records import (
    DnsObservation,
    HelperObservation,
    HopsObservation,
    HttpObservation,
    MtprotoObservation,
    Observation,
    QuicObservation,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
    technique_name,
)
from probes.techniques.dns import measure_dns
from probes.techniques.hops import measure_hops
from probes.techniques.http import measure_http
from probes.techniques.mtproto import measure_mtproto
from probes.techniques.quic import measure_quic
from probes.techniques.tcp import measure_tcp
from probes.techniques.throughput import measure_throughput
from probes.techniques.tls import measure_tls

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Technique:
    """One way of finding something out, known by the record it leaves."""

    record: type[Observation]

    @property
    def name(self) -> str:
        """What JSON and the database call it."""
        return technique_name(self.record)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTechnique(Technique, Generic[P, R]):
    """A technique that probes use themselves.

    Shape:  `measure` does one step, adds one observation to the log and returns it; where a connection
            stays open for the next step, it returns (observation, stream or None).
    Errors: none for a network failure, which is in the observation.
    """

    measure: Callable[P, Coroutine[Any, Any, R]]


_techniques: Final[dict[str, Technique]] = {}
TECHNIQUES: Final[Mapping[str, Technique]] = MappingProxyType(_techniques)


def _add_imported(record: type[Observation]) -> Technique:
    technique = Technique(record=record)
    _techniques[technique.name] = technique
    return technique


def _add(record: type[Observation], measure: Callable[P, Coroutine[Any, Any, R]]) -> MeasuredTechnique[P, R]:
    technique = MeasuredTechnique(record=record, measure=measure)
    _techniques[technique.name] = technique
    return technique


DNS: Final = _add(DnsObservation, measure_dns)
TCP: Final = _add(TcpObservation, measure_tcp)
TLS: Final = _add(TlsObservation, measure_tls)
HTTP: Final = _add(HttpObservation, measure_http)
QUIC: Final = _add(QuicObservation, measure_quic)
MTPROTO: Final = _add(MtprotoObservation, measure_mtproto)
HOPS: Final = _add(HopsObservation, measure_hops)
THROUGHPUT: Final = _add(ThroughputObservation, measure_throughput)
HELPER: Final = _add_imported(HelperObservation)
