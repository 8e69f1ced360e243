"""Where on the path: payloads with rising TTL across the emulated internet.

The way is: 1 access router, 2 border router (the censor), 3 the exchange, 4 the far network, 5 the server.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from lab.control import LabControl
from observatory.model import Config
from probes.records import Endpoint, Failure, Heard, HopsObservation, Payload
from probes.session import ObservationLog
from probes.techniques.hops import measure_hops
from probes.transport.network import Network
from probes.transport.trust import load_trust

pytestmark = [pytest.mark.lab]

TARGET, HARMLESS = "t.me", "control.example"
WEB = Endpoint(address="149.154.167.99", port=443)
PLAIN = Endpoint(address="149.154.167.99", port=80)
NO_DNS = Endpoint(address="149.154.167.99", port=53)
NO_SERVICE = Endpoint(address="149.154.167.99", port=33434)
WEB_V6 = Endpoint(address="2001:67c:4e8:f004::9", port=443)
NO_SERVICE_V6 = Endpoint(address="2001:67c:4e8:f004::9", port=33434)

EXPIRED, ANSWER, RESET = Heard.TIME_EXCEEDED, Heard.ANSWER, Heard.RESET
SILENCE, REFUSED = Heard.SILENCE, Heard.REFUSED


@pytest.fixture(autouse=True)
def _nothing_on(lab: LabControl) -> Iterator[None]:
    yield
    lab.reset()


def find_hops(config: Config, endpoint: Endpoint, payload: Payload, name: str = "") -> HopsObservation:
    async def run() -> HopsObservation:
        trust = load_trust(config.settings.ca_file)
        log = ObservationLog(deadline_s=5.0)
        return await measure_hops(
            Network("netns", "xl"), log, trust, endpoint=endpoint, payload=payload, name=name
        )

    return asyncio.run(run())


def heard(observation: HopsObservation) -> list[Heard]:
    assert [hop.ttl for hop in observation.hops] == list(range(1, len(observation.hops) + 1))
    return [hop.heard for hop in observation.hops]


@pytest.mark.parametrize(
    ("endpoint", "payload", "name", "last"),
    [
        (WEB, Payload.CLIENT_HELLO, TARGET, ANSWER),
        (PLAIN, Payload.HTTP_REQUEST, TARGET, ANSWER),
        (WEB, Payload.SYN, "", ANSWER),
        (NO_SERVICE, Payload.SYN, "", REFUSED),
        (NO_SERVICE, Payload.UDP, "", REFUSED),
        (WEB_V6, Payload.CLIENT_HELLO, TARGET, ANSWER),
        (WEB_V6, Payload.SYN, "", ANSWER),
        (NO_SERVICE_V6, Payload.UDP, "", REFUSED),
    ],
    ids=str,
)
def test_clean_path_ends_at_the_server(
    lab: LabControl, config: Config, endpoint: Endpoint, payload: Payload, name: str, last: Heard
) -> None:
    observation = find_hops(config, endpoint, payload, name)
    assert observation.failure is None
    assert heard(observation) == [EXPIRED] * 4 + [last]
    assert all(hop.rtt_s is not None for hop in observation.hops)


@pytest.mark.parametrize("endpoint", [NO_SERVICE, NO_SERVICE_V6], ids=str)
@pytest.mark.parametrize("payload", [Payload.SYN, Payload.UDP])
def test_routers_are_named_to_syns_and_datagrams(
    lab: LabControl, config: Config, endpoint: Endpoint, payload: Payload
) -> None:
    routers = [hop.router for hop in find_hops(config, endpoint, payload).hops[:4]]
    assert None not in routers and len(set(routers)) == 4


def test_a_name_is_reset_where_the_harmless_one_only_runs_out_of_hops(
    lab: LabControl, config: Config
) -> None:
    lab.switch("xl", "sni_reset", True, hosts=[TARGET])
    assert heard(find_hops(config, WEB, Payload.CLIENT_HELLO, TARGET)) == [EXPIRED, EXPIRED, RESET]
    assert heard(find_hops(config, WEB, Payload.CLIENT_HELLO, HARMLESS)) == [EXPIRED] * 4 + [ANSWER]


def test_a_dropped_name_is_silent_from_the_filter_on(lab: LabControl, config: Config) -> None:
    lab.switch("xl", "sni_drop", True, hosts=[TARGET])
    hops = heard(find_hops(config, WEB, Payload.CLIENT_HELLO, TARGET))
    assert hops[:2] == [EXPIRED, EXPIRED] and set(hops[2:]) == {SILENCE}


def test_a_forged_answer_counts_more_than_the_hop_limit_it_ran_into(lab: LabControl, config: Config) -> None:
    """The injector lets the query pass: it runs out of hops there, and was answered all the same."""
    lab.switch("xl", "dns_injection", True, hosts=[TARGET])
    target = find_hops(config, NO_DNS, Payload.DNS_QUERY, TARGET)
    assert heard(target) == [EXPIRED, ANSWER]
    assert target.hops[1].router == "10.3.2.1"
    assert set(heard(find_hops(config, NO_DNS, Payload.DNS_QUERY, HARMLESS))) == {EXPIRED, SILENCE}


def test_a_dropped_address_is_silent_from_the_border_on(lab: LabControl, config: Config) -> None:
    lab.switch("xl", "ip_blackhole", True, hosts=[TARGET])
    observation = find_hops(config, WEB, Payload.SYN)
    hops = heard(observation)
    assert hops == [EXPIRED] * 2 + [SILENCE] * 22
    assert observation.failure is None


def test_where_no_connection_is_to_be_had_no_payload_was_sent(lab: LabControl, config: Config) -> None:
    lab.switch("xl", "ip_blackhole", True, hosts=[TARGET])
    observation = find_hops(config, WEB, Payload.CLIENT_HELLO, TARGET)
    assert observation.failure is Failure.TIMEOUT and observation.hops == ()


def test_the_deadline_of_the_measurement_counts(lab: LabControl, config: Config) -> None:
    lab.switch("xl", "ip_blackhole", True, hosts=[TARGET])

    async def run() -> HopsObservation:
        log = ObservationLog(deadline_s=1.0)
        trust = load_trust(config.settings.ca_file)
        arguments: dict[str, Any] = {"endpoint": WEB, "payload": Payload.SYN}
        return await measure_hops(Network("netns", "xl"), log, trust, **arguments)

    observation = asyncio.run(run())
    assert observation.failure is Failure.TIMEOUT
    assert [hop.ttl for hop in observation.hops] == list(range(1, 9))
