"""How much of a data centre answered, each IP version for itself: k of n addresses and ports. Pure."""

from dataclasses import dataclass

from probes.records import (
    NO_ROUTE,
    SPARE_PORT,
    Measurement,
    MtprotoObservation,
    TargetKind,
    TcpObservation,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCount:
    """`n_ok` of `n_tried` addresses and ports of one IP version (4 or 6) echoed our nonce."""

    ip_version: int
    n_ok: int
    n_tried: int


def count_endpoints(measured: Measurement) -> tuple[EndpointCount, ...]:
    """Return the count for each IP version that was tried.

    Shape:  empty for hosts, and for imports, which do not speak MTProto; without the spare port.
    """
    if measured.target_kind is not TargetKind.DATA_CENTRE or measured.origin:
        return ()
    spoken = [o for o in measured.observations if isinstance(o, MtprotoObservation)]
    proved = {o.endpoint for o in spoken if o.nonce_echoed}
    tried = {
        o.endpoint
        for o in measured.observations
        if isinstance(o, TcpObservation) and o.endpoint.port != SPARE_PORT and o.failure not in NO_ROUTE
    }
    families = {4: [e for e in tried if ":" not in e.address], 6: [e for e in tried if ":" in e.address]}
    return tuple(
        EndpointCount(ip_version=version, n_ok=len(proved.intersection(places)), n_tried=len(places))
        for version, places in families.items()
        if places
    )
