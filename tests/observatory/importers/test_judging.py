"""Other networks of the same file stand in where a document brings no control of its own."""

from dataclasses import replace
from typing import Any

import pytest

from observatory.analysis.judging.controls import MAX_PEERS
from observatory.importers import judging
from observatory.importers.imported import Part
from observatory.importers.judging import MAX_OF_SPAN, Peers, judge_imported
from observatory.importers.ooni import read_document
from observatory.model import StandIn, State
from tests.observatory.importers.ooni_documents import LTE, changed, telegram, web
from tests.observatory.importers.test_ooni_situations import (
    block_page_on_port_80,
    denied,
    helper_failed,
    telegram_web_fails,
    telegram_with_strangers,
)


def of_network(document: dict[str, Any], asn: int) -> dict[str, Any]:
    return document | {"probe_asn": f"AS{asn}", "measurement_uid": f"{document['input']}-{asn}"}


def without_helper(document: dict[str, Any]) -> dict[str, Any]:
    return changed(document, control_failure=None, control=None)


def at(document: dict[str, Any], time: str) -> dict[str, Any]:
    return document | {"measurement_start_time": f"2024-02-14 {time}"}


def alone_in(asn: int = 1) -> dict[str, Any]:
    """What only a comparison can settle: the name is denied, and the helper did not answer."""
    return of_network(helper_failed(denied("0.5.28", "https://t.me/")), asn)


@pytest.mark.parametrize(
    ("situation", "other"),
    [
        ("the same network", of_network(web(), 1)),
        ("a network that saw a block page beside the target", of_network(block_page_on_port_80(LTE), 4)),
        ("a network that was denied the name too", of_network(denied("0.5.28", "https://t.me/"), 2)),
        ("another target", of_network(web("https://telegram.org/"), 3)),
        ("an unknown network", of_network(web(), 0)),
        ("over a quarter of an hour later", at(of_network(web(), 9), "09:22:31")),
        ("over a quarter of an hour before", at(of_network(web(), 9), "08:51:00")),
    ],
)
def test_who_stands_in_for_nobody(situation: str, other: dict[str, Any]) -> None:
    peers = Peers()
    peers.note(read_document(other))
    verdict = judge_imported(read_document(alone_in()), peers).verdict
    assert StandIn.PEER not in verdict.stand_ins, situation
    assert verdict == judge_imported(read_document(alone_in())).verdict


@pytest.mark.parametrize("time", ["08:55:00", "09:16:00", "09:21:17"])
def test_who_proved_it_within_a_quarter_of_an_hour_stands_in(time: str) -> None:
    peers = Peers()
    peers.note(read_document(at(of_network(web(), 9), time)))
    verdict = judge_imported(read_document(alone_in()), peers).verdict
    assert StandIn.PEER in verdict.stand_ins


def test_three_other_networks_that_proved_the_target_stand_in() -> None:
    peers = Peers()
    for asn in range(20, 30):
        peers.note(read_document(of_network(web(), asn)))
    verdict = judge_imported(read_document(alone_in()), peers).verdict
    assert StandIn.PEER in verdict.stand_ins
    assert len(verdict.controls) == MAX_PEERS


def test_room_for_peers_is_bounded() -> None:
    """Enough of each span for an asker of any network, and never more of one network than is used."""
    peers = Peers()
    for number, asn in enumerate([1] * 5 + list(range(20, 30))):
        peers.note(read_document(of_network(web(), asn) | {"measurement_uid": f"seen-{number}"}))
    near = peers.near(read_document(alone_in()).parts[0].measurement)
    assert len(near) == MAX_OF_SPAN
    assert sum(peer.asn == 1 for peer in near) == MAX_PEERS


def test_the_nearest_of_a_network_stands_in_whatever_came_first_in_the_file() -> None:
    peers = Peers()
    for time in ("09:04:00", "09:07:00", "09:08:00", "09:06:30"):
        peers.note(read_document(at(of_network(web(), 20), time) | {"measurement_uid": time}))
    asked = read_document(alone_in())
    near = {m.id: m.started_at for m in peers.near(asked.parts[0].measurement)}
    verdict = judge_imported(asked, peers).verdict
    distances = [abs(near[id_] - asked.parts[0].measurement.started_at) for id_ in verdict.controls]
    assert len(near) == 4
    assert distances == sorted(abs(t - asked.parts[0].measurement.started_at) for t in near.values())[:3]


def test_whatever_comes_out_ok_stands_in_as_in_a_store() -> None:
    """The rules decide what is ok; no second opinion is asked."""
    found = read_document(of_network(web(), 20))
    tcp_alone = replace(found.parts[0].measurement, observations=())
    peers = Peers()
    with pytest.MonkeyPatch.context() as patched:
        ok = judge_imported(found).verdict
        patched.setattr(judging, "judge_by_current_rules", lambda *_: ok)
        peers.note(replace(found, parts=(Part(measurement=tcp_alone),)))
    assert len(peers.near(tcp_alone)) == 1


def test_a_document_with_a_control_of_its_own_needs_no_peers() -> None:
    peers = Peers()
    peers.note(read_document(of_network(web(), 20)))
    judged = judge_imported(read_document(denied("0.5.28", "https://t.me/")), peers)
    assert StandIn.PEER not in judged.verdict.stand_ins
    alone = judge_imported(read_document(without_helper(denied("0.5.28", "https://t.me/"))), peers)
    assert StandIn.PEER in alone.verdict.stand_ins


def test_a_healthy_document_needs_no_peers() -> None:
    peers = Peers()
    peers.note(read_document(of_network(web(), 20)))
    judged = judge_imported(read_document(without_helper(web())), peers)
    assert judged.verdict.state is State.OK
    assert StandIn.PEER not in judged.verdict.stand_ins


def test_peers_never_turn_a_healthy_document_bad() -> None:
    peers = Peers()
    peers.note(read_document(of_network(telegram(), 20)))
    assert judge_imported(read_document(telegram()), peers).verdict.state == "ok"


@pytest.mark.parametrize(
    ("document", "target", "mechanism"),
    [
        (telegram_web_fails("connection_refused"), "web.telegram.org", None),
        (telegram_with_strangers(302, ("Location", "http://notice.isp.example/")), "dc1", "http.redirect"),
        (telegram_with_strangers(200), "dc1", "mtproto.garbage"),
    ],
)
def test_a_part_that_another_network_reached_is_likely_blocked(
    document: dict[str, Any], target: str, mechanism: str | None
) -> None:
    peers = Peers()
    peers.note(read_document(of_network(telegram(), 9)))
    judged = judge_imported(read_document(of_network(document, 1)), peers)
    verdict = dict(judged.parts)[target]
    assert (verdict.state, verdict.mechanism) == (State.LIKELY_BLOCKED, mechanism)
    assert judged.verdict.state is State.LIKELY_BLOCKED
