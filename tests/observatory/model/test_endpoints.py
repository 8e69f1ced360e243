"""How much of a data centre answered, by IP version."""

import pytest

from observatory.model.endpoints import EndpointCount, count_endpoints
from observatory.text import LANGUAGES, load_text
from observatory.views.measurement_words import endpoint_words
from probes.records import Failure
from tests.observatory.analysis.judging import builder as b
from tests.observatory.analysis.judging.test_judge_data_centre_addresses import (
    NEW,
    OLD,
    PLACES,
    V6,
    at,
    data_centre,
)


def counted(ip_version: int, n_ok: int, n_tried: int) -> EndpointCount:
    return EndpointCount(ip_version=ip_version, n_ok=n_ok, n_tried=n_tried)


def test_each_ip_version_is_counted_for_itself() -> None:
    assert count_endpoints(data_centre(*at(OLD))) == (counted(4, 2, 4), counted(6, 2, 2))
    assert count_endpoints(data_centre(*at(V6))) == (counted(4, 4, 4), counted(6, 0, 2))


def test_the_spare_port_is_in_no_count() -> None:
    assert count_endpoints(data_centre(*PLACES, spare=(OLD, NEW, V6))) == (counted(4, 0, 4), counted(6, 0, 2))


def test_an_ip_version_without_a_way_out_was_not_tried() -> None:
    measured = data_centre(*at(V6), failure=Failure.NETWORK_UNREACHABLE)
    assert count_endpoints(measured) == (counted(4, 4, 4),)


def test_hosts_have_none() -> None:
    assert count_endpoints(b.host()) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentences_have_the_numbers(language: str) -> None:
    four, six = endpoint_words(data_centre(*at(OLD)), load_text(language))
    assert "IPv4" in four and "2" in four and "4" in four
    assert "IPv6" in six
