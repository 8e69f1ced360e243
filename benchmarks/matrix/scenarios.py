"""The situations: what is switched on in the emulated internet, and the verdict that is right for it. Data.

A situation at one network is played at whichever network is free, beside others at theirs; one that concerns
everyone is aimed at a host of its own. `web` is what is right for the host, `app` for a data centre.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lab import world
from observatory.model import LeadsTo, State

Verdict = tuple[State, str | None]

OK: Final[Verdict] = (State.OK, None)
DOWN: Final[Verdict] = (State.DOWN, None)
UNCLEAR: Final[Verdict] = (State.INSUFFICIENT, None)
IMPAIRED: Final[Verdict] = (State.IMPAIRED, None)


def blocked(mechanism: str) -> Verdict:
    return State.BLOCKED, mechanism


def likely(mechanism: str | None) -> Verdict:
    return State.LIKELY_BLOCKED, mechanism


def impaired(mechanism: str) -> Verdict:
    return State.IMPAIRED, mechanism


@dataclass(frozen=True, slots=True, kw_only=True)
class On:
    """One switch. `hosts` None is what the censor is aimed at by default; `everyone` is not one network's."""

    censor: str
    params: Mapping[str, Any] = field(default_factory=dict)
    hosts: tuple[str, ...] | None = None
    everyone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`ipv6` None: whichever network; `censorship`: this host or data centre is filtered. `leads_to` is what
    is right to say of the place to which the host redirects."""

    name: str
    switches: tuple[On, ...]
    web: Verdict | None = OK
    app: Verdict | None = OK
    host: str = "t.me"
    data_centre: str = "dc2"
    censorship: bool = True
    partial: bool | None = None
    ipv6: bool | None = None
    leads_to: LeadsTo | None = None


def _censor(
    name: str, *switches: On | str, web: Verdict | None = OK, app: Verdict | None = OK, **more: Any
) -> Scenario:
    on = tuple(On(censor=s) if isinstance(s, str) else s for s in switches)
    return Scenario(name=name, switches=on, web=web, app=app, **more)


def _innocent(name: str, *switches: On | str, **more: Any) -> Scenario:
    return _censor(name, *switches, censorship=False, **more)


def _everyone(name: str, censor: str, host: str, web: Verdict, *more: On, **fields: Any) -> Scenario:
    switch = On(censor=censor, hosts=(host,), everyone=True)
    fields.setdefault("censorship", False)
    return Scenario(name=name, switches=(switch, *more), web=web, app=OK, host=host, **fields)


def _led(name: str, there: Verdict, *censors: str) -> Scenario:
    """The host redirects everybody to telegram.org, which is filtered here or is not."""
    state, mechanism = there
    return _everyone(
        name,
        "site_redirect",
        "t.me",
        OK,
        *(On(censor=censor, hosts=("telegram.org",)) for censor in censors),
        leads_to=LeadsTo(target="telegram.org", state=state, mechanism=mechanism),
    )


def _led_away(name: str, there: Verdict, *more: On) -> Scenario:
    """The host redirects everybody to a host that is no target of the round."""
    place = LeadsTo(target=world.PUBLIC_RESOLVER_NAME, state=there[0])
    switch = On(censor="site_redirect", params={"to": place.target}, hosts=("t.me",), everyone=True)
    return _innocent(name, switch, *more, leads_to=place)


def _web_app(name: str, how: str, right: Verdict, **more: Any) -> Scenario:
    """A front of the web app whose page opens."""
    switch = On(censor="web_app_filter", params={"how": how}, hosts=(FRONT,))
    more.setdefault("partial", True)
    return _censor(name, switch, web=right, host=FRONT, **more)


FRONT: Final = "venus.web.telegram.org"
# A public address that is nobody's in the lab.
NOWHERE: Final = "45.64.1.9"
BLOCKPAGE, BOGON, OTHER = "dns.injection.blockpage", "dns.injection.bogon", "dns.injection.other"

CENSORS: Final = (
    _censor("the resolver denies the name", "dns_nxdomain", web=likely("dns.nxdomain")),
    _censor(
        "the resolver denies the name and says that it is censored",
        On(censor="dns_nxdomain", params={"ede": 16}),
        web=blocked("dns.nxdomain"),
    ),
    _censor("the resolver refuses the name", "dns_refused", web=likely("dns.refused")),
    _censor("the resolver fails for the name", "dns_servfail", web=impaired("dns.servfail")),
    _censor("the resolver is silent for the name", "dns_timeout", web=likely("dns.timeout")),
    _censor("questions for the name are swallowed over UDP", "dns_udp_drop", web=likely("dns.timeout")),
    _censor("the resolver gives no address", "dns_no_answer", web=likely("dns.no_answer")),
    _censor("the resolver names its block page", "dns_blockpage", web=blocked(BLOCKPAGE)),
    _censor("an alias leads to the block page", "dns_cname_blockpage", web=blocked(BLOCKPAGE)),
    _censor("the resolver names a private address", "dns_bogon", web=blocked(BOGON)),
    _censor("the resolver names a stranger", "dns_other", web=likely(OTHER)),
    _censor(
        "the resolver names an address where nothing is",
        On(censor="dns_other", params={"address": NOWHERE}),
        web=likely(OTHER),
    ),
    _censor("all DNS is diverted to the lying resolver", "dns_hijack", web=blocked(BLOCKPAGE)),
    _censor("a forged block page races the answer", "dns_injection", web=blocked(BLOCKPAGE)),
    _censor(
        "a forged private address races the answer",
        On(censor="dns_injection", params={"answer": "bogon"}),
        web=blocked(BOGON),
    ),
    _censor(
        "a forged denial races the answer",
        On(censor="dns_injection", params={"answer": "nxdomain"}),
        web=blocked(OTHER),
    ),
    _censor(
        "a forged stranger races the answer",
        On(censor="dns_injection", params={"answer": "other"}),
        web=blocked(OTHER),
    ),
    _censor("the name is reset", "sni_reset", web=likely("tls.reset.sni")),
    _censor(
        "the name is reset and the address punished for a while",
        On(censor="sni_reset", params={"residual_s": 2}),
        web=likely("tls.reset.sni"),
    ),
    _censor("the name is swallowed", "sni_drop", web=likely("tls.timeout.sni")),
    _censor("the name is turned down with an alert", "sni_alert", web=likely("tls.alert.sni")),
    _censor("every handshake at the address is reset", "tls_reset", web=likely("tls.reset.other")),
    _censor("every handshake at the address is swallowed", "tls_drop", web=likely("tls.timeout.other")),
    _censor("handshakes end, then nothing", "tls_stall", web=likely("http.timeout")),
    _censor("a box with an authority of its own", "tls_mitm", web=blocked("tls.mitm.unknown_ca")),
    _censor(
        "a box that signs for itself",
        On(censor="tls_mitm", params={"kind": "self_signed"}),
        web=blocked("tls.mitm.self_signed"),
    ),
    _censor(
        "a box with somebody else's certificate",
        On(censor="tls_mitm", params={"kind": "ca_signed"}),
        web=likely("tls.mitm.ca_signed"),
    ),
    _censor("the address is swallowed", "ip_blackhole", web=likely("tcp.timeout")),
    _censor("a router rejects the address", "ip_reject", web=likely("ip.unreachable")),
    _censor("the address refuses on the way", "ip_refused", web=likely("tcp.refused")),
    _censor("port 80 shows a notice", "http_blockpage", web=blocked("http.blockpage"), partial=True),
    _censor("port 80 leads to a notice", "http_redirect", web=blocked("http.redirect"), partial=True),
    _censor(
        "port 80 shows an unknown page for the Host header alone",
        "http_forbidden",
        web=likely("http.blockpage.host"),
        partial=True,
    ),
    _censor("the Host header is reset", "http_reset", web=likely("http.reset.host"), partial=True),
    _censor("the Host header is swallowed", "http_drop", web=likely("http.timeout.host"), partial=True),
    _censor("the address is slow", "throttle", web=impaired("ip.throttle")),
    _censor("the name is slow", "sni_throttle", web=impaired("tls.throttle.sni")),
    _censor(
        "the name is slow, less so",
        On(censor="sni_throttle", params={"kbit": 256}),
        web=impaired("tls.throttle.sni"),
    ),
    _censor("QUIC is swallowed", "quic_drop", web=likely("quic.timeout"), partial=True),
    _censor("QUIC for the name is swallowed", "quic_sni_drop", web=likely("quic.timeout.sni"), partial=True),
    _censor("port 443 of the app is swallowed", "dc_443_drop", app=likely("tcp.timeout"), partial=True),
    _censor("the app is swallowed", "dc_drop", app=likely("tcp.timeout")),
    _censor(
        "one address of several of a data centre is swallowed",
        On(censor="dc_drop", params={"which": "first"}, hosts=("dc5",)),
        app=likely("tcp.timeout"),
        data_centre="dc5",
        partial=True,
    ),
    *(
        _censor(
            f"the app is swallowed over {name} alone",
            On(censor="dc_drop", params={"which": name.lower()}),
            app=likely("tcp.timeout"),
            partial=True,
            ipv6=True,
        )
        for name in ("IPv6", "IPv4")
    ),
    _censor(
        "the app is swallowed on ports 443 and 80, not on 5222",
        On(censor="dc_drop", params={"ports": "web"}),
        app=likely("tcp.timeout"),
        partial=True,
    ),
    _censor("the app's protocol is swallowed", "mtproto_drop", app=likely("mtproto.timeout")),
    _censor("the app's protocol is reset", "mtproto_reset", app=likely("mtproto.reset")),
    _censor("the app's protocol is answered by a stranger", "mtproto_garbage", app=likely("mtproto.garbage")),
    _censor(
        "only the plain transports of the app are swallowed",
        On(censor="mtproto_drop", params={"transports": "plain"}),
        app=likely("mtproto.timeout"),
        partial=True,
    ),
    _web_app("the web app's WebSocket is swallowed", "swallow", likely("mtproto.timeout")),
    _web_app("the web app's WebSocket is reset", "reset", likely("mtproto.reset")),
    _web_app("the messages in the web app's WebSocket are swallowed", "mute", likely("mtproto.timeout")),
)

TOGETHER: Final = (
    _censor("block page in DNS, and the name reset", "dns_blockpage", "sni_reset", web=blocked(BLOCKPAGE)),
    _censor("name denied, address swallowed", "dns_nxdomain", "ip_blackhole", web=likely("dns.nxdomain")),
    _censor(
        "name reset, port 80 shows a notice",
        "sni_reset",
        "http_blockpage",
        web=blocked("http.blockpage"),
    ),
    _censor("name reset, and packets lost", "sni_reset", "packet_loss", web=likely("tls.reset.sni")),
    _censor("name reset far away", "sni_reset", "delay", web=likely("tls.reset.sni")),
    _censor("name reset, QUIC swallowed", "sni_reset", "quic_drop", web=likely("tls.reset.sni")),
    _censor(
        "name denied, authenticated DNS filtered",
        "dns_nxdomain",
        "doh_drop",
        web=likely("dns.nxdomain"),
    ),
    _censor(
        "name denied behind an honest proxy for DNS",
        "dns_nxdomain",
        "dns_proxy",
        web=likely("dns.nxdomain"),
    ),
    _censor(
        "names and app blocked together",
        "dns_blockpage",
        "dc_drop",
        web=blocked(BLOCKPAGE),
        app=likely("tcp.timeout"),
    ),
    _censor(
        "name reset on a broken IPv6 line",
        "sni_reset",
        "ipv6_broken",
        web=likely("tls.reset.sni"),
        ipv6=True,
    ),
    _censor("address swallowed, no IPv6 here", "ip_blackhole", web=likely("tcp.timeout"), ipv6=False),
    _censor("address swallowed over both IP versions", "ip_blackhole", web=likely("tcp.timeout"), ipv6=True),
    _censor(
        "another name is reset, this one is not",
        On(censor="sni_reset", hosts=("telegram.org",)),
        web=OK,
        censorship=False,
    ),
    _censor(
        "two data centres of six swallowed: a blocked one",
        On(censor="dc_drop", hosts=("dc2", "dc4")),
        app=likely("tcp.timeout"),
    ),
    _censor(
        "two data centres of six swallowed: a free one",
        On(censor="dc_drop", hosts=("dc2", "dc4")),
        data_centre="dc5",
        censorship=False,
    ),
)

INNOCENT: Final = (
    _innocent("nothing wrong"),
    _innocent("nothing wrong, with IPv6", ipv6=True),
    _innocent("nothing wrong, without IPv6", ipv6=False),
    _innocent("an honest proxy for all DNS", "dns_proxy"),
    _innocent("authenticated DNS filtered", "doh_drop"),
    _innocent("a proxy for all TLS", "company_proxy", web=UNCLEAR, app=None),
    _innocent("a CAPTCHA page", "captcha", web=impaired("http.error")),
    _innocent("the service left the country", "geoblock_403", web=impaired("http.error")),
    _innocent("this machine's own firewall", "local_firewall", web=UNCLEAR),
    _innocent(
        "this machine's own firewall rejects",
        On(censor="local_firewall", params={"answer": "reject"}),
        web=UNCLEAR,
    ),
    _innocent(
        "this machine's own firewall resets",
        On(censor="local_firewall", params={"answer": "reset"}),
        web=UNCLEAR,
    ),
    _innocent("a resolver that limits rates", "resolver_truncates"),
    *(
        _innocent(
            f"Telegram's own transport error{meaning}",
            On(censor="transport_error", params={"code": code}),
            app=IMPAIRED,
        )
        for code, meaning in ((429, ""), (404, ": no such key"), (444, ": no such data centre"))
    ),
    _web_app(
        "the web app's server declines WebSocket",
        "refuse",
        (State.IMPAIRED, None),
        censorship=False,
        partial=None,
    ),
    _innocent("IPv6 broken", "ipv6_broken", ipv6=True),
    _innocent("the whole line is slow", On(censor="slow_line", params={"kbit": 256})),
    _innocent("packets lost", "packet_loss"),
    _innocent("far away", "delay"),
    _innocent("far away and packets lost", "delay", "packet_loss"),
    _innocent("vantage point offline", "vantage_offline", web=UNCLEAR, app=UNCLEAR),
    _innocent("captive portal", "captive_portal", web=UNCLEAR, app=UNCLEAR),
    _innocent(
        "resolver fails for all", On(censor="resolver_broken", params={"mode": "servfail"}), web=UNCLEAR
    ),
    _innocent(
        "resolver silent for all", On(censor="resolver_broken", params={"mode": "timeout"}), web=UNCLEAR
    ),
    _innocent("resolver refuses all", On(censor="resolver_broken", params={"mode": "refused"}), web=UNCLEAR),
)

# Each aimed at a host of its own, so that several are played at once.
EVERYONE: Final = (
    _everyone("origin down", "origin_down", "venus.web.telegram.org", DOWN),
    _everyone("origin down, its neighbours not", "origin_down", "telegram.me", DOWN),
    _everyone("origin refuses", "origin_refused", "flora.web.telegram.org", DOWN),
    _everyone("certificate ran out", "expired_certificate", "web.telegram.org", DOWN),
    _everyone("certificate of another", "wrong_certificate", "core.telegram.org", DOWN),
    _everyone("name retired", "name_retired", "flora-1.web.telegram.org", DOWN),
    _everyone(
        "name retired, and still led to a block page here",
        "name_retired",
        "flora-1.web.telegram.org",
        blocked(BLOCKPAGE),
        On(censor="dns_blockpage", hosts=("flora-1.web.telegram.org",)),
        censorship=True,
    ),
    _everyone(
        "name retired, and still led to a stranger here",
        "name_retired",
        "flora-1.web.telegram.org",
        likely(OTHER),
        On(censor="dns_other", hosts=("flora-1.web.telegram.org",)),
        censorship=True,
    ),
    _everyone(
        "the web app's fronts speak WebSocket no more", "web_app_retired", "pluto.web.telegram.org", OK
    ),
    _everyone("the server answers nobody", "server_stall", "macos.telegram.org", DOWN),
    _everyone("addresses rotate outside Telegram's", "cdn_rotation", "desktop.telegram.org", OK),
    _everyone("IPv6 addresses only", "aaaa_only", "pluto.web.telegram.org", OK, ipv6=True),
    _everyone("IPv6 addresses only, none here", "aaaa_only", "pluto.web.telegram.org", UNCLEAR, ipv6=False),
    _led("a redirect to a name that works", OK),
    _led("a redirect to a name that is reset here", likely("tls.reset.sni"), "sni_reset"),
    _led("a redirect to a name that the resolver denies", likely("dns.nxdomain"), "dns_nxdomain"),
    _led("a redirect to a name that is led to a block page", blocked(BLOCKPAGE), "dns_blockpage"),
    _led_away("a redirect to a site of others that works", OK),
    _led_away("a redirect to a site of others that does not answer here", UNCLEAR, On(censor="doh_drop")),
    _everyone(
        "a redirect of the host's own, and a forged one to a notice",
        "site_redirect",
        "t.me",
        blocked("http.redirect"),
        On(censor="http_redirect", hosts=("t.me",)),
        censorship=True,
        partial=True,
    ),
    _everyone(
        "certificate ran out, and its name reset here",
        "expired_certificate",
        "web.telegram.org",
        DOWN,
        On(censor="sni_reset", hosts=("web.telegram.org",)),
    ),
)

SCENARIOS: Final = (*CENSORS, *TOGETHER, *INNOCENT, *EVERYONE)
