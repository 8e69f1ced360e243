"""Follow-ups to a failure, against servers that reset, stall, close and send alerts."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from probes.procedures.exchanges import Exchanges
from probes.procedures.followups import Canary
from probes.procedures.host import HostSteps
from probes.procedures.names import Resolvers
from probes.records import (
    AnyObservation,
    DnsObservation,
    Endpoint,
    Failure,
    HttpObservation,
    Purpose,
    Target,
    TargetKind,
    TcpObservation,
    ThroughputObservation,
    TlsObservation,
)
from probes.session import ObservationLog
from probes.techniques.secure_dns import SecureResolver
from probes.transport.network import Network
from probes.transport.trust import Trust
from tests.probes.local import (
    Filter,
    LocalNetwork,
    Serve,
    alert,
    answer,
    close,
    filtered,
    make_certificate,
    page,
    reset,
    say_nothing,
    serve,
)

HOST, CANARY = "t.me", "control.example"
ADDRESS, ELSEWHERE = "149.154.167.99", "8.8.8.8"
TARGET, HARMLESS, NO_NAME = Purpose.TARGET, Purpose.HARMLESS_NAME, Purpose.NO_NAME
CANARY_ADDRESS = Purpose.CANARY_ADDRESS
RESET, SILENCE, EOF = Failure.CONNECTION_RESET, Failure.TIMEOUT, Failure.EOF
Pages = Callable[[str], bytes | None]


def hello(host: str) -> bytes:
    return page()


def to_https(host: str) -> bytes:
    return page("301 Moved Permanently", f"Location: https://{host}/")


def let_through(first: bytes) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One address: the filter before its TLS port, and the pages of its two ports."""

    tls: Filter = let_through
    secure: Pages = hello
    plain: Pages = to_https


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


@dataclass(frozen=True)
class Measured:
    observations: tuple[AnyObservation, ...]
    duration_s: float

    def ends(self, kind: type[AnyObservation], port: int) -> list[tuple[Purpose, Failure | None]]:
        """Purpose and failure of each step of a kind at a port, in the order they began."""
        return [
            (o.purpose, o.failure)
            for o in self.observations
            if isinstance(o, kind) and isinstance(o, (TlsObservation, HttpObservation))
            if o.endpoint.port == port
        ]

    @property
    def tls(self) -> list[tuple[Purpose, Failure | None]]:
        return self.ends(TlsObservation, 443)

    @property
    def secure(self) -> list[tuple[Purpose, Failure | None]]:
        return self.ends(HttpObservation, 443)

    @property
    def plain(self) -> list[tuple[Purpose, Failure | None]]:
        return self.ends(HttpObservation, 80)


async def measure(site: Site, certificate: tuple[ssl.SSLContext, str], deadline_s: float = 10.0) -> Measured:
    context, ca_file = certificate
    trust = Trust(ca_file)
    async with (
        serve(answer(site.secure), context) as behind,
        filtered(behind, site.tls) as secure,
        serve(answer(site.plain)) as plain,
        serve(answer(hello), context) as elsewhere,
    ):
        network = LocalNetwork(
            ports={
                Endpoint(address=ADDRESS, port=443): secure,
                Endpoint(address=ADDRESS, port=80): plain,
                Endpoint(address=ELSEWHERE, port=443): elsewhere,
            }
        )
        log = ObservationLog(deadline_s=deadline_s)
        no_server = Endpoint(address="192.0.2.1", port=53)
        async with (
            SecureResolver(network, trust, "192.0.2.1", "dot") as dot,
            SecureResolver(network, trust, "192.0.2.1", "doh") as doh,
        ):
            resolvers = Resolvers(
                vantage=no_server,
                public=Endpoint(address=ELSEWHERE, port=53),
                sink=no_server,
                dot=dot,
                doh=doh,
            )
            await HostSteps(
                Exchanges(network=network, log=log, trust=trust),
                target=Target(name=HOST, kind=TargetKind.HOST, addresses=(ADDRESS,)),
                canary=Canary(CANARY),
                resolvers=resolvers,
            ).run()
        return Measured(log.observations(), log.now_s())


def when_named(name: str, act: Serve) -> Filter:
    return lambda first: act if name.encode() in first else None


