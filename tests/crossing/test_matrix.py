"""Every censor and every failure of the lab × the verdict it must get."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.control import LabControl
from observatory.model import Config, State
from tests.crossing.conftest import Results, measure

pytestmark = [pytest.mark.lab, pytest.mark.slow]

OK, BLOCKED, LIKELY, IMPAIRED = State.OK, State.BLOCKED, State.LIKELY_BLOCKED, State.IMPAIRED
DOWN, INSUFFICIENT = State.DOWN, State.INSUFFICIENT

# One censor or failure an ISP, all at once: (censor, parameters, ISP, web names, data centres), the last two
# as (state, mechanism).
Expected = tuple[State, str | None]
FINE: Expected = (OK, None)
NO_WORD: Expected = (INSUFFICIENT, None)
AT_ONE_ISP: list[tuple[str, dict[str, Any], str, Expected, Expected]] = [
    ("dns_nxdomain", {}, "telkomsel", (LIKELY, "dns.nxdomain"), FINE),
    ("dns_blockpage", {}, "indihome", (BLOCKED, "dns.injection.blockpage"), FINE),
    ("dns_bogon", {}, "xl", (BLOCKED, "dns.injection.bogon"), FINE),
    ("dns_hijack", {}, "indosat", (BLOCKED, "dns.injection.blockpage"), FINE),
    ("dns_injection", {}, "tri", (BLOCKED, "dns.injection.blockpage"), FINE),
    ("sni_reset", {}, "smartfren", (LIKELY, "tls.reset.sni"), FINE),
    ("sni_drop", {}, "biznet", (LIKELY, "tls.timeout.sni"), FINE),
    ("ip_blackhole", {}, "firstmedia", (LIKELY, "tcp.timeout"), FINE),
    ("ip_reject", {}, "myrepublic", (LIKELY, "ip.unreachable"), FINE),
    ("http_blockpage", {}, "cbn", (BLOCKED, "http.blockpage"), FINE),
    ("http_redirect", {}, "mnc", (BLOCKED, "http.redirect"), FINE),
    ("tls_mitm", {}, "iconplus", (BLOCKED, "tls.mitm.unknown_ca"), FINE),
    ("throttle", {}, "gmedia", (IMPAIRED, "ip.throttle"), FINE),
    ("quic_drop", {}, "iforte", (LIKELY, "quic.timeout"), FINE),
]
MORE_AT_ONE_ISP: list[tuple[str, dict[str, Any], str, Expected, Expected]] = [
    ("dc_443_drop", {}, "telkomsel", FINE, (LIKELY, "tcp.timeout")),
    ("dc_drop", {}, "indihome", FINE, (LIKELY, "tcp.timeout")),
    ("resolver_broken", {"mode": "servfail"}, "xl", NO_WORD, FINE),
    ("resolver_broken", {"mode": "timeout"}, "indosat", NO_WORD, FINE),
    ("resolver_broken", {"mode": "refused"}, "tri", NO_WORD, FINE),
    ("vantage_offline", {}, "smartfren", NO_WORD, NO_WORD),
    ("captive_portal", {}, "cbn", NO_WORD, NO_WORD),
    ("geoblock_403", {}, "mnc", (IMPAIRED, "http.error"), FINE),
    ("packet_loss", {"percent": 5}, "biznet", FINE, FINE),
    ("delay", {"ms": 300}, "firstmedia", FINE, FINE),
]
EVERYWHERE: list[tuple[str, str, Expected]] = [
    ("origin_down", "t.me", (DOWN, None)),
    ("origin_down", "venus.web.telegram.org", (DOWN, None)),
    ("expired_certificate", "web.telegram.org", (DOWN, None)),
    ("name_retired", "flora-1.web.telegram.org", (DOWN, None)),
    ("wrong_certificate", "core.telegram.org", (DOWN, None)),
    ("origin_refused", "pluto.web.telegram.org", (DOWN, None)),
]
WEB = ["t.me", "telegram.org", "venus.web.telegram.org"]
CENTRES = ["dc2", "dc5"]


def outcome(results: Results, vantage: str, target: str) -> Expected:
    verdict = results[vantage, target].verdict
    return verdict.state, verdict.mechanism


def switched(
    lab: LabControl, config: Config, rows: list[tuple[str, dict[str, Any], str, Expected, Expected]]
) -> Iterator[Results]:
    lab.reset()
    for censor, parameters, isp, _, _ in rows:
        lab.switch(isp, censor, True, **parameters)
    yield measure(config, [row[2] for row in rows], ["web", "telegram-app"])
    lab.reset()


@pytest.fixture(scope="module")
def first_results(lab: LabControl, config: Config) -> Iterator[Results]:
    yield from switched(lab, config, AT_ONE_ISP)


@pytest.fixture(scope="module")
def more_results(lab: LabControl, config: Config) -> Iterator[Results]:
    yield from switched(lab, config, MORE_AT_ONE_ISP)


def check(results: Results, isp: str, web: Expected, centres: Expected) -> None:
    for target, expected in [*((t, web) for t in WEB), *((t, centres) for t in CENTRES)]:
        assert outcome(results, isp, target) == expected, results[isp, target].verdict


@pytest.mark.parametrize("row", AT_ONE_ISP, ids=lambda row: str(row[0]))
def test_censor_is_named(row: tuple[str, Any, str, Expected, Expected], first_results: Results) -> None:
    check(first_results, *row[2:])


@pytest.mark.parametrize("row", MORE_AT_ONE_ISP, ids=lambda row: f"{row[0]} {row[1]}")
def test_failure_is_named(row: tuple[str, Any, str, Expected, Expected], more_results: Results) -> None:
    check(more_results, *row[2:])


@pytest.mark.parametrize(("failure", "host", "expected"), EVERYWHERE)
def test_what_fails_everywhere_is_down_and_nothing_else_is(
    failure: str, host: str, expected: Expected, lab: LabControl, config: Config
) -> None:
    lab.reset()
    lab.switch(None, failure, True, hosts=[host])
    try:
        results = measure(config, ["xl", "control-sg"], [host, "telegram.org"])
    finally:
        lab.reset()
    for vantage in ("xl", "control-sg"):
        assert outcome(results, vantage, host) == expected, results[vantage, host].verdict
        assert outcome(results, vantage, "telegram.org") == FINE


def test_nothing_wrong_is_ok_everywhere(lab: LabControl, config: Config) -> None:
    lab.reset()
    results = measure(config, [], [])
    assert len(results) == 15 * 17
    assert {key: outcome(results, *key) for key in results if outcome(results, *key) != FINE} == {}


def test_some_names_are_blocked_and_the_others_are_not(lab: LabControl, config: Config) -> None:
    """A block per name: neighbours at the same address stay ok."""
    lab.reset()
    lab.switch("xl", "sni_reset", True, hosts=["t.me"])
    lab.switch("tri", "dns_injection", True, hosts=["telegram.org"])
    try:
        results = measure(config, ["xl", "tri"], ["web"])
    finally:
        lab.reset()
    wrong = {
        key: outcome(results, *key)
        for key in results
        if key not in {("xl", "t.me"), ("tri", "telegram.org")} and outcome(results, *key) != FINE
    }
    assert wrong == {}
    assert outcome(results, "xl", "t.me") == (LIKELY, "tls.reset.sni")
    assert outcome(results, "tri", "telegram.org") == (BLOCKED, "dns.injection.blockpage")


def test_everything_measured_here_is_marked_emulated(lab: LabControl, config: Config) -> None:
    results = measure(config, ["xl"], ["dc2"])
    assert all(r.measurement.emulated for r in results.values())
    assert results["xl", "dc2"].measurement.trust.startswith("ca_file sha256:")
