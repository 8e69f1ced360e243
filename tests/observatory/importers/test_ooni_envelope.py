"""Whose resolver answered: the network's own, or one of the customer's choice."""

from typing import Any

import pytest

from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from observatory.model import State
from probes.records import DnsObservation, Resolver
from tests.observatory.importers.ooni_documents import LTE, query, web

ELSEWHERE = {"resolver_asn": "AS212772", "resolver_network_name": "Filters"}
OWN = {"resolver_asn": "AS23693", "resolver_network_name": "PT. Telekomunikasi Selular"}


def resolvers_of(document: dict[str, Any]) -> set[Resolver]:
    observations = read_document(document).parts[0].measurement.observations
    return {o.resolver for o in observations if isinstance(o, DnsObservation)}


@pytest.mark.parametrize(
    ("situation", "keys", "is_chosen"),
    [
        ("the provider's own", OWN, False),
        (
            "a filtering service elsewhere",
            ELSEWHERE,
            True,
        ),
        ("not known", OWN | {"resolver_asn": "AS0"}, False),
        ("not said", OWN | {"resolver_asn": None}, False),
        ("another AS of the same provider", OWN | {"resolver_asn": "AS7713"}, False),
    ],
)
def test_whose_resolver_it_was(situation: str, keys: dict[str, Any], is_chosen: bool) -> None:
    document = web() | keys
    assert (Resolver.CHOSEN in resolvers_of(document)) is is_chosen
    assert (Resolver.VANTAGE in resolvers_of(document)) is not is_chosen


def test_a_resolver_outside_the_network_accuses_nobody() -> None:
    document = web() | OWN
    document["test_keys"]["queries"] = [query(LTE, "t.me", "0.0.0.0")]
    assert judge_imported(read_document(document)).verdict.state is State.BLOCKED
    document |= ELSEWHERE
    assert judge_imported(read_document(document)).verdict.rule_id == "dns.chosen_resolver"