class Penalty:
    """Resets the target's name and, once, the next connection after it."""

    def __init__(self) -> None:
        self.armed = False
        self.n_punished = 0

    def __call__(self, first: bytes) -> Serve | None:
        if HOST.encode() in first:
            self.armed = self.n_punished == 0
            return reset
        if self.armed and CANARY.encode() in first:
            self.armed = False
            self.n_punished += 1
            return reset
        return None


SITES = {
    "nothing": Site(),
    "name reset": Site(tls=when_named(HOST, reset)),
    "name closed": Site(tls=when_named(HOST, close)),
    "name alerted": Site(tls=when_named(HOST, alert)),
    "name dropped": Site(tls=when_named(HOST, say_nothing)),
    "address reset": Site(tls=lambda first: reset),
    "penalty": Site(tls=Penalty()),
    "name stalls": Site(secure=lambda host: None if host == HOST else page()),
    "address stalls": Site(secure=lambda host: None, plain=lambda host: None),
    "403": Site(plain=lambda host: page("403 Forbidden")),
}


@pytest.fixture(scope="module")
def played(certificate: tuple[ssl.SSLContext, str]) -> dict[str, Measured]:
    """Every site measured, all at once: most of the time is waiting."""

    async def measure_all() -> list[Measured]:
        return await asyncio.gather(*(measure(site, certificate) for site in SITES.values()))

    return dict(zip(SITES, asyncio.run(measure_all()), strict=True))


@pytest.mark.parametrize("site", SITES)
def test_every_measurement_stays_under_its_deadline(site: str, played: dict[str, Measured]) -> None:
    assert played[site].duration_s < 10.5


def test_nothing_wrong_means_no_follow_up(played: dict[str, Measured]) -> None:
    measured = played["nothing"]
    assert measured.tls == measured.secure == measured.plain == [(TARGET, None)]
    assert not [o for o in measured.observations if isinstance(o, ThroughputObservation)]
    assert {o.attempt for o in measured.observations if not isinstance(o, DnsObservation)} == {1}


@pytest.mark.parametrize(
    ("site", "failure"),
    [
        ("name reset", RESET),
        ("name closed", EOF),
        ("name alerted", Failure.SSL_HANDSHAKE),
        ("name dropped", SILENCE),
    ],
)
def test_a_filtered_name_is_compared_with_another_and_with_none(
    site: str, failure: Failure, played: dict[str, Measured]
) -> None:
    measured = played[site]
    assert measured.tls[0] == measured.tls[-1] == (TARGET, failure)
    assert sorted(measured.tls[1:-1]) == [(HARMLESS, None), (NO_NAME, None)]
    assert measured.plain == [(TARGET, None)]


def test_an_alert_keeps_what_it_said(played: dict[str, Measured]) -> None:
    first = next(o for o in played["name alerted"].observations if isinstance(o, TlsObservation))
    assert first.detail and "handshake failure" in first.detail


def test_a_filtered_address_shows_by_the_name_s_answer_elsewhere(played: dict[str, Measured]) -> None:
    ends = played["address reset"].tls
    assert ends.count((TARGET, RESET)) == ends.count((HARMLESS, RESET)) == 2
    assert (NO_NAME, RESET) in ends and (CANARY_ADDRESS, None) in ends


def test_a_penalty_fades_before_the_second_try(played: dict[str, Measured]) -> None:
    tries = [o for o in played["penalty"].observations if isinstance(o, TlsObservation)]
    first, second = (o for o in tries if o.purpose is HARMLESS)
    again = [o for o in tries if o.purpose is TARGET][1]
    assert (first.failure, second.failure, again.failure) == (RESET, None, RESET)
    assert second.started_s - first.started_s >= 3
    assert again.started_s > second.started_s + second.duration_s


def test_a_stall_inside_tls_is_compared_with_a_request_for_another_name(played: dict[str, Measured]) -> None:
    measured = played["name stalls"]
    assert measured.tls == [(TARGET, None), (HARMLESS, None), (TARGET, None)]
    assert measured.secure == [(TARGET, SILENCE), (HARMLESS, None), (TARGET, SILENCE)]


