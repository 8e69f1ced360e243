"""Throughput: how fast a bounded body comes over an established TLS stream."""

from typing import Final

from probes.failures import classify_failure
from probes.records import Endpoint, Failure, Purpose, ThroughputObservation
from probes.session import ObservationLog
from probes.techniques.http import HttpGet
from probes.transport.streams import TlsStream

TRANSFER_TIMEOUT_S: Final = 8.0
MAX_TRANSFER_BYTES: Final = 1_000_000


async def measure_throughput(
    log: ObservationLog,
    *,
    stream: TlsStream,
    endpoint: Endpoint,
    server_name: str,
    host: str,
    path: str = "/",
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
) -> ThroughputObservation:
    """GET and count the bytes, at most 1 MB and 8 s; `transfer_s` is from the first delivery to the last."""
    step = log.begin(attempt)
    get = HttpGet()
    failure: Failure | None = None
    detail: str | None = None
    try:
        async with log.timeout(TRANSFER_TIMEOUT_S):
            await get.run(stream, step, host=host, path=path, max_bytes=MAX_TRANSFER_BYTES, keep_bytes=0)
    except Exception as error:  # a network failure is data; what was received until then counts
        failure, detail = classify_failure(error)
    observation = ThroughputObservation(
        **step.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        server_name=server_name,
        purpose=purpose,
        received_bytes=get.received_bytes,
        transfer_s=get.transfer_s,
        rated_bytes=get.rated_bytes,
        rated_s=get.rated_s,
    )
    log.add(observation)
    return observation
