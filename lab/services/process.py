"""The service process: opens every server, then follows the policy it is sent.

It has its own process: servers that share an event loop with the program that measures them show false
timeouts under load.
"""

import asyncio
import json
import logging
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lab import world
from lab.policy import Policy, load_policy, policy_of
from lab.rules import MITM_PORT, PORTAL_PORT, PROXY_PORT
from lab.services import certificates, names, pages, web_app
from lab.services.data_centre import new_data_centre
from lab.services.http3 import Http3Site
from lab.services.listen import Listeners
from lab.services.web import Request, serve_http
from lab.state import LabState

_DEFAULT_NAME: Final = "telegram.org"
# What a mismatched host presents: valid in all but the name.
_OTHER_NAME: Final = "mail.example"


class Services:
    """All servers, reading one policy that is replaced as a whole."""

    def __init__(self, namespaces: Mapping[str, int]) -> None:
        self._listeners = Listeners(namespaces)
        self._policy = policy_of(LabState())
        self._authority = certificates.Authority("Lab CA")
        self._genuine = certificates.Certificates(self._authority)
        self._filter = certificates.Certificates(certificates.Authority("ISP Filter CA"))
        self._self_signed = certificates.Certificates(None)
        self._company = certificates.Certificates(certificates.Authority("Company Proxy CA"))

    def root_pem(self) -> str:
        return self._authority.root_pem()

    def replace_policy(self, policy: Policy) -> None:
        self._policy = policy

    def _telegram(self, server_name: str) -> certificates.Leaf:
        return self._genuine_leaf(server_name if server_name in world.TELEGRAM_HOSTS else _DEFAULT_NAME)

    def _canary(self, _: str) -> certificates.Leaf:
        return self._genuine_leaf(world.CANARY)

    def _is_down(self, name: str) -> bool:
        return name in self._policy.down

    def _genuine_leaf(self, name: str) -> certificates.Leaf:
        if name in self._policy.mismatched:
            return self._genuine.leaf_for(_OTHER_NAME)
        return self._genuine.leaf_for(name, expired=name in self._policy.expired)

    def _middlebox_of(self, isp: world.Isp) -> certificates.PickLeaf:
        def pick(server_name: str) -> certificates.Leaf:
            kind = self._policy.mitm.get(isp.id)
            if kind == "ca_signed":
                return self._genuine.leaf_for(isp.notice_name)
            return (self._self_signed if kind == "self_signed" else self._filter).leaf_for(server_name)

        return pick

    async def open(self) -> None:
        """Open every listening socket of the lab. Errors: OSError when the topology lacks an address."""
        await self._open_hosts()
        await self._open_resolvers()
        await self._open_notices()
        await self._open_middleboxes()

    async def _open_hosts(self) -> None:
        listen = self._listeners
        page = pages.site_page(lambda: self._policy)
        site, plain = serve_http(page), serve_http(pages.to_https)
        telegram_site = serve_http(page, upgrade=web_app.new_web_app(self._web_app_interference))
        telegram = certificates.listening_context(_DEFAULT_NAME, self._telegram)
        canary = certificates.listening_context(world.CANARY, self._canary)
        telegram_h3 = Http3Site(page, _DEFAULT_NAME, self._telegram, self._is_down)
        canary_h3 = Http3Site(page, world.CANARY, self._canary, self._is_down)
        for address in world.addresses_of(world.TELEGRAM_HOSTS):
            await listen.tcp("telegram", address, 443, telegram_site, telegram)
            await listen.tcp("telegram", address, 80, plain)
            await listen.datagrams("telegram", address, 443, telegram_h3.new_server)
        for address in world.CDN_ADDRESSES.values():
            await listen.tcp("cdn", address, 443, telegram_site, telegram)
            await listen.tcp("cdn", address, 80, plain)
            await listen.datagrams("cdn", address, 443, telegram_h3.new_server)
        data_centre = new_data_centre(self._transport_error)
        for address in world.addresses_of(world.DATA_CENTRES):
            for port in world.DATA_CENTRE_PORTS:
                await listen.tcp("telegram", address, port, data_centre)
        for address in world.addresses_of([world.CANARY]):
            await listen.tcp("canary", address, 443, site, canary)
            await listen.tcp("canary", address, 80, plain)
            await listen.datagrams("canary", address, 443, canary_h3.new_server)

    async def _open_resolvers(self) -> None:
        listen = self._listeners

        def honest(query: bytes) -> bytes | None:
            return names.answer_query(query, self._policy)

        address = world.PUBLIC_RESOLVER
        tls = certificates.new_context(
            self._authority.chain_pem((world.PUBLIC_RESOLVER_NAME, world.PUBLIC_RESOLVER))
        )
        await listen.udp("public-resolver", address, 53, honest)
        await listen.tcp("public-resolver", address, 53, names.dns_over_stream(honest))
        await listen.tcp("public-resolver", address, 853, names.dns_over_stream(honest), tls)
        await listen.tcp("public-resolver", address, 443, serve_http(names.answer_https(honest)), tls)
        for isp in world.ISPS.values():
            answer = self._isp_resolver(isp.id)
            await listen.udp(isp.border_namespace, isp.resolver, 53, self._over_udp(isp.id, answer))
            await listen.tcp(isp.border_namespace, isp.resolver, 53, names.dns_over_stream(answer))

    def _isp_resolver(self, isp_id: str) -> names.AnswerQuery:
        who = names.isp_resolver(world.ISPS[isp_id])
        return lambda query: names.answer_query(query, self._policy, self._policy.resolvers[isp_id], who)

    def _over_udp(self, isp_id: str, answer: names.AnswerQuery) -> names.AnswerQuery:
        def over_udp(query: bytes) -> bytes | None:
            whole = answer(query)
            truncates = self._policy.resolvers[isp_id].truncates
            return names.truncate_answer(whole) if truncates and whole is not None else whole

        return over_udp

    def _web_app_interference(self, request: Request) -> web_app.Interference | None:
        if request.host not in world.WEB_FRONTS or request.host in self._policy.web_app_retired:
            return web_app.Interference.REFUSE
        isp = world.isp_of_client(request.client)
        found = self._policy.web_app.get(isp.id, {}).get(request.host) if isp else None
        return web_app.Interference(found) if found else None

    def _transport_error(self, client: str, address: str) -> int:
        isp = world.isp_of_client(client)
        return self._policy.transport_errors.get(isp.id, {}).get(address, 0) if isp else 0

    async def _open_notices(self) -> None:
        for name, address in world.NOTICE_SERVERS.items():
            page = serve_http(pages.notice_page(address), server="Apache/2.4.7 (Ubuntu)")
            tls = certificates.new_context(certificates.self_signed_pem(name))
            await self._listeners.tcp("notices", address, 80, page)
            await self._listeners.tcp("notices", address, 443, page, tls)

    async def _open_middleboxes(self) -> None:
        site = serve_http(pages.site_page(lambda: self._policy))
        proxy = certificates.listening_context(_DEFAULT_NAME, self._company.leaf_for)
        portal = serve_http(pages.portal_page)
        for isp in world.ISPS.values():
            tls = certificates.listening_context(_DEFAULT_NAME, self._middlebox_of(isp))
            for address in ("0.0.0.0", "::") if isp.has_ipv6 else ("0.0.0.0",):
                await self._listeners.tcp(isp.border_namespace, address, MITM_PORT, site, tls)
                await self._listeners.tcp(isp.border_namespace, address, PROXY_PORT, site, proxy)
                await self._listeners.tcp(isp.border_namespace, address, PORTAL_PORT, portal)


def run_services(namespaces: Mapping[str, int], link: socket.socket, ca_file: Path) -> None:
    """Serve until the other end of `link` closes: one JSON policy a line in, one empty line out each."""
    # A client's mistakes do not belong in the lab's output.
    logging.getLogger("quic").setLevel(logging.CRITICAL)
    services = Services(namespaces)
    ca_file.write_text(services.root_pem())
    asyncio.run(_serve(services, link))


async def _serve(services: Services, link: socket.socket) -> None:
    await services.open()
    reader, writer = await asyncio.open_unix_connection(sock=link, limit=1 << 20)
    # The first empty line says that every server is open.
    writer.write(b"\n")
    while line := await reader.readline():
        services.replace_policy(load_policy(json.loads(line)))
        writer.write(b"\n")
        await writer.drain()
