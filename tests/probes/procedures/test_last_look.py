"""The canary once more at the end of a round: on a line that is there, and on one that is not."""

from pathlib import Path

import pytest

from probes.procedures.followups import Canary
from probes.procedures.last_look import broke_off, look_again
from probes.records import (
    DnsObservation,
    Endpoint,
    Failure,
    HelperObservation,
    QuicObservation,
    Resolver,
    TcpObservation,
)
from probes.session import ObservationLog
from probes.transport.trust import load_trust
from tests.probes.local import LocalNetwork, make_certificate, reset, say_nothing, serve

PLACE = Endpoint(address="93.184.215.14", port=443)
STEP = {"id": "o1", "started_s": 0.0, "duration_s": 0.1}


def known() -> Canary:
    canary = Canary("t.me")  # the name in the certificate of the tests
    canary.note(PLACE.address)
    return canary


async def looks(network: LocalNetwork, ca_file: str, canary: Canary) -> list[Failure | None]:
    log = ObservationLog(deadline_s=0.0)
    await look_again(network, load_trust(ca_file), log, canary)
    assert all(isinstance(o, HelperObservation) and o.url == "https://t.me/" for o in log.observations())
    return [o.failure for o in log.observations()]


async def test_a_canary_that_answers_is_asked_once(tmp_path: Path) -> None:
    context, ca_file = make_certificate(tmp_path)
    async with serve(say_nothing, context) as port:
        assert await looks(LocalNetwork(ports={PLACE: port}), ca_file, known()) == [None]


async def test_one_that_is_gone_is_asked_twice(tmp_path: Path) -> None:
    _, ca_file = make_certificate(tmp_path)
    assert await looks(LocalNetwork(), ca_file, known()) == [Failure.CONNECTION_REFUSED] * 2
    async with serve(reset) as port:
        cut_off = await looks(LocalNetwork(ports={PLACE: port}), ca_file, known())
    assert cut_off == [Failure.CONNECTION_RESET] * 2


async def test_one_that_never_answered_is_not_asked(tmp_path: Path) -> None:
    _, ca_file = make_certificate(tmp_path)
    assert await looks(LocalNetwork(), ca_file, Canary("t.me")) == []


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.CONNECTION_RESET, Failure.EOF])
def test_what_looks_like_a_lost_line(failure: Failure) -> None:
    assert broke_off([TcpObservation(**STEP, failure=failure, endpoint=PLACE)])


def test_what_does_not() -> None:
    silent = {"failure": Failure.TIMEOUT}
    sink = DnsObservation(
        **STEP, **silent, resolver=Resolver.SINK, server=PLACE, transport="udp", name="t.me", query_type="A"
    )
    quic = QuicObservation(**STEP, **silent, endpoint=PLACE)
    refused = TcpObservation(**STEP, failure=Failure.CONNECTION_REFUSED, endpoint=PLACE)
    assert not broke_off([sink, quic, refused, TcpObservation(**STEP, endpoint=PLACE)])
