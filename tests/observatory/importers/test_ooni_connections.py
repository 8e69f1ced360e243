"""Failures of the client's own machine, told from those of the network."""

import pytest

from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.model import State
from tests.observatory.importers.ooni_documents import (
    LTE,
    TELEGRAM,
    TELEGRAM_V6,
    changed,
    connect,
    control,
    query,
    web,
)


@pytest.mark.parametrize(
    ("address", "rule_id"), [(TELEGRAM, "guard.local_firewall"), (TELEGRAM_V6, "tcp.unreachable")]
)
def test_permission_denied_is_the_machines_own_word_over_ipv4(address: str, rule_id: str) -> None:
    """Over IPv6 a router's "prohibited" ends in the same word."""
    document = changed(
        web(ip=address),
        tcp_connect=[connect(LTE, address, 443, "permission_denied")],
        tls_handshakes=[],
        requests=[],
    )
    verdict = judge_imported(read_document(document)).verdict
    assert verdict.rule_id == rule_id or (address == TELEGRAM_V6 and verdict.state is State.INSUFFICIENT)


def test_a_machine_without_ipv4_opens_the_site_over_ipv6() -> None:
    document = web(ip=TELEGRAM_V6)
    document = changed(
        document,
        queries=[query(LTE, "t.me", TELEGRAM, TELEGRAM_V6, kind="ANY")],
        tcp_connect=[
            connect(LTE, TELEGRAM, 443, "network_unreachable", n=7),
            *document["test_keys"]["tcp_connect"],
        ],
        control=control(LTE, "t.me", (TELEGRAM, TELEGRAM_V6)),
    )
    verdict = judge_imported(read_document(document)).verdict
    assert (verdict.state, verdict.n_ok, verdict.n_tried) == (State.OK, 1, 1), verdict
