"""Each censor's raw effect, with real packets, and that off really means off."""

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
    "no resolver at all": lambda c: c.ask("t.me", world.CONTROL_HOST_ADDRESS),
    "DNS over TLS": lambda c: c.ask_tcp("t.me", world.PUBLIC_RESOLVER, 853, lab_ca()),
    "t.me": lambda c: c.tls("t.me"),
    "telegram.org": lambda c: c.tls("telegram.org"),
    "venus": lambda c: c.tls("venus.web.telegram.org"),
    "harmless name there": lambda c: c.tls(world.CONTROL_HOST, address=TELEGRAM),
    "control host": lambda c: c.tls(world.CONTROL_HOST),
    "http": lambda c: c.http("t.me"),
    "http telegram.org": lambda c: c.http("telegram.org"),
    "quic": lambda c: c.quic(TELEGRAM),
    "dc2:443": lambda c: c.mtproto("dc2"),
    "dc2:80": lambda c: c.mtproto("dc2", 80),
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
    # The address is Telegram's: it shows the certificate of telegram.org, after a whole handshake.
    "harmless name there": (
        "certificate: Hostname mismatch, certificate is not valid for 'control.example'."
    ),
    "control host": "200 Control Example: a page nobody blocks",
    "http": SELF,
    "http telegram.org": "301 https://telegram.org/",
    "quic": "version negotiation",
    "dc2:443": "resPQ",
    "dc2:80": "resPQ",
}
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
    "sni_reset": (["t.me"], {}, {"t.me": "reset"}),
    "sni_drop": (["t.me"], {}, {"t.me": "timeout"}),
    "ip_blackhole": (
        ["t.me"],
        {},
        dict.fromkeys(("t.me", "telegram.org", "harmless name there", "http", "http telegram.org"), "timeout")
        | {"quic": "timeout"},
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
            ),
            "host unreachable",
        ),
    ),
    "http_blockpage": (["t.me"], {}, {"http": "200 XL Axiata - Situs Diblokir"}),
    "http_redirect": (["t.me"], {}, {"http": "302 http://internet-positif.org/"}),
    "tls_mitm": (
        ["t.me"],
        {},
        dict.fromkeys(("t.me", "telegram.org", "harmless name there"), UNTRUSTED),
    ),
    "throttle": (["t.me"], {}, {}),
    "dc_443_drop": (None, {}, {"dc2:443": "timeout"}),
    "dc_drop": (["dc2"], {}, {"dc2:443": "timeout", "dc2:80": "timeout"}),
    "quic_drop": (["t.me"], {}, {"quic": "timeout"}),
    "origin_down": (["t.me"], {}, {"t.me": "timeout", "http": "timeout"}),
    "origin_refused": (
        ["venus.web.telegram.org", "dc2"],
        {},
        {"venus": "refused", "dc2:443": "refused", "dc2:80": "refused"},
    ),
    "expired_certificate": (["t.me"], {}, {"t.me": "certificate: certificate has expired"}),
    "wrong_certificate": (["t.me"], {}, {"t.me": MISMATCH}),
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
    "vantage_offline": (None, {}, {"t.me": "timeout", "control host": "timeout", "dc2:80": "timeout"}),
    # Seen in test_crossing_ipv6.py: IPv4 feels nothing of it.
    "ipv6_broken": (None, {}, {}),
    "packet_loss": (None, {"percent": 100}, {"t.me": "timeout", "control host": "timeout"}),
    "delay": (None, {"ms": 40}, {}),
    "captive_portal": (
        None,
        {},
        dict.fromkeys(("http", "http telegram.org"), "302 http://192.0.2.1/login")
        | dict.fromkeys(
            ("t.me", "telegram.org", "venus", "harmless name there", "control host", "dc2:443"), "refused"
        )
        # Not HTTP: the portal waits for a request that never comes.
        | {"dc2:80": "timeout"},
    ),
    "geoblock_403": (["t.me"], {}, {"t.me": "403 403 Forbidden"}),
}
# Where everything goes dark, only what is named above is looked at: silence takes its time.
DARK = {"vantage_offline", "packet_loss"}


def look(customer: Customer, names: Iterable[str] = tuple(LOOKS)) -> dict[str, object]:
    """Look at everything named, side by side: namespaces are entered per thread."""
    wanted = [name for name in LOOKS if name in set(names)]
    with ThreadPoolExecutor(max_workers=8) as pool:
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
    names = {"own resolver", "t.me", "http", "control host"}
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


def test_throttle_holds_each_connection_down(control: LabControl, xl: Customer) -> None:
    control.switch("xl", "throttle", True, ["t.me"])
    assert xl.transfer_kbit_s("t.me", 40_000) < 200
    control.switch("xl", "throttle", False)
    assert xl.transfer_kbit_s("t.me", 40_000) > 1000


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
    assert xl.ask("control.example", world.PUBLIC_RESOLVER) == [world.CONTROL_HOST_ADDRESS]


@pytest.mark.parametrize("name", world.TELEGRAM_HOSTS)
def test_each_name_has_its_own_valid_certificate_and_page(xl: Customer, name: str) -> None:
    assert xl.tls(name).startswith("200 Telegram")


@pytest.mark.parametrize("port", [443, 80])
@pytest.mark.parametrize("centre", world.DATA_CENTRES)
def test_each_data_centre_speaks_mtproto(xl: Customer, centre: str, port: int) -> None:
    assert xl.mtproto(centre, port) == "resPQ"


@pytest.mark.parametrize("isp", world.ISPS)
def test_each_isp_reaches_the_world(isp: str) -> None:
    customer = Customer(isp)
    assert customer.ask("telegram.org") == [TELEGRAM]
    assert customer.tls(world.CONTROL_HOST) == CLEAN["control host"]


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
    }
