"""MTProto: does a Telegram data centre, and nobody else, answer at this endpoint?"""

import secrets
import time
from functools import partial
from typing import Final

from probes.failures import classify_failure
from probes.notebook import Notebook
from probes.records import Endpoint, Failure, MtprotoObservation
from probes.streams import PlainStream, recv_message
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
            message = await recv_message(stream, partial(frame_length, transport))
            answer = parse_res_pq(message, nonce=nonce)
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
