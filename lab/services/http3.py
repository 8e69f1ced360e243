"""HTTP/3 over real QUIC handshakes by aioquic, with the same pages and certificates as over TCP."""

import functools
from collections.abc import Callable
from typing import Any, Final

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated, QuicEvent
from aioquic.quic.packet import QuicProtocolVersion
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from lab.services.certificates import PickLeaf, pick_leaf
from lab.services.quic import answer_quic, is_version_1, read_server_name
from lab.services.web import Page, Request

_IDLE_LIMIT_S: Final = 30.0


class Http3Site:
    """One site, on any number of addresses: `page` answers, `pick` chooses the leaf for a name, and a
    request for a name that `is_down` gets no answer."""

    def __init__(self, page: Page, default_name: str, pick: PickLeaf, is_down: Callable[[str], bool]) -> None:
        self._page = page
        self._default_name = default_name
        self._pick = pick
        self.is_down = is_down

    def configuration_for(self, server_name: str | None) -> QuicConfiguration:
        return _configuration(pick_leaf(self._pick, server_name, self._default_name).pem)

    def new_server(self) -> QuicServer:
        """Return the protocol of one UDP socket."""
        return _Server(self, self._page)


@functools.lru_cache(maxsize=64)
def _configuration(pem: bytes) -> QuicConfiguration:
    leaf, *chain = x509.load_pem_x509_certificates(pem)
    return QuicConfiguration(
        is_client=False,
        alpn_protocols=H3_ALPN,
        supported_versions=[QuicProtocolVersion.VERSION_1],
        idle_timeout=_IDLE_LIMIT_S,
        certificate=leaf,
        certificate_chain=chain,
        private_key=load_pem_private_key(pem, None),
    )


class _Server(QuicServer):
    def __init__(self, site: Http3Site, page: Page) -> None:
        super().__init__(
            configuration=site.configuration_for(None), create_protocol=functools.partial(_Connection, page)
        )
        self._site = site

    def datagram_received(self, data: bytes | str, addr: Any) -> None:
        datagram = data if isinstance(data, bytes) else data.encode()
        negotiation = answer_quic(datagram)
        if negotiation and self._transport:
            self._transport.sendto(negotiation, addr)
        if not is_version_1(datagram):
            return
        # aioquic has one certificate for each configuration, so the name must be known before it looks.
        if server_name := read_server_name(datagram):
            if self._site.is_down(server_name):
                return
            self._configuration = self._site.configuration_for(server_name)
        super().datagram_received(datagram, addr)


class _Connection(QuicConnectionProtocol):
    """One connection."""

    def __init__(self, page: Page, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._page = page
        self._client = ""
        self._http: H3Connection | None = None

    def datagram_received(self, data: bytes | str, addr: Any) -> None:
        self._client = addr[0]
        super().datagram_received(data, addr)

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self._http = H3Connection(self._quic)
        if self._http is None:
            return
        for happened in self._http.handle_event(event):
            if isinstance(happened, HeadersReceived):
                self._answer(self._http, happened)

    def _answer(self, http: H3Connection, asked: HeadersReceived) -> None:
        fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in asked.headers}
        response = self._page(
            Request(
                method=fields.get(":method", ""),
                path=fields.get(":path", ""),
                host=fields.get(":authority", "").partition(":")[0].lower(),
                client=self._client,
            )
        )
        if response is None:
            return
        body = response.shown_body
        headers = [
            (b":status", str(response.status).encode()),
            (b"content-type", response.content_type.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        http.send_headers(asked.stream_id, headers)
        http.send_data(asked.stream_id, body, end_stream=True)
        self.transmit()
