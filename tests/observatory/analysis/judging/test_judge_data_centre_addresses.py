"""A data centre with several addresses, over two IP versions, and a spare port: each counts for itself."""

from dataclasses import replace

import pytest

from observatory.analysis.judging.case import Control
from observatory.analysis.judging.judge import judge_measurement
from observatory.model import State, Verdict
from observatory.reference import load_reference
from probes.records import (
    SPARE_PORT,
    Endpoint,
    Failure,
    Measurement,
    MtprotoObservation,
    TargetKind,
    TcpObservation,
)
from tests.observatory.analysis.judging.builder import CANARY6, canary, measurement

OLD, NEW, V6 = "149.154.171.5", "91.108.56.130", "2001:b28:f23f:f005::a"
PLACES = tuple(Endpoint(address=a, port=p) for a in (OLD, NEW, V6) for p in (443, 80))
TIMEOUT = Failure.TIMEOUT


def data_centre(
    *dead: Endpoint, vantage: str = "isp", failure: Failure = TIMEOUT, spare: tuple[str, ...] = ()
) -> Measurement:
    """Every place answers but the dead ones; `spare`: addresses whose spare port was tried and answers."""
    found: list[TcpObservation | MtprotoObservation] = []
    for place in (*PLACES, *(Endpoint(address=a, port=SPARE_PORT) for a in spare)):
        fails = failure if place in dead else None
        same = {"started_s": 0.0, "duration_s": 0.01, "endpoint": place}
        for attempt in (1, 2) if fails else (1,):
            found.append(TcpObservation(id=f"t{len(found)}", failure=fails, attempt=attempt, **same))
        if not fails:
            found += [
                MtprotoObservation(id=f"m{len(found)}-{t}", transport=t, nonce_echoed=True, **same)
                for t in ("obfuscated", "abridged")
            ]
    return measurement(found, target="dc5", kind=TargetKind.DATA_CENTRE, vantage=vantage)


def at(*addresses: str, ports: tuple[int, ...] = (443, 80)) -> tuple[Endpoint, ...]:
    return tuple(e for e in PLACES if e.address in addresses and e.port in ports)


def judge(
    measured: Measurement, control: Measurement | None = None, *, ipv6: bool = True, canary_works: bool = True
) -> Verdict:
    here = canary("isp", *([CANARY6] if ipv6 else []))
    if not canary_works:
        here = replace(here, observations=())
    healthy = control or data_centre(vantage="control")
    there = [Control(healthy, canary("control", CANARY6))]
    return judge_measurement(measured, here, there, reference=load_reference())


def test_all_answer() -> None:
    verdict = judge(data_centre())
    assert (verdict.state, verdict.n_ok, verdict.n_tried) == (State.OK, 6, 6)


@pytest.mark.parametrize("dead", [at(OLD), at(NEW), at(V6), at(OLD, NEW), at(OLD, ports=(443,)), at(NEW, V6)])
def test_some_are_swallowed_here_alone(dead: tuple[Endpoint, ...]) -> None:
    verdict = judge(data_centre(*dead))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "tcp.timeout")
    assert verdict.partial
    assert (verdict.n_ok, verdict.n_tried) == (6 - len(dead), 6)


@pytest.mark.parametrize("dead", [at(OLD), at(NEW), at(V6), at(OLD, NEW), at(OLD, NEW, ports=(80,))])
def test_what_answers_no_control_either_is_no_block(dead: tuple[Endpoint, ...]) -> None:
    """An address that Telegram gave up."""
    verdict = judge(data_centre(*dead), data_centre(*dead, vantage="control"))
    assert verdict.state is State.OK


@pytest.mark.parametrize("failure", [TIMEOUT, Failure.NETWORK_UNREACHABLE, Failure.CONNECTION_REFUSED])
def test_ipv6_says_nothing_where_there_is_none(failure: Failure) -> None:
    verdict = judge(data_centre(*at(V6), failure=failure), ipv6=False)
    assert (verdict.state, verdict.n_ok, verdict.n_tried) == (State.OK, 4, 4)


def test_a_spare_port_that_works_hides_no_filter_of_the_usual_ones() -> None:
    """It stands apart: no control tries it, so it is in no k of n."""
    verdict = judge(data_centre(*PLACES, spare=(OLD, NEW, V6)))
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, "tcp.timeout")
    assert verdict.partial
    assert (verdict.n_ok, verdict.n_tried) == (0, 6)


def test_a_spare_port_alone_does_not_show_that_the_line_is_well() -> None:
    """A network that lets nobody out on 443 and 80, the canary included."""
    measured = data_centre(*PLACES, failure=Failure.CONNECTION_REFUSED, spare=(OLD,))
    assert judge(measured, canary_works=False).state is State.INSUFFICIENT
