"""Other networks of the same file stand in where a document brings no control of its own."""

from typing import Any

from observatory.importers.judging import MAX_PEERS, Peers, judge_imported
from observatory.importers.ooni import read_document
from observatory.model import StandIn
from tests.observatory.importers.ooni_documents import changed, telegram, web
from tests.observatory.importers.test_ooni_situations import denied, helper_failed


def of_network(document: dict[str, Any], asn: int) -> dict[str, Any]:
    return document | {"probe_asn": f"AS{asn}", "measurement_uid": f"{document['input']}-{asn}"}


def without_helper(document: dict[str, Any]) -> dict[str, Any]:
    return changed(document, control_failure=None, control=None)


def test_only_proofs_of_other_networks_in_the_same_hour_count() -> None:
    peers = Peers()
    asker = read_document(of_network(helper_failed(denied("0.5.28", "https://t.me/")), 1))
    later = of_network(web(), 9) | {"measurement_start_time": "2024-02-14 12:00:00"}
    for document in (
        of_network(web(), 1),
        of_network(denied("0.5.28", "https://t.me/"), 2),
        of_network(web("https://telegram.org/"), 3),
        of_network(web(), 0),
        later,
    ):
        peers.note(read_document(document))
    assert peers.find(asker.parts[0].measurement) == ()
    for asn in range(20, 30):
        peers.note(read_document(of_network(web(), asn)))
    found = peers.find(asker.parts[0].measurement)
    assert len(found) == MAX_PEERS
    assert all(control.peer and control.measurement.asn >= 20 for control in found)


def test_a_document_with_a_control_of_its_own_needs_no_peers() -> None:
    peers = Peers()
    peers.note(read_document(of_network(web(), 20)))
    judged = judge_imported(read_document(denied("0.5.28", "https://t.me/")), peers)
    assert StandIn.PEER not in judged.verdict.stand_ins
    alone = judge_imported(read_document(without_helper(web())), peers)
    assert StandIn.PEER in alone.verdict.stand_ins


def test_peers_never_turn_a_healthy_document_bad() -> None:
    peers = Peers()
    peers.note(read_document(of_network(telegram(), 20)))
    assert judge_imported(read_document(telegram()), peers).verdict.state == "ok"
