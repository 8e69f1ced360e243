"""The one list of techniques: what each is called, the observation it leaves, the layer it speaks of."""

from dataclasses import dataclass
from typing import Final

from probes import records


@dataclass(frozen=True, slots=True)
class Technique:
    name: str
    record: type[records.Observation]
    says: str


TECHNIQUES: Final = (
    Technique("dns", records.DnsObservation, "one query over UDP or TCP and every answer that came"),
    Technique("tcp", records.TcpObservation, "one connect"),
    Technique("tls", records.TlsObservation, "one handshake, the chain presented and what was wrong with it"),
    Technique("http", records.HttpObservation, "one GET over TCP or TLS"),
    Technique("quic", records.QuicObservation, "one version negotiation or one handshake over UDP"),
    Technique("mtproto", records.MtprotoObservation, "one req_pq_multi and the resPQ that proves the nonce"),
    Technique("throughput", records.ThroughputObservation, "one bounded transfer, made when a page was slow"),
    Technique("hops", records.HopsObservation, "one payload with rising TTL, made when something failed"),
    Technique("helper", records.HelperObservation, "one exchange with a test helper (imports only)"),
)
