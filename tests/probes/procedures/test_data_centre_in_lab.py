"""The steps at a data centre: what is tried where nothing is wrong, and what follows a failure."""

import asyncio
from collections.abc import Iterator

import pytest

from lab.control import LabControl
from observatory.model import Config
from probes.procedures.data_centre import measure_data_centre
from probes.records import (
    Failure,
    HopsObservation,
    Measurement,
    MtprotoObservation,
    Payload,
    Target,
    TargetKind,
)
from probes.session import ObservationLog
from probes.transport.network import Network
from probes.transport.trust import load_trust
from tests.in_lab import measure

pytestmark = [pytest.mark.lab, pytest.mark.slow]

ALL = {"obfuscated", "abridged", "intermediate", "padded", "http"}


@pytest.fixture(scope="module")
def played(lab: LabControl, config: Config) -> Iterator[dict[str, Measurement]]:
    lab.switch("tri", "mtproto_drop", True, transports="plain")
    lab.switch("cbn", "mtproto_reset", True)
    lab.switch("mnc", "dc_drop", True)
    results = measure(config, ["smartfren", "tri", "cbn", "mnc"], ["dc2"])
    lab.reset()
    yield {vantage: result.measurement for (vantage, _), result in results.items()}


def tried(measured: Measurement) -> dict[tuple[int, str], list[Failure | None]]:
    found: dict[tuple[int, str], list[Failure | None]] = {}
    for o in measured.observations:
        if isinstance(o, MtprotoObservation):
            found.setdefault((o.endpoint.port, o.transport), []).append(o.failure)
    return found


def test_where_nothing_is_wrong_two_transports_are_enough(played: dict[str, Measurement]) -> None:
    assert tried(played["smartfren"]) == {
        (port, transport): [None] for port in (443, 80) for transport in ("obfuscated", "abridged")
    }
    assert all(o.nonce_echoed for o in played["smartfren"].observations if isinstance(o, MtprotoObservation))


def test_a_filter_of_plain_transports_shows_in_each_of_them(played: dict[str, Measurement]) -> None:
    seen = tried(played["tri"])
    assert {transport for _, transport in seen} == ALL
    silent = {transport for (_, transport), ends in seen.items() if set(ends) == {Failure.TIMEOUT}}
    assert silent == ALL - {"obfuscated"}
    assert seen[443, "abridged"] == [Failure.TIMEOUT] * 2
    assert seen[443, "obfuscated"] == [None]


def test_a_filter_of_everything_leaves_no_transport(played: dict[str, Measurement]) -> None:
    seen = tried(played["cbn"])
    assert {transport for _, transport in seen} == ALL
    assert {failure for ends in seen.values() for failure in ends} == {Failure.CONNECTION_RESET}


def test_dead_connects_are_looked_for_on_the_path_once(played: dict[str, Measurement]) -> None:
    assert tried(played["mnc"]) == {}
    (hops,) = [o for o in played["mnc"].observations if isinstance(o, HopsObservation)]
    assert hops.payload is Payload.SYN and hops.hops[0].router == "10.11.1.1"


def test_no_try_is_begun_that_the_deadline_would_cut_short(lab: LabControl, config: Config) -> None:
    """After a silence of three seconds less than one second is left: there is no second try."""
    data_centre = Target(name="dc2", kind=TargetKind.DATA_CENTRE, addresses=("149.154.167.51",))

    async def run() -> ObservationLog:
        log = ObservationLog(deadline_s=3.9)
        await measure_data_centre(
            Network("netns", "xl"), log, load_trust(config.settings.ca_file), data_centre
        )
        return log

    lab.switch("xl", "mtproto_drop", True, hosts=["dc2"])
    asked = [o for o in asyncio.run(run()).observations() if isinstance(o, MtprotoObservation)]
    assert [(o.attempt, o.failure) for o in asked] == [(1, Failure.TIMEOUT)] * 4