def test_a_stall_for_every_name_still_leaves_room_for_the_second_try(played: dict[str, Measured]) -> None:
    measured = played["address stalls"]
    for ends in (measured.secure, measured.plain):
        assert ends.count((TARGET, SILENCE)) == ends.count((HARMLESS, SILENCE)) == 2
    pages = [o for o in measured.observations if isinstance(o, HttpObservation) and o.purpose is TARGET]
    assert all(o.duration_s > 2 for o in pages), pages


def test_a_page_of_its_own_on_port_80_is_compared_once(played: dict[str, Measured]) -> None:
    assert played["403"].plain == [(TARGET, None), (HARMLESS, None)]


@pytest.mark.parametrize(
    ("location", "is_home"),
    [
        (f"https://{HOST}/", True),
        (f"https://{HOST.upper()}/k/", True),
        ("/k/", True),
        ("https://internet-positif.org/", False),
        ("https://[broken/", False),
        ("", False),
    ],
)
def test_a_redirect_home_needs_no_comparison(
    location: str, is_home: bool, certificate: tuple[ssl.SSLContext, str]
) -> None:
    site = Site(plain=lambda host: page("302 Found", f"Location: {location}"))
    measured = asyncio.run(measure(site, certificate))
    assert measured.plain == [(TARGET, None)] + [(HARMLESS, None)] * (not is_home)


def test_under_a_near_deadline_nothing_is_begun_that_cannot_end(
    certificate: tuple[ssl.SSLContext, str],
) -> None:
    measured = asyncio.run(measure(Site(tls=when_named(HOST, say_nothing)), certificate, deadline_s=4))
    assert [end for end in measured.tls if end[0] is TARGET] == [(TARGET, SILENCE)]
    assert measured.duration_s < 4.3


@pytest.mark.parametrize("address", ["149.154.167.99", "2001:67c:4e8:f004::9"])
def test_without_a_route_there_is_one_try_and_no_follow_up(address: str, tmp_path: Path) -> None:
    """A source address of the other IP version, as at a vantage point that is bound to IPv4."""
    _, ca_file = make_certificate(tmp_path)
    network = Network("source", "::1" if "." in address else "127.0.0.1")
    assert not network.has_route(Endpoint(address=address, port=443))
    log = ObservationLog(deadline_s=10)

    async def run() -> None:
        trust = Trust(ca_file)
        here = Endpoint(address="127.0.0.1", port=1)
        async with (
            SecureResolver(network, trust, "127.0.0.1", "dot") as dot,
            SecureResolver(network, trust, "127.0.0.1", "doh") as doh,
        ):
            await HostSteps(
                Exchanges(network=network, log=log, trust=trust),
                target=Target(name=HOST, kind=TargetKind.HOST, addresses=(address,)),
                canary=Canary(CANARY),
                resolvers=Resolvers(vantage=here, public=here, sink=here, dot=dot, doh=doh),
            ).run()

    asyncio.run(run())
    steps = [o for o in log.observations() if not isinstance(o, DnsObservation)]
    connects = [o for o in steps if isinstance(o, TcpObservation)]
    assert sorted(o.endpoint.port for o in connects) == [80, 443]
    assert {o.failure for o in steps} == {Failure.VANTAGE}
    assert len(steps) == 3  # and one datagram that could not be sent


def test_the_canary_is_waited_for_and_holds_nothing_up() -> None:
    there = Endpoint(address="93.184.215.14", port=443)

    async def run() -> list[Endpoint | None]:
        host, late, ended = (Canary(CANARY) for _ in range(3))
        asyncio.get_running_loop().call_soon(host.note, "93.184.215.14")
        asyncio.get_running_loop().call_soon(ended.end)
        target = Endpoint(address=ADDRESS, port=443)
        return [
            await host.find_beside(target, ObservationLog(deadline_s=10)),
            await host.find_beside(Endpoint(address="::1", port=443), ObservationLog(deadline_s=0.05)),
            await late.find_beside(target, ObservationLog(deadline_s=0.05)),
            await ended.find_beside(target, ObservationLog(deadline_s=10)),
        ]

    assert asyncio.run(run()) == [there, None, None, None]
