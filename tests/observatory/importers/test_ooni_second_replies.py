"""Later replies to one query, kept by clients under two keys of their own, are observations: races show."""

from typing import Any

import pytest

from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from probes.records import DnsObservation, Failure
from tests.observatory.importers.ooni_documents import LTE, TELEGRAM, changed, query, web

# Not of Telegram, and not the one that raced it first.
FORGED, OTHER = "31.13.94.37", "208.101.21.43"
KEYS = ("x_dns_duplicate_responses", "x_dns_late_replies")
TIMEOUT = "generic_timeout_error"


def udp(*ips: str, server: str = "8.8.8.8:53", t: float = 0.06, n: int = 1, **more: Any) -> dict[str, Any]:
    made = query(LTE, "t.me", *ips, engine="udp", server=server, **more)
    return made | {"t0": 0.01, "t": t, "transaction_id": n}


def observed(*queries: dict[str, Any], **later: list[dict[str, Any]]) -> list[DnsObservation]:
    document = changed(web(), queries=[query(LTE, "t.me", TELEGRAM), *queries], **later)
    observations = read_document(document).parts[0].measurement.observations
    return [o for o in observations if isinstance(o, DnsObservation)]


def addresses(observation: DnsObservation) -> list[tuple[str, ...]]:
    return [answer.addresses for answer in observation.answers]


@pytest.mark.parametrize("key", KEYS)
def test_later_replies_are_further_answers_to_the_query(key: str) -> None:
    later = [udp(OTHER, t=0.07), udp(TELEGRAM, t=0.08), udp(FORGED, server="9.9.9.9:53")]
    system, raced, alone = observed(udp(FORGED), **{key: later})
    assert addresses(system) == [(TELEGRAM,)]
    assert addresses(raced) == [(FORGED,), (OTHER,), (TELEGRAM,)]
    assert [answer.arrived_s for answer in raced.answers] == [0.05, 0.06, 0.07]
    # Nobody wrote down the query to this resolver.
    assert (alone.server.address, addresses(alone)) == ("9.9.9.9", [(FORGED,)])


def test_queries_alike_are_told_apart_by_their_transactions() -> None:
    first, second = udp(FORGED, n=1), udp(TELEGRAM, n=2)
    _, *found = observed(first, second, x_dns_duplicate_responses=[udp(OTHER, n=2)])
    assert [addresses(o) for o in found] == [[(FORGED,)], [(TELEGRAM,), (OTHER,)]]
    _, *found = observed(first, second, x_dns_duplicate_responses=[udp(OTHER, n=3)])
    assert [addresses(o) for o in found] == [[(FORGED,)], [(TELEGRAM,)], [(OTHER,)]]


def test_a_reply_after_the_client_had_stopped_waiting_is_no_silence() -> None:
    silent = udp(failure=TIMEOUT, t=5.0)
    assert observed(silent)[1].failure is Failure.TIMEOUT
    (_, late) = observed(silent, x_dns_late_replies=[udp(TELEGRAM, t=6.0)])
    assert (late.failure, late.detail, addresses(late)) == (None, TIMEOUT, [(TELEGRAM,)])
    (_, denied) = observed(silent, x_dns_late_replies=[udp(failure="dns_nxdomain_error", t=6.0)])
    assert (denied.failure, denied.answers[0].rcode) == (Failure.DNS_NXDOMAIN, "NXDOMAIN")


def test_another_name_is_none_of_ours() -> None:
    other = udp(OTHER) | {"hostname": "telegram.org"}
    assert len(observed(udp(TELEGRAM), x_dns_duplicate_responses=[other])) == 2


@pytest.mark.parametrize("key", KEYS)
def test_a_race_is_an_artefact_and_a_reply_sent_twice_is_none(key: str) -> None:
    def verdict(first: str, *later: str) -> Any:
        made = changed(
            web(),
            queries=[query(LTE, "t.me", first), udp(first)],
            **{key: [udp(ip, t=0.07) for ip in later]},
        )
        return judge_imported(read_document(made)).verdict

    raced = verdict(FORGED, OTHER, TELEGRAM)
    assert (raced.state, raced.mechanism) == ("blocked", "dns.injection.other")
    assert verdict(TELEGRAM, TELEGRAM).state == "ok"
    assert verdict(FORGED).state != "blocked"
