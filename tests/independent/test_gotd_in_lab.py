"""gotd's MTProto server as a data centre and behind a front of the web app, freely and through filters."""

from typing import Final

import pytest

from lab import world
from lab.control import LabControl
from observatory.model import State
from probes.records import Endpoint, MtprotoObservation
from probes.session import ObservationLog
from probes.techniques.mtproto import measure_mtproto
from probes.techniques.tcp import measure_tcp
from probes.transport.network import Network
from probes.transport.streams import PlainStream
from probes.wire.mtproto import Transport
from tests.in_lab import Results
from tests.independent.rounds import FINE, Outcome, measure, vantage_point, verdicts
from tests.independent.servers import Servers, find_built

pytestmark = [pytest.mark.lab, pytest.mark.slow]

ADDRESS: Final = world.DATA_CENTRES["dc2"][0]
FRONT: Final = "venus.web.telegram.org"
SECURE, PLAIN, WEB_SOCKET = 15443, 15080, 16443
LIKELY: Final = State.LIKELY_BLOCKED
# By network, without IPv6, where the lab's own server answers: what filters the app, and what is true then.
FILTERS: Final[dict[str, tuple[str, dict[str, str], Outcome]]] = {
    "tri": ("mtproto_drop", {}, (LIKELY, "mtproto.timeout")),
    "mnc": ("mtproto_drop", {"transports": "plain"}, (LIKELY, "mtproto.timeout")),
    "smartfren": ("mtproto_reset", {}, (LIKELY, "mtproto.reset")),
    "iforte": ("mtproto_garbage", {}, (LIKELY, "mtproto.garbage")),
    "cbn": ("dc_drop", {}, (LIKELY, "tcp.timeout")),
}
HONEST: Final = "gmedia"
# gotd's server has no MTProto over HTTP.
SPOKEN: Final = [t for t in Transport if t not in (Transport.HTTP, Transport.WEBSOCKET)]


@pytest.fixture(scope="module", autouse=True)
def gotd(servers: Servers) -> None:
    """Take the place of dc2 and of one front, for everybody over IPv4."""
    program = find_built("gotd", needs="go")
    certificate = str(servers.certificate(FRONT))
    argv = [program, "-certificate", certificate, "-websocket", f"0.0.0.0:{WEB_SOCKET}"]
    for port in (SECURE, PLAIN):
        argv += ["-tcp", f"0.0.0.0:{port}"]
    servers.start("telegram", argv, ready="ready")
    for port, there in ((443, SECURE), (80, PLAIN)):
        servers.divert("telegram", f"-d {ADDRESS} -p tcp --dport {port}", there)
    servers.divert("telegram", f"-d {world.TELEGRAM_HOSTS[FRONT]} -p tcp --dport 443", WEB_SOCKET)


@pytest.fixture(scope="module")
def measured(servers: Servers, lab: LabControl, gotd: None) -> Results:
    for network, (censor, params, _) in FILTERS.items():
        lab.switch(network, censor, True, hosts=["dc2"], **params)
    points = [vantage_point(servers.config, network, network) for network in (HONEST, *FILTERS)]
    try:
        return measure(servers.config, points, ["dc2", FRONT])
    finally:
        lab.reset()


async def connect(log: ObservationLog, endpoint: Endpoint) -> PlainStream:
    _, stream = await measure_tcp(Network("netns", HONEST), log, endpoint=endpoint)
    assert stream is not None
    return stream


async def ask(transport: Transport, port: int) -> MtprotoObservation:
    log, endpoint = ObservationLog(deadline_s=10), Endpoint(address=ADDRESS, port=port)
    with await connect(log, endpoint) as stream:
        return await measure_mtproto(log, stream=stream, endpoint=endpoint, transport=transport)


@pytest.mark.parametrize("transport", SPOKEN)
@pytest.mark.parametrize("port", [443, 80])
async def test_gotd_echoes_the_nonce_over_every_transport_that_it_speaks(
    transport: Transport, port: int
) -> None:
    observation = await ask(transport, port)
    assert observation.nonce_echoed, observation


def test_a_free_network_is_ok(measured: Results) -> None:
    assert verdicts(measured, HONEST) == {"dc2": FINE, FRONT: FINE}
    found = measured[HONEST, "dc2"].verdict
    assert (found.n_ok, found.n_tried) == (2, 2)


def test_the_web_app_is_proved_through_the_front(measured: Results) -> None:
    there = measured[HONEST, FRONT]
    asked = [o for o in there.measurement.observations if isinstance(o, MtprotoObservation)]
    assert [(o.transport, o.server_name, o.nonce_echoed) for o in asked] == [("websocket", FRONT, True)]
    assert "mtproto.web_app.proved" in {f.rule_id for f in there.verdict.findings}


@pytest.mark.parametrize("network", FILTERS)
def test_a_filter_in_front_of_gotd_is_named(network: str, measured: Results) -> None:
    assert verdicts(measured, network) == {"dc2": FILTERS[network][2], FRONT: FINE}
    assert measured[network, "dc2"].verdict.partial is (network == "mnc")


async def test_gotd_outlives_clients_that_break_off() -> None:
    """So that none of the other tests is decided by how an earlier one ended."""
    for _ in range(20):
        with await connect(ObservationLog(deadline_s=5), Endpoint(address=ADDRESS, port=443)) as stream:
            await stream.send(b"\xef")
    observation = await ask(Transport.OBFUSCATED, 443)
    assert observation.nonce_echoed, observation
