"""A fresh connection and what is sent over it: TCP, then a request; or TCP, TLS, then a request."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from probes import registry
from probes.records import (
    Endpoint,
    HttpObservation,
    MtprotoObservation,
    Purpose,
    TcpObservation,
    TlsObservation,
)
from probes.session import ObservationLog
from probes.techniques.http import RESPONSE_TIMEOUT_S
from probes.transport.network import Network
from probes.transport.streams import TimedStream, TlsStream
from probes.transport.trust import Trust
from probes.wire.mtproto import Transport

# After a request that timed out, its comparison and a second try must fit into the same deadline.
COMPARISON_TIMEOUT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeResult:
    """The steps of one exchange; those that were not reached are None."""

    tcp: TcpObservation
    tls: TlsObservation | None = None
    page: HttpObservation | None = None
    app: MtprotoObservation | None = None

    @property
    def worked(self) -> bool:
        """The last step that was tried succeeded."""
        last = self.app or self.page or self.tls or self.tcp
        return last.failure is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanges:
    """Opens connections for one measurement and records every step. An open connection survives a filter
    that starts later, so each exchange opens its own."""

    network: Network
    log: ObservationLog
    trust: Trust

    async def plain(
        self,
        endpoint: Endpoint,
        *,
        host: str,
        path: str = "/",
        purpose: Purpose = Purpose.TARGET,
        attempt: int = 1,
    ) -> ExchangeResult:
        """Connect and GET without TLS."""
        tcp, stream = await registry.TCP.measure(self.network, self.log, endpoint=endpoint, attempt=attempt)
        if stream is None:
            return ExchangeResult(tcp=tcp)
        with stream:
            page = await self._get(stream, endpoint, host, path, purpose, attempt, over_tls=False)
        return ExchangeResult(tcp=tcp, page=page)

    async def secure(
        self,
        endpoint: Endpoint,
        *,
        name: str,
        host: str | None,
        path: str = "/",
        purpose: Purpose = Purpose.TARGET,
        attempt: int = 1,
    ) -> ExchangeResult:
        """Connect, handshake for `name` (empty: none is sent), and GET from `host` unless it is None."""
        async with self._over_tls(endpoint, name, purpose, attempt) as (result, tls):
            if tls is None or host is None:
                return result
            page = await self._get(tls, endpoint, host, path, purpose, attempt, over_tls=True)
            return replace(result, page=page)

    async def web_app(self, endpoint: Endpoint, *, name: str, attempt: int = 1) -> ExchangeResult:
        """Connect, handshake for `name`, and ask the data centre behind it for its resPQ over WebSocket."""
        async with self._over_tls(endpoint, name, Purpose.TARGET, attempt) as (result, tls):
            if tls is None:
                return result
            app = await registry.MTPROTO.measure(
                self.log,
                stream=tls,
                endpoint=endpoint,
                transport=Transport.WEBSOCKET,
                server_name=name,
                attempt=attempt,
            )
            return replace(result, app=app)

    @asynccontextmanager
    async def _over_tls(
        self, endpoint: Endpoint, name: str, purpose: Purpose, attempt: int
    ) -> AsyncIterator[tuple[ExchangeResult, TlsStream | None]]:
        """Connect and handshake; the stream, None where either failed, is open until the block ends."""
        tcp, stream = await registry.TCP.measure(self.network, self.log, endpoint=endpoint, attempt=attempt)
        if stream is None:
            yield ExchangeResult(tcp=tcp), None
            return
        with stream:
            handshake, tls = await registry.TLS.measure(
                self.trust,
                self.log,
                stream=stream,
                endpoint=endpoint,
                server_name=name,
                purpose=purpose,
                attempt=attempt,
            )
            yield ExchangeResult(tcp=tcp, tls=handshake), tls

    async def _get(
        self,
        stream: TimedStream,
        endpoint: Endpoint,
        host: str,
        path: str,
        purpose: Purpose,
        attempt: int,
        *,
        over_tls: bool,
    ) -> HttpObservation:
        return await registry.HTTP.measure(
            self.log,
            stream=stream,
            endpoint=endpoint,
            over_tls=over_tls,
            host=host,
            path=path,
            purpose=purpose,
            attempt=attempt,
            timeout_s=_response_timeout_s(purpose),
        )


def _response_timeout_s(purpose: Purpose) -> float:
    return RESPONSE_TIMEOUT_S if purpose is Purpose.TARGET else COMPARISON_TIMEOUT_S
