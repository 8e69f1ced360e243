"""Handshakes whose records name no address (OONI until 2022): found by events and times, or left open."""

import copy
from typing import Any

import pytest

from observatory.importers.judging import judge_imported
from observatory.importers.ooni import read_document
from probes.records import HttpObservation, TlsObservation
from tests.observatory.importers.ooni_documents import (
    CLASSIC,
    TELEGRAM,
    TELEGRAM_V6,
    certificate,
    changed,
    connect,
    control,
    handshake,
    joined,
    query,
    request,
    web,
)

THIRD = "149.154.167.98"


def shaken(t: float, failure: str | None = None, t0: float | None = None, **more: Any) -> dict[str, Any]:
    """A handshake as clients wrote it down then: no address, no transaction."""
    made = handshake(CLASSIC, TELEGRAM, "t.me", failure)
    del made["address"]
    return made | {"t": t} | ({"t0": t0} if t0 is not None else {}) | more


def at(ip: str, t: float, failure: str | None = None) -> dict[str, Any]:
    return connect(CLASSIC, ip, 443, failure) | {"t": t}


def events(*made: tuple[str, str, float]) -> list[dict[str, Any]]:
    """Operation, address of a connect, time."""
    return [
        {"operation": operation, "t": t, "failure": None}
        | ({"address": joined(ip, 443), "proto": "tcp"} if ip else {})
        for operation, ip, t in made
    ]


def page(failure: str | None = None) -> dict[str, Any]:
    made = request(CLASSIC, "https://t.me/", TELEGRAM, failure=failure)
    made.pop("address", None)
    return made


