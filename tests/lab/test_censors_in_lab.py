"""Each censor's raw effect, with real packets, and that off leaves nothing of it."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import world
from lab.censors import CENSORS
from lab.control import LabControl, LabControlError
from lab.settings import Aim, Scope
from tests.lab.client import Customer, lab_ca

pytestmark = pytest.mark.lab

NOTICE = world.ISPS["xl"].notice_address
TELEGRAM = "149.154.167.99"
GENUINE = "200 Telegram: Join Group Chat"
SELF = "301 https://t.me/"
MISMATCH = "certificate: Hostname mismatch, certificate is not valid for 't.me'."

# What a customer of XL can look at, by name.
Look = Callable[[Customer], object]
LOOKS: dict[str, Look] = {
    "own resolver": lambda c: c.ask("t.me"),
    "own resolver over TCP": lambda c: c.ask_tcp("t.me"),
    "public resolver": lambda c: c.ask("t.me", world.PUBLIC_RESOLVER),
    "public resolver over TCP": lambda c: c.ask_tcp("t.me", world.PUBLIC_RESOLVER),
    "no resolver at all": lambda c: c.ask("t.me", world.CANARY_ADDRESS),
    "DNS over TLS": lambda c: c.ask_tcp("t.me", world.PUBLIC_RESOLVER, 853, lab_ca()),
    "t.me": lambda c: c.tls("t.me"),
    "telegram.org": lambda c: c.tls("telegram.org"),
    "venus": lambda c: c.tls("venus.web.telegram.org"),
    "web app": lambda c: c.web_app("venus.web.telegram.org"),
    "harmless name there": lambda c: c.tls(world.CANARY, address=TELEGRAM),
    "canary": lambda c: c.tls(world.CANARY),
    "http": lambda c: c.http("t.me"),
    "http telegram.org": lambda c: c.http("telegram.org"),
    "quic": lambda c: c.quic(TELEGRAM),
    "http3": lambda c: c.http3("t.me"),
    "http3 telegram.org": lambda c: c.http3("telegram.org"),
    "dc2:443": lambda c: c.mtproto("dc2"),
    "dc2:80": lambda c: c.mtproto("dc2", 80),
    "dc2 obfuscated": lambda c: c.mtproto("dc2", obfuscated=True),
    "dns.google": lambda c: c.tls(world.PUBLIC_RESOLVER_NAME),
}
CLEAN = {
    "own resolver": [TELEGRAM],
    "own resolver over TCP": TELEGRAM,
    "public resolver": [TELEGRAM],
    "public resolver over TCP": TELEGRAM,
    "no resolver at all": [],
    "DNS over TLS": TELEGRAM,
    "t.me": GENUINE,
    "telegram.org": "200 Telegram Messenger",
    "venus": "200 Telegram Web: Venus",
    "web app": "resPQ",
    # The address is Telegram's: it shows the certificate of telegram.org, after a whole handshake.
    "harmless name there": (
        "certificate: Hostname mismatch, certificate is not valid for 'control.example'."
    ),
    "canary": "200 Control Example: a page nobody blocks",
    "http": SELF,
    "http telegram.org": "301 https://telegram.org/",
    "quic": "version negotiation",
    "http3": GENUINE,
    "http3 telegram.org": "200 Telegram Messenger",
    "dc2:443": "resPQ",
    "dc2:80": "resPQ",
    "dc2 obfuscated": "resPQ",
    # It serves DNS over HTTPS and no page.
    "dns.google": "404 404 Not Found",
}
ALL_QUIC = ("quic", "http3", "http3 telegram.org")
DC5_V6 = "2001:b28:f23f:f005::a"
SAME_ADDRESS = ("t.me", "telegram.org", "harmless name there")
CDN = world.CDN_ADDRESSES["xl"], world.CDN_ADDRESSES[world.PUBLIC_RESOLVER_NAME]
UNTRUSTED = "certificate: unable to get local issuer certificate"
# Censor -> (hosts, params, what a customer then sees otherwise than when clean).
EFFECTS: dict[str, tuple[list[str] | None, dict[str, int | str], Mapping[str, object]]] = {
    "dns_nxdomain": (["t.me"], {}, {"own resolver": ["NXDOMAIN"], "own resolver over TCP": "NXDOMAIN"}),
    "dns_blockpage": (["t.me"], {}, {"own resolver": [NOTICE], "own resolver over TCP": NOTICE}),
    "dns_bogon": (
        ["t.me"],
        {"address": "10.1.2.3"},
        {"own resolver": ["10.1.2.3"], "own resolver over TCP": "10.1.2.3"},
    ),
    "dns_refused": (["t.me"], {}, {"own resolver": ["REFUSED"], "own resolver over TCP": "REFUSED"}),
    "dns_servfail": (["t.me"], {}, {"own resolver": ["SERVFAIL"], "own resolver over TCP": "SERVFAIL"}),
    "dns_timeout": (["t.me"], {}, {"own resolver": [], "own resolver over TCP": "timeout"}),
    "dns_no_answer": (["t.me"], {}, {"own resolver": ["NOERROR"], "own resolver over TCP": "NOERROR"}),
    "dns_cname_blockpage": (
        ["t.me"],
        {},
        {
            "own resolver": [f"blockpage.xl.co.id.,{NOTICE}"],
            "own resolver over TCP": f"blockpage.xl.co.id.,{NOTICE}",
        },
    ),
    "dns_other": (
        ["t.me"],
        {},
        {
            "own resolver": [world.CANARY_ADDRESS],
            "own resolver over TCP": world.CANARY_ADDRESS,
        },
    ),
    "dns_hijack": (
        ["t.me"],
        {},
        {
            "own resolver": [NOTICE],
            "own resolver over TCP": NOTICE,
            "public resolver": [NOTICE],
            "public resolver over TCP": NOTICE,
            "no resolver at all": [NOTICE],
        },
    ),
    "dns_injection": (
        ["t.me"],
        {},
        {
            "own resolver": [NOTICE, TELEGRAM],
            "public resolver": [NOTICE, TELEGRAM],
            "no resolver at all": [NOTICE],
        },
    ),
    "dns_udp_drop": (["t.me"], {}, {"own resolver": [], "public resolver": []}),
    "sni_reset": (["t.me"], {}, {"t.me": "reset"}),
    "sni_drop": (["t.me"], {}, {"t.me": "timeout"}),
    "sni_alert": (["t.me"], {}, {"t.me": "alert"}),
    "tls_reset": (["t.me"], {}, dict.fromkeys(SAME_ADDRESS, "reset")),
    "tls_drop": (["t.me"], {}, dict.fromkeys(SAME_ADDRESS, "timeout")),
    "tls_stall": (["t.me"], {}, {"t.me": "timeout after the handshake"}),
    "ip_refused": (
        ["t.me", "dc2"],
        {},
        dict.fromkeys((*SAME_ADDRESS, "http", "http telegram.org"), "refused")
        | dict.fromkeys(("dc2:443", "dc2:80", "dc2 obfuscated"), "refused"),
    ),
    "http_forbidden": (["t.me"], {}, {"http": "403 403"}),
    "http_reset": (["t.me"], {}, {"http": "reset"}),
    "http_drop": (["t.me"], {}, {"http": "timeout"}),
    "ip_blackhole": (
        ["t.me"],
        {},
        dict.fromkeys((*SAME_ADDRESS, "http", "http telegram.org", *ALL_QUIC), "timeout"),
    ),
    "ip_reject": (
        ["t.me", "dc2"],
        {},
        dict.fromkeys(
            (
                "t.me",
                "telegram.org",
                "harmless name there",
                "http",
                "http telegram.org",
                "quic",
                "dc2:443",
                "dc2:80",
                "dc2 obfuscated",
            ),
            "host unreachable",
        )
        | dict.fromkeys(("http3", "http3 telegram.org"), "timeout"),
    ),
    "http_blockpage": (["t.me"], {}, {"http": "200 XL Axiata - Situs Diblokir"}),
    "http_redirect": (["t.me"], {}, {"http": "302 http://internet-positif.org/"}),
    "tls_mitm": (
        ["t.me"],
        {},
        dict.fromkeys(("t.me", "telegram.org", "harmless name there"), UNTRUSTED),
    ),
    "throttle": (["t.me"], {}, {}),
    "sni_throttle": (["t.me"], {}, {}),
    "slow_line": (None, {}, {}),
    "dc_443_drop": (None, {}, {"dc2:443": "timeout", "dc2 obfuscated": "timeout"}),
    "dc_drop": (["dc2"], {}, dict.fromkeys(("dc2:443", "dc2:80", "dc2 obfuscated"), "timeout")),
    "mtproto_drop": (["dc2"], {}, dict.fromkeys(("dc2:443", "dc2:80", "dc2 obfuscated"), "timeout")),
    "mtproto_reset": (
        ["dc2"],
        {"transports": "plain"},
        dict.fromkeys(("dc2:443", "dc2:80"), "reset"),
    ),
    "mtproto_garbage": (
        ["dc2"],
        {"transports": "plain"},
        dict.fromkeys(("dc2:443", "dc2:80"), "something else"),
    ),
    "doh_drop": (None, {}, {"DNS over TLS": "timeout", "dns.google": "timeout"}),
    "quic_drop": (["t.me"], {}, dict.fromkeys(ALL_QUIC, "timeout")),
    "quic_sni_drop": (["t.me"], {}, {"http3": "timeout"}),
    "origin_down": (["t.me"], {}, dict.fromkeys(("t.me", "http", "http3"), "timeout")),
    "origin_refused": (
        ["venus.web.telegram.org", "dc2"],
        {},
        dict.fromkeys(("venus", "web app", "dc2:443", "dc2:80", "dc2 obfuscated"), "refused"),
    ),
    "expired_certificate": (
        ["t.me"],
        {},
        {"t.me": "certificate: certificate has expired", "http3": "alert 45"},
    ),
    "wrong_certificate": (["t.me"], {}, {"t.me": MISMATCH, "http3": "alert 42"}),
    "name_retired": (
        ["t.me"],
        {},
        {"own resolver": ["NXDOMAIN"], "public resolver": ["NXDOMAIN"]}
        | dict.fromkeys(
            ("own resolver over TCP", "public resolver over TCP", "DNS over TLS"),
            "NXDOMAIN",
        ),
    ),
    "aaaa_only": (
        ["t.me"],
        {},
        {"own resolver": ["NOERROR"], "public resolver": ["NOERROR"]}
        | dict.fromkeys(
            ("own resolver over TCP", "public resolver over TCP", "DNS over TLS"),
            "NOERROR",
        ),
    ),
    "resolver_broken": (
        None,
        {"mode": "refused"},
        {"own resolver": ["REFUSED"], "own resolver over TCP": "REFUSED"},
    ),
    "resolver_truncates": (None, {}, {"own resolver": ["NOERROR"]}),
    "web_app_filter": (["venus.web.telegram.org"], {}, {"web app": "timeout"}),
    "web_app_retired": (["venus.web.telegram.org"], {}, {"web app": "HTTP 403"}),
    "transport_error": (
        ["dc2"],
        {"code": 404},
        dict.fromkeys(("dc2:443", "dc2:80", "dc2 obfuscated"), "something else"),
    ),
    "vantage_offline": (None, {}, {"t.me": "timeout", "canary": "timeout", "dc2:80": "timeout"}),
    # IPv4 is not affected; tests/lab/test_censors_ipv6_in_lab.py has the rest.
    "ipv6_broken": (None, {}, {}),
    "packet_loss": (None, {"percent": 100}, {"t.me": "timeout", "canary": "timeout"}),
    "delay": (None, {"ms": 40}, {}),
    "captive_portal": (
        None,
        {},
        dict.fromkeys(("http", "http telegram.org"), "302 http://192.0.2.1/login")
        | dict.fromkeys((*SAME_ADDRESS, "venus", "web app", "canary", "dc2:443", "dc2 obfuscated"), "refused")
        | dict.fromkeys(ALL_QUIC, "timeout")
        | {"dns.google": "refused"}
        # Not HTTP: the portal waits for a request that never comes.
        | {"dc2:80": "timeout"},
    ),
    "geoblock_403": (["t.me"], {}, dict.fromkeys(("t.me", "http3"), "403 403 Forbidden")),
    "captcha": (["t.me"], {}, dict.fromkeys(("t.me", "http3"), "403 Just a moment...")),
    "server_stall": (["t.me"], {}, dict.fromkeys(("t.me", "http3"), "timeout after the handshake")),
    "site_redirect": (
        ["t.me"],
        {"to": "core.telegram.org"},
        {"t.me": "302 https://core.telegram.org/", "http3": "302 302 Found"},
    ),
    "dns_proxy": (None, {}, {"no resolver at all": [TELEGRAM]}),
    "company_proxy": (
        None,
        {},
        dict.fromkeys((*SAME_ADDRESS, "venus", "web app", "canary", "dns.google"), UNTRUSTED)
        | dict.fromkeys(ALL_QUIC, "timeout"),
    ),
    "local_firewall": (
        ["t.me"],
        {},
        dict.fromkeys((*SAME_ADDRESS, "http", "http telegram.org"), "timeout"),
    ),
    "cdn_rotation": (
        ["t.me"],
        {},
        {
            "own resolver": [CDN[0]],
            "own resolver over TCP": CDN[0],
            "public resolver": [CDN[1]],
            "public resolver over TCP": CDN[1],
            "DNS over TLS": CDN[1],
        },
    ),
}
# Where everything goes silent, only what is named above is looked at: waiting for a timeout is slow.
DARK = {"vantage_offline", "packet_loss"}


def look(customer: Customer, names: Iterable[str] = tuple(LOOKS)) -> dict[str, object]:
    """Look at everything named, side by side: namespaces are entered per thread."""
    wanted = [name for name in LOOKS if name in set(names)]
    with ThreadPoolExecutor(max_workers=len(LOOKS)) as pool:
        return dict(zip(wanted, pool.map(lambda name: LOOKS[name](customer), wanted), strict=True))


def switch(control: LabControl, censor: str, on: bool) -> None:
    hosts, params, _ = EFFECTS[censor]
    isp = None if CENSORS[censor].scope is Scope.EVERYONE else "xl"
    control.switch(isp, censor, on, hosts, **(params if on else {}))


def test_every_censor_has_its_effect_written_down() -> None:
    assert set(EFFECTS) == set(CENSORS)


def test_clean(control: LabControl, xl: Customer) -> None:
    assert look(xl) == CLEAN


@pytest.mark.slow
@pytest.mark.parametrize("censor", EFFECTS)
def test_censor_on_and_off(control: LabControl, xl: Customer, censor: str) -> None:
    changed = EFFECTS[censor][2]
    watched = set(changed) if censor in DARK else set(LOOKS)
    switch(control, censor, True)
    assert look(xl, watched) == {name: seen for name, seen in CLEAN.items() if name in watched} | {**changed}
    switch(control, censor, False)
    assert control.state() == []
    touched = set(changed) or {"t.me"}
    assert look(xl, touched) == {name: seen for name, seen in CLEAN.items() if name in touched}


@pytest.mark.parametrize("censor", ["sni_reset", "ip_reject", "dns_nxdomain", "http_redirect", "tls_mitm"])
def test_other_isps_and_the_control_see_nothing_of_it(control: LabControl, censor: str) -> None:
    control.switch("xl", censor, True)
    names = {"own resolver", "t.me", "http", "canary"}
    for isp in ("telkomsel", "control-sg"):
        assert look(Customer(isp), names) == {name: CLEAN[name] for name in names}


def test_failures_of_everyone_reach_the_control_too(control: LabControl) -> None:
    control.switch(None, "origin_down", True, ["t.me"])
    names = {"t.me", "telegram.org"}
    assert look(Customer("control-sg"), names) == {
        "t.me": "timeout",
        "telegram.org": CLEAN["telegram.org"],
    }


def test_origin_down_for_every_name_of_an_address_takes_the_address(
    control: LabControl, xl: Customer
) -> None:
    control.switch(None, "origin_down", True)
    assert xl.connect(TELEGRAM, 443) == "timeout"
    assert xl.mtproto("dc2") == "resPQ"


def test_several_censors_together_and_one_off_again(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "dns_nxdomain", True, ["t.me"])
    control.switch("xl", "sni_reset", True, ["t.me"])
    control.switch("xl", "sni_reset", True, ["telegram.org"])
    control.switch("xl", "http_redirect", True, ["t.me"])
    control.switch("xl", "sni_reset", False, ["t.me"])
    names = {"own resolver", "t.me", "telegram.org", "http"}
    assert look(xl, names) == {
        "own resolver": ["NXDOMAIN"],
        "t.me": GENUINE,
        "telegram.org": "reset",
        "http": "302 http://internet-positif.org/",
    }


@pytest.mark.parametrize(
    ("how", "seen"),
    [("swallow", "timeout"), ("reset", "cut off"), ("refuse", "HTTP 403"), ("mute", "timeout")],
)
def test_the_web_apps_own_connection_is_filtered_in_four_ways(
    control: LabControl, xl: Customer, how: str, seen: str
) -> None:
    names = {"venus", "web app"}
    control.switch("xl", "web_app_filter", True, ["venus.web.telegram.org"], how=how)
    assert look(xl, names) == {"venus": CLEAN["venus"], "web app": seen}
    assert xl.web_app("pluto.web.telegram.org") == "resPQ"
    assert look(Customer("control-sg"), names) == {name: CLEAN[name] for name in names}


def test_star_means_every_isp_but_the_control(control: LabControl) -> None:
    control.switch("*", "sni_reset", True, ["t.me"])
    assert {isp: Customer(isp).tls("t.me") for isp in ("telkomsel", "iforte", "control-sg")} == {
        "telkomsel": "reset",
        "iforte": "reset",
        "control-sg": GENUINE,
    }


def test_mitm_presents_the_asked_name_by_another_authority(control: LabControl, xl: Customer) -> None:
    assert xl.chain_issuers("t.me", TELEGRAM) == "another"
    control.switch("xl", "tls_mitm", True, ["t.me"])
    assert xl.chain_issuers("t.me", TELEGRAM) == "ISP Filter CA"


@pytest.mark.parametrize(
    ("kind", "seen"),
    [
        ("unknown_ca", UNTRUSTED),
        ("self_signed", "certificate: self-signed certificate"),
        ("ca_signed", MISMATCH),
    ],
)
def test_a_middlebox_has_one_of_three_certificates(
    control: LabControl, xl: Customer, kind: str, seen: str
) -> None:
    control.switch("xl", "tls_mitm", True, ["t.me"], kind=kind)
    assert xl.tls("t.me") == seen
    assert xl.chain_issuers("t.me", TELEGRAM) == ("ISP Filter CA" if kind == "unknown_ca" else "another")


@pytest.mark.parametrize(
    ("censor", "hosts", "slow", "unhurt"),
    [
        ("throttle", ["t.me"], ["t.me", "telegram.org"], [world.CANARY]),
        ("sni_throttle", ["t.me"], ["t.me"], ["telegram.org", world.CANARY]),
        ("slow_line", None, ["t.me", world.CANARY], []),
    ],
)
def test_slow_is_each_connection_that_is_meant(
    control: LabControl,
    xl: Customer,
    censor: str,
    hosts: list[str] | None,
    slow: list[str],
    unhurt: list[str],
) -> None:
    control.switch("xl", censor, True, hosts)
    assert [name for name in slow if xl.transfer_kbit_s(name, 40_000) >= 200] == []
    assert [name for name in unhurt if xl.transfer_kbit_s(name, 40_000) <= 1000] == []
    control.switch("xl", censor, False)
    assert xl.transfer_kbit_s("t.me", 40_000) > 1000


def test_a_reset_may_be_followed_by_a_penalty(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "sni_reset", True, ["t.me"], residual_s=3600)
    assert xl.tls("telegram.org") == CLEAN["telegram.org"]
    assert xl.tls("t.me") == "reset"
    # Client, server and port are penalised: not other ports, not other servers.
    names = (*SAME_ADDRESS, "venus", "canary", "http")
    assert look(xl, names) == {
        **{name: CLEAN[name] for name in names},
        **dict.fromkeys(SAME_ADDRESS, "reset"),
    }
    control.reset()
    assert xl.tls("telegram.org") == CLEAN["telegram.org"]


def test_a_penalty_ends(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "sni_reset", True, ["t.me"], residual_s=1)
    assert xl.tls("t.me") == "reset"
    deadline = time.monotonic() + 20
    while xl.tls("telegram.org") == "reset":
        assert time.monotonic() < deadline
    assert xl.tls("t.me") == "reset"


@pytest.mark.parametrize("censor", ["dns_nxdomain", "dns_refused", "dns_no_answer"])
def test_a_resolver_says_why_to_those_who_can_hear_it(control: LabControl, xl: Customer, censor: str) -> None:
    control.switch("xl", censor, True, ["t.me"], ede=16)
    assert xl.extended("t.me", edns=True) == "error 16, xl"
    assert xl.extended("t.me", edns=False) == "no EDNS"
    control.switch("xl", censor, True, ["t.me"], ede=0)
    assert xl.extended("t.me", edns=True) == "no error, xl"


def test_resolvers_say_who_they_are(control: LabControl, xl: Customer) -> None:
    assert xl.extended("t.me", world.PUBLIC_RESOLVER) == "no error, public-resolver"
    assert xl.ask(world.WHO_ASKED_NAME, world.PUBLIC_RESOLVER, "TXT") == ['"8.8.8.8"']
    control.switch("xl", "dns_proxy", True)
    assert xl.extended("t.me", world.PUBLIC_RESOLVER) == "no error, xl"
    assert xl.ask(world.WHO_ASKED_NAME, world.PUBLIC_RESOLVER, "TXT") == ['"10.3.53.53"']


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("blockpage", [NOTICE, TELEGRAM]),
        ("bogon", [world.BOGON, TELEGRAM]),
        ("nxdomain", ["NXDOMAIN", TELEGRAM]),
        ("other", [world.CANARY_ADDRESS, TELEGRAM]),
    ],
)
def test_an_injector_may_answer_anything(
    control: LabControl, xl: Customer, answer: str, seen: list[str]
) -> None:
    control.switch("xl", "dns_injection", True, ["t.me"], answer=answer)
    assert xl.ask("t.me", world.PUBLIC_RESOLVER) == seen


def test_forged_datagrams_come_from_another_distance(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "dns_injection", True, ["t.me"])
    forged, honest = xl.answer_hop_limits("t.me", world.PUBLIC_RESOLVER, 2)
    assert (forged, honest) == (127, 61)


def test_a_content_network_serves_the_true_certificate(control: LabControl, xl: Customer) -> None:
    control.switch(None, "cdn_rotation", True, ["t.me"])
    assert len(set(world.CDN_ADDRESSES.values())) == len(world.ISPS) + 1
    assert xl.tls("t.me", address=CDN[0]) == GENUINE
    assert xl.tls("t.me", address=CDN[1]) == GENUINE
    assert xl.http("t.me", CDN[0]) == SELF
    assert xl.http3("t.me", CDN[0]) == GENUINE


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("web.telegram.org", ['1 . alpn="h3"']),
        (world.CANARY, ['1 . alpn="h3" ech="AAj63gAEdGVzdA=="']),
        ("t.me", ["NOERROR"]),
    ],
)
def test_https_records(xl: Customer, name: str, seen: list[str]) -> None:
    assert xl.ask(name, kind="HTTPS") == seen


@pytest.mark.parametrize("censor", ["mtproto_drop", "mtproto_reset", "mtproto_garbage"])
def test_a_filter_of_all_transports_knows_the_obfuscated_one(
    control: LabControl, xl: Customer, censor: str
) -> None:
    control.switch("xl", censor, True, ["dc2"])
    expected = {"mtproto_drop": "timeout", "mtproto_reset": "reset", "mtproto_garbage": "something else"}
    assert xl.mtproto("dc2", obfuscated=True) == expected[censor]
    assert xl.mtproto("dc4", obfuscated=True) == "resPQ"
    assert xl.connect(world.DATA_CENTRES["dc2"][0], 443) == "connected"


def test_delay_adds_to_the_round_trip_and_goes_again(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "delay", True, ms=200)
    assert xl.connect_ms(TELEGRAM, 443) >= 200
    assert xl.tls("t.me", limit_s=10) == GENUINE
    control.switch("xl", "delay", False)
    # Far below the delay, far above what a loaded machine adds.
    assert xl.connect_ms(TELEGRAM, 443) < 150


@pytest.mark.parametrize(
    "mode, seen", [("servfail", ["SERVFAIL"]), ("timeout", []), ("refused", ["REFUSED"])]
)
def test_resolver_broken(control: LabControl, xl: Customer, mode: str, seen: list[str]) -> None:
    control.switch("xl", "resolver_broken", True, mode=mode)
    assert xl.ask("control.example") == seen
    assert xl.ask("control.example", world.PUBLIC_RESOLVER) == [world.CANARY_ADDRESS]


@pytest.mark.parametrize("name", world.TELEGRAM_HOSTS)
def test_each_name_has_its_own_valid_certificate_and_page(xl: Customer, name: str) -> None:
    assert xl.tls(name).startswith("200 Telegram")


@pytest.mark.parametrize("port", world.DATA_CENTRE_PORTS)
@pytest.mark.parametrize("data_centre", world.DATA_CENTRES)
def test_each_data_centre_speaks_mtproto_at_each_address(xl: Customer, data_centre: str, port: int) -> None:
    for address in world.DATA_CENTRES[data_centre]:
        assert xl.mtproto(data_centre, port, address=address) == "resPQ"


@pytest.mark.parametrize(
    ("params", "dead"),
    [
        ({"which": "first"}, {("149.154.171.5", 443), ("149.154.171.5", 80), ("149.154.171.5", 5222)}),
        ({"which": "ipv6", "ports": "web"}, {(DC5_V6, 443), (DC5_V6, 80)}),
        ({"ports": "web"}, {(a, p) for a in world.DATA_CENTRES["dc5"] for p in (443, 80)}),
    ],
)
def test_some_of_a_data_centre_may_be_dropped(
    control: LabControl, xl: Customer, params: dict[str, str], dead: set[tuple[str, int]]
) -> None:
    control.switch("xl", "dc_drop", True, ["dc5"], **params)
    places = {(a, p) for a in world.DATA_CENTRES["dc5"] for p in world.DATA_CENTRE_PORTS}
    with ThreadPoolExecutor(len(places)) as pool:
        seen = dict(zip(places, pool.map(lambda place: xl.connect(*place), places), strict=True))
    assert {place for place, outcome in seen.items() if outcome == "timeout"} == dead
    assert {seen[place] for place in places - dead} == {"connected"}


@pytest.mark.parametrize("isp", world.ISPS)
def test_each_isp_reaches_the_world(isp: str) -> None:
    customer = Customer(isp)
    assert customer.ask("telegram.org") == [TELEGRAM]
    assert customer.tls(world.CANARY) == CLEAN["canary"]


@pytest.mark.parametrize("name", world.NOTICE_SERVERS)
def test_each_notice_server_shows_a_notice(xl: Customer, name: str) -> None:
    address = world.ZONE[name]
    seen = xl.http("t.me", address)
    assert seen.startswith("200 ") or seen == "302 http://internet-positif.org/"
    assert xl.tls("t.me", address=address) == "certificate: self-signed certificate"


def test_unknown_names_and_types(xl: Customer) -> None:
    assert xl.ask("no-such-name.example") == ["NXDOMAIN"]
    assert xl.ask("t.me", kind="TXT") == ["NOERROR"]


def test_bad_requests_are_refused_and_change_nothing(control: LabControl, xl: Customer) -> None:
    for request in ({}, {"censor": "sni_reset"}, {"get": "money"}, {"reset": 1}, {"x": "y" * 70_000}):
        with pytest.raises(LabControlError, match="expected"):
            control.request(request)
    assert control.state() == []
    assert xl.tls("t.me") == GENUINE


def test_aims_are_what_the_registry_says() -> None:
    assert {censor.id for censor in CENSORS.values() if censor.aim is Aim.DATA_CENTRES} == {
        "dc_443_drop",
        "dc_drop",
        "mtproto_drop",
        "mtproto_reset",
        "mtproto_garbage",
        "transport_error",
    }
