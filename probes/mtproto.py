"""MTProto: does a Telegram data centre, and nobody else, answer at this endpoint?"""

import secrets
import time
from typing import Final

from probes.failures import classify_failure
from probes.notebook import Notebook
from probes.records import Endpoint, Failure, MtprotoObservation
from probes.streams import PlainStream
from probes.wire.mtproto import (
    PREAMBLE,
    ResPq,
    Transport,
    encode_frame,
    encode_req_pq_multi,
    frame_length,
    parse_res_pq,
)

ANSWER_TIMEOUT_S: Final = 3.0


async def measure_mtproto(
    notebook: Notebook,
    *,
    stream: PlainStream,
    endpoint: Endpoint,
    transport: Transport = Transport.ABRIDGED,
    attempt: int = 1,
) -> MtprotoObservation:
    """Send req_pq_multi over a connected stream and check the resPQ that comes back against our nonce."""
    entry = notebook.begin(attempt)
    nonce = secrets.token_bytes(16)
    answer: ResPq | None = None
    failure: Failure | None = None
    detail: str | None = None
    try:
        async with notebook.timeout(ANSWER_TIMEOUT_S):
            question = encode_req_pq_multi(nonce, unix_time_s=time.time())
            await stream.send(PREAMBLE[transport] + encode_frame(transport, question))
            answer = parse_res_pq(await _recv_frame(stream, transport), nonce=nonce)
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    observation = MtprotoObservation(
        **entry.fields(),
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        transport=transport.value,
        nonce_echoed=answer is not None,
        fingerprints=answer.fingerprints if answer else (),
    )
    notebook.add(observation)
    return observation


async def _recv_frame(stream: PlainStream, transport: Transport) -> bytes:
    data = b""
    while True:
        sizes = frame_length(transport, data)
        if sizes is not None and len(data) >= sum(sizes):
            header, length = sizes
            return data[header : header + length]
        chunk = await stream.recv()
        if not chunk:
            raise EOFError(f"closed after {len(data)} bytes")
        data += chunk
