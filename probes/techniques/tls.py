"""TLS: one handshake with a chosen server name; the chain is kept and verified in that same handshake."""

from typing import Final

from probes.failures import classify_failure
from probes.records import Certificate, Endpoint, Failure, Purpose, TlsObservation
from probes.session import ObservationLog
from probes.transport.streams import PlainStream, TlsStream
from probes.transport.trust import Trust, certificate_failure, describe_chain, describe_errors

HANDSHAKE_TIMEOUT_S: Final = 3.0


async def measure_tls(
    trust: Trust,
    log: ObservationLog,
    *,
    stream: PlainStream,
    endpoint: Endpoint,
    server_name: str,
    purpose: Purpose = Purpose.TARGET,
    attempt: int = 1,
) -> tuple[TlsObservation, TlsStream | None]:
    """Make one handshake over a connected stream. A bad chain is recorded and does not fail the handshake.

    The TLS stream is None when the handshake failed; the owner of `stream` closes it.
    """
    step = log.begin(attempt)
    tls = TlsStream(stream, trust, server_name)
    failure: Failure | None = None
    detail: str | None = None
    chain: tuple[Certificate, ...] = ()
    errors: tuple[str, ...] = ()
    version = cipher = alpn = None
    try:
        async with log.timeout(HANDSHAKE_TIMEOUT_S):
            await tls.handshake()
    except Exception as error:  # a network failure is data
        failure, detail = classify_failure(error)
    fields = step.fields()
    if failure is None:
        chain = describe_chain(tls.connection)
        errors = describe_errors(tls.chain_errors, chain[0] if chain else None, server_name)
        version = tls.connection.get_protocol_version_name()
        cipher = tls.connection.get_cipher_name()
        alpn = tls.connection.get_alpn_proto_negotiated().decode("ascii", "replace") or None
    observation = TlsObservation(
        **fields,
        failure=failure,
        detail=detail,
        endpoint=endpoint,
        server_name=server_name,
        purpose=purpose,
        version=version,
        cipher=cipher,
        alpn=alpn,
        chain=chain,
        certificate_failure=certificate_failure(errors),
        certificate_errors=errors,
    )
    log.add(observation)
    return observation, tls if failure is None else None