def document(
    connects: list[dict[str, Any]],
    handshakes: list[dict[str, Any]],
    *,
    failure: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    ips = tuple(dict.fromkeys(c["ip"] for c in connects))
    return changed(
        web(version=CLASSIC),
        queries=[query(CLASSIC, "t.me", *ips)],
        tcp_connect=connects,
        tls_handshakes=handshakes,
        requests=[page(failure)],
        control=control(CLASSIC, "t.me", ips),
        **more,
    )


def went_to(made: dict[str, Any]) -> list[str]:
    observations = read_document(made).parts[0].measurement.observations
    return [o.endpoint.address for o in observations if isinstance(o, TlsObservation)]


BOTH = [at(TELEGRAM, 0.2), at(TELEGRAM_V6, 0.25)]
RESET = "connection_reset"
START, DONE = "tls_handshake_start", "tls_handshake_done"


@pytest.mark.parametrize(
    ("situation", "made", "expected"),
    [
        (
            "one after the other, by events",
            document(
                BOTH,
                [shaken(0.9, RESET), shaken(0.5)],
                network_events=events(
                    ("connect", TELEGRAM, 0.2),
                    (START, "", 0.3),
                    (DONE, "", 0.5),
                    ("connect", TELEGRAM_V6, 0.25),
                    (START, "", 0.26),
                    (DONE, "", 0.9),
                ),
            ),
            [TELEGRAM_V6, TELEGRAM],
        ),
        (
            "by their start",
            document(BOTH, [shaken(0.9, RESET, t0=0.2501), shaken(0.8, t0=0.2003)]),
            [TELEGRAM_V6, TELEGRAM],
        ),
        (
            "ended before the other connect",
            document(BOTH, [shaken(0.24, RESET), shaken(0.9)]),
            [TELEGRAM, TELEGRAM_V6],
        ),
        (
            "all with one outcome",
            document(BOTH, [shaken(0.3, RESET), shaken(0.3, RESET)]),
            [TELEGRAM, TELEGRAM_V6],
        ),
        (
            "one address did not answer",
            document(
                [at(TELEGRAM, 0.2), at(TELEGRAM_V6, 0.2, "generic_timeout_error")],
                [shaken(0.3), shaken(0.3, RESET)],
            ),
            [TELEGRAM, TELEGRAM],
        ),
    ],
)
def test_the_address_is_found(situation: str, made: dict[str, Any], expected: list[str]) -> None:
    assert went_to(made) == expected, situation


@pytest.mark.parametrize(
    ("situation", "made"),
    [
        ("two outcomes at one time", document(BOTH, [shaken(0.9, RESET), shaken(0.9)])),
        ("two outcomes without times", document(BOTH, [shaken(-1), shaken(-1, RESET)])),
        ("more addresses than handshakes", document([*BOTH, at(THIRD, 0.2)], [shaken(0.9), shaken(0.9)])),
        ("more handshakes than addresses", document(BOTH, [shaken(0.9), shaken(0.9), shaken(0.9)])),
        (
            "both connected just before it began",
            document(
                [at(TELEGRAM, 0.2), at(TELEGRAM_V6, 0.203)],
                [shaken(0.9, t0=0.204), shaken(0.9, RESET, t0=0.205)],
            ),
        ),
        ("long after both were connected", document(BOTH, [shaken(0.9, t0=0.5), shaken(0.9, RESET, t0=0.5)])),
        (
            "connections that overlap",
            document(
                BOTH,
                [shaken(0.9, RESET), shaken(0.8)],
                network_events=events(
                    ("connect", TELEGRAM, 0.2),
                    ("connect", TELEGRAM_V6, 0.25),
                    (START, "", 0.3),
                    (DONE, "", 0.8),
                    (START, "", 0.3),
                    (DONE, "", 0.9),
                ),
            ),
        ),
        (
            "a handshake whose events are missing",
            document(
                BOTH,
                [shaken(0.9, RESET), shaken(0.8)],
                network_events=events(
                    ("connect", TELEGRAM, 0.2),
                    ("connect", TELEGRAM_V6, 0.25),
                    (START, "", 0.3),
                    (DONE, "", 0.8),
                ),
            ),
        ),
        (
            "two that ended at one time",
            document(
                BOTH,
                [shaken(0.9, RESET), shaken(0.9)],
                network_events=events(
                    ("connect", TELEGRAM, 0.2),
                    (START, "", 0.3),
                    (DONE, "", 0.9),
                    ("connect", TELEGRAM_V6, 0.25),
                    (START, "", 0.3),
                    (DONE, "", 0.9),
                ),
            ),
        ),
    ],
)
def test_what_could_be_either_stays_open(situation: str, made: dict[str, Any]) -> None:
    assert set(went_to(made)) == {""}, situation


def test_other_certificates_are_another_outcome() -> None:
    other = shaken(0.3, peer_certificates=[certificate("t.me", "Other CA")])
    assert set(went_to(document(BOTH, [shaken(0.3), other]))) == {""}


def test_what_is_written_down_is_not_guessed() -> None:
    known = handshake(CLASSIC, TELEGRAM_V6, "t.me", RESET)
    assert went_to(document(BOTH, [known, shaken(0.3)])) == [TELEGRAM_V6, TELEGRAM]


def test_two_addresses_are_judged_as_one_is() -> None:
    for failure, state, mechanism in ((None, "ok", None), (RESET, "likely_blocked", "tls.reset")):
        for connects in (BOTH, BOTH[:1]):
            made = document(connects, [shaken(0.3, failure) for _ in connects], failure=failure)
            verdict = judge_imported(read_document(made)).verdict
            assert (verdict.state, verdict.mechanism) == (state, mechanism)


def test_a_page_of_an_open_address_counts_only_where_every_handshake_proved_the_name() -> None:
    good = document(BOTH, [shaken(0.3), shaken(0.3)])
    (seen,) = [
        o for o in read_document(good).parts[0].measurement.observations if isinstance(o, HttpObservation)
    ]
    assert seen.endpoint.address == ""
    assert judge_imported(read_document(good)).verdict.rule_id == "http.answered"
    bad = copy.deepcopy(good)
    bad["test_keys"]["tls_handshakes"][1]["failure"] = "ssl_unknown_authority"
    assert judge_imported(read_document(bad)).verdict.rule_id != "http.answered"
