"""QUIC handshakes across the emulated internet: chains, names, silence, refusal, HTTP/3."""

from collections.abc import Iterator

import pytest

from lab.control import LabControl
from observatory.model import Config
from probes.records import Endpoint, Failure, QuicObservation
from probes.session import ObservationLog
from probes.techniques.quic import measure_quic
from probes.transport.network import Network
from probes.transport.trust import load_trust

pytestmark = [pytest.mark.lab]

TELEGRAM, TELEGRAM6, DATA_CENTRE = "149.154.167.99", "2001:67c:4e8:f004::9", "149.154.167.51"


@pytest.fixture(autouse=True)
def _nothing_on(lab: LabControl) -> Iterator[None]:
    lab.reset()
    yield
    lab.reset()


async def shake_hands(config: Config, name: str, address: str = TELEGRAM) -> QuicObservation:
    return await measure_quic(
        Network("netns", "xl"),
        ObservationLog(deadline_s=10),
        load_trust(config.settings.ca_file),
        endpoint=Endpoint(address=address, port=443),
        server_name=name,
    )


@pytest.mark.parametrize("address", [TELEGRAM, TELEGRAM6])
async def test_a_handshake_keeps_its_chain_and_asks_for_a_page(config: Config, address: str) -> None:
    observation = await shake_hands(config, "t.me", address)
    assert (observation.failure, observation.version, observation.alpn) == (None, 1, "h3")
    assert (observation.status, observation.certificate_errors) == (200, ())
    assert "t.me" in observation.chain[0].names and len(observation.chain) == 2


async def test_a_chain_for_another_name_is_recorded_and_fails_nothing(config: Config) -> None:
    observation = await shake_hands(config, "stranger.example")
    assert observation.failure is None
    assert observation.certificate_failure is Failure.SSL_INVALID_HOSTNAME


async def test_a_certificate_that_ran_out_is_recorded_and_fails_nothing(
    config: Config, lab: LabControl
) -> None:
    lab.switch(None, "expired_certificate", True, hosts=["t.me"])
    observation = await shake_hands(config, "t.me")
    assert observation.failure is None
    assert observation.certificate_errors == ("cert_has_expired",)


async def test_an_unknown_authority_is_recorded_and_fails_nothing(config: Config) -> None:
    observation = await measure_quic(
        Network("netns", "xl"),
        ObservationLog(deadline_s=10),
        load_trust(None),
        endpoint=Endpoint(address=TELEGRAM, port=443),
        server_name="t.me",
    )
    assert observation.failure is None
    assert observation.certificate_failure is Failure.SSL_UNKNOWN_AUTHORITY


@pytest.mark.slow
async def test_a_name_that_is_dropped(config: Config, lab: LabControl) -> None:
    lab.switch("xl", "quic_sni_drop", True, hosts=["t.me"])
    dropped, other = await shake_hands(config, "t.me"), await shake_hands(config, "control.example")
    assert (dropped.failure, dropped.version) == (Failure.TIMEOUT, None)
    assert dropped.n_sent > 1
    assert other.failure is None


async def test_a_port_that_is_closed_is_refused(config: Config) -> None:
    observation = await shake_hands(config, "t.me", DATA_CENTRE)
    assert observation.failure is Failure.CONNECTION_REFUSED
