"""The registry of everything that can be switched on: censors, and failures that are not censorship.

Each entry says what it does, which networks it concerns, what it can be aimed at, and its packet rules;
answers of resolvers and servers follow from the same settings in `lab.policy`. Pure.
"""

import ipaddress
import re
from typing import Final

from lab import techniques, world
from lab.settings import Aim, Censor, Param, Scope, Value


def _number(default: float, lowest: float, highest: float) -> Param:
    return Param(
        default=default,
        expected=f"a number from {lowest:g} to {highest:g}",
        check=lambda value: not isinstance(value, str) and lowest <= value <= highest,
    )


def _one_of(default: str, *others: str) -> Param:
    choices = (default, *others)
    return Param(
        default=default, expected=f"one of {', '.join(choices)}", check=lambda value: value in choices
    )


def _is_address(value: Value) -> bool:
    try:
        ipaddress.IPv4Address(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return True


def _is_name(value: Value) -> bool:
    return (
        isinstance(value, str) and re.fullmatch(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}", value) is not None
    )


# Blocked, Censored, Filtered (RFC 8914); 0 for no extended error.
_EDE: Final = Param(default=0, expected="one of 0, 15, 16, 17", check=lambda value: value in (0, 15, 16, 17))
_KBIT: Final = _number(128, 16, 100_000)
_TRANSPORTS: Final = _one_of("all", "plain")

_ENTRIES: Final = (
    Censor(
        id="dns_nxdomain",
        summary="the ISP's resolver says the name does not exist",
        params={"ede": _EDE},
    ),
    Censor(
        id="dns_refused",
        summary="the ISP's resolver refuses to answer for the name",
        params={"ede": _EDE},
    ),
    Censor(
        id="dns_servfail",
        summary="the ISP's resolver fails for the name",
    ),
    Censor(
        id="dns_timeout",
        summary="the ISP's resolver says nothing when asked for the name",
    ),
    Censor(
        id="dns_udp_drop",
        summary="UDP port 53 with the name in the query is dropped, to whatever resolver; TCP passes",
        rules=techniques.dns_udp_drop,
    ),
    Censor(
        id="dns_no_answer",
        summary="the ISP's resolver says that the name has no address (NOERROR, empty)",
        params={"ede": _EDE},
    ),
    Censor(
        id="dns_cname_blockpage",
        summary="the ISP's resolver answers a CNAME to its notice server and that one's address",
    ),
    Censor(
        id="dns_other",
        summary="the ISP's resolver answers the address of somebody else's real server",
        params={
            "address": Param(default=world.CANARY_ADDRESS, expected="an IPv4 address", check=_is_address)
        },
    ),
    Censor(id="dns_blockpage", summary="the ISP's resolver answers the address of its block page"),
    Censor(
        id="dns_bogon",
        summary="the ISP's resolver answers a private address",
        params={"address": Param(default=world.BOGON, expected="an IPv4 address", check=_is_address)},
    ),
    Censor(
        id="dns_hijack",
        summary="DNS to whatever resolver is diverted to the ISP's, which answers its block page",
        rules=techniques.dns_hijack,
    ),
    Censor(
        id="dns_injection",
        summary="a forged answer races ahead of the true one, for queries to any address",
        params={"answer": _one_of("blockpage", "bogon", "nxdomain", "other")},
        rules=techniques.dns_injection,
    ),
    Censor(
        id="sni_reset",
        summary="a TLS ClientHello with the name is answered with a reset",
        params={"residual_s": _number(0, 0, 3600)},
        rules=techniques.sni_reset,
    ),
    Censor(
        id="sni_drop",
        summary="a TLS ClientHello with the name and all after it is dropped",
        rules=techniques.sni_drop,
    ),
    Censor(
        id="sni_alert",
        summary="a TLS ClientHello with the name is answered with an alert (unrecognized_name)",
        rules=techniques.sni_alert,
    ),
    Censor(
        id="tls_reset",
        summary="every TLS ClientHello to the addresses, whatever its name, is answered with a reset",
        rules=techniques.tls_reset,
    ),
    Censor(
        id="tls_drop",
        summary="every TLS ClientHello to the addresses, whatever its name, and all after it is dropped",
        rules=techniques.tls_drop,
    ),
    Censor(
        id="tls_stall",
        summary="the handshake with the name completes, then the connection's data is dropped",
        rules=techniques.tls_stall,
    ),
    Censor(
        id="ip_blackhole",
        summary="packets to the addresses vanish",
        aim=Aim.ADDRESSES,
        rules=techniques.ip_blackhole,
    ),
    Censor(
        id="ip_reject",
        summary="packets to the addresses are answered with ICMP administratively prohibited",
        aim=Aim.ADDRESSES,
        rules=techniques.ip_reject,
    ),
    Censor(
        id="ip_refused",
        summary="connections to the addresses are refused by the border (TCP reset)",
        aim=Aim.ADDRESSES,
        rules=techniques.ip_refused,
    ),
    Censor(
        id="http_blockpage",
        summary="plain HTTP with the name in Host is answered with a forged block page (200)",
        rules=techniques.http_filter,
    ),
    Censor(
        id="http_redirect",
        summary="plain HTTP with the name in Host is answered with a forged 302 to internet-positif.org",
        rules=techniques.http_filter,
    ),
    Censor(
        id="http_forbidden",
        summary="plain HTTP with the name in Host is answered with a forged error page (403) on no list",
        rules=techniques.http_filter,
    ),
    Censor(
        id="http_reset",
        summary="plain HTTP with the name in Host is answered with a reset",
        rules=techniques.http_reset,
    ),
    Censor(
        id="http_drop",
        summary="plain HTTP with the name in Host and all after it is dropped",
        rules=techniques.http_drop,
    ),
    Censor(
        id="tls_mitm",
        summary="TLS to the addresses ends at a middlebox with certificates of its own",
        params={"kind": _one_of("unknown_ca", "self_signed", "ca_signed")},
        rules=techniques.tls_mitm,
    ),
    Censor(
        id="throttle",
        summary="each connection from the addresses is held to a low rate",
        aim=Aim.ADDRESSES,
        params={"kbit": _KBIT},
        rules=techniques.throttle,
    ),
    Censor(
        id="sni_throttle",
        summary="each connection whose TLS ClientHello has the name is held to a low rate",
        params={"kbit": _KBIT},
        rules=techniques.sni_throttle,
    ),
    Censor(
        id="dc_443_drop",
        summary="TCP 443 to Telegram's data centres is dropped; port 80 still works",
        aim=Aim.DATA_CENTRES,
        rules=techniques.dc_443_drop,
    ),
    Censor(
        id="dc_drop",
        summary="all TCP to the listed data centres is dropped",
        aim=Aim.DATA_CENTRES,
        params={"which": _one_of("all", "ipv4", "ipv6", "first"), "ports": _one_of("all", "web")},
        rules=techniques.dc_drop,
    ),
    Censor(
        id="mtproto_drop",
        summary="what clients say to the data centres is dropped; they do connect",
        aim=Aim.DATA_CENTRES,
        params={"transports": _TRANSPORTS},
        rules=techniques.mtproto_drop,
    ),
    Censor(
        id="mtproto_reset",
        summary="what clients say to the data centres is answered with a reset",
        aim=Aim.DATA_CENTRES,
        params={"transports": _TRANSPORTS},
        rules=techniques.mtproto_reset,
    ),
    Censor(
        id="mtproto_garbage",
        summary="what clients say to the data centres is answered with forged nonsense",
        aim=Aim.DATA_CENTRES,
        params={"transports": _TRANSPORTS},
        rules=techniques.mtproto_garbage,
    ),
    Censor(
        id="web_app_filter",
        summary="TLS to the web app's back ends passes; the WebSocket in it, or its messages, do not",
        params={"how": _one_of("swallow", "reset", "mute", "refuse")},
    ),
    Censor(
        id="doh_drop",
        summary="TCP 443 and 853 to the public resolver is dropped",
        aim=Aim.NOTHING,
        rules=techniques.doh_drop,
    ),
    Censor(
        id="quic_drop",
        summary="UDP 443 to the addresses is dropped",
        aim=Aim.ADDRESSES,
        rules=techniques.quic_drop,
    ),
    Censor(
        id="quic_sni_drop",
        summary="QUIC whose ClientHello has the name, and all after it, is dropped",
        rules=techniques.quic_sni_drop,
    ),
    Censor(
        id="origin_down",
        summary="the hosts answer nobody, the control network included",
        scope=Scope.EVERYONE,
        is_failure=True,
        aim=Aim.ADDRESSES,
        rules=techniques.origin_down,
    ),
    Censor(
        id="origin_refused",
        summary="the hosts' addresses refuse every connection (TCP reset), for everyone",
        scope=Scope.EVERYONE,
        is_failure=True,
        aim=Aim.ADDRESSES,
        rules=techniques.origin_refused,
    ),
    Censor(
        id="expired_certificate",
        summary="the hosts present a certificate that has run out",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="wrong_certificate",
        summary="the hosts present a valid certificate of another name",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="name_retired",
        summary="the names exist no more: NXDOMAIN on every honest resolver",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="web_app_retired",
        summary="the web app's back ends speak WebSocket no more (HTTP 403), for everyone",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="aaaa_only",
        summary="the names lose their A records on every honest resolver; the addresses still work",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="resolver_broken",
        summary="the ISP's resolver fails for every name",
        is_failure=True,
        aim=Aim.NOTHING,
        params={"mode": _one_of("servfail", "timeout", "refused")},
    ),
    Censor(
        id="resolver_truncates",
        summary="the ISP's resolver truncates every answer over UDP, as one that limits rates; TCP answers",
        is_failure=True,
        aim=Aim.NOTHING,
    ),
    Censor(
        id="transport_error",
        summary="the data centres answer this ISP's clients with an error of MTProto's transport",
        is_failure=True,
        aim=Aim.DATA_CENTRES,
        params={"code": _number(429, 400, 499)},
    ),
    Censor(
        id="vantage_offline",
        summary="the client's line is dead, both ways",
        is_failure=True,
        aim=Aim.NOTHING,
        rules=techniques.vantage_offline,
    ),
    Censor(
        id="ipv6_broken",
        summary="the client has an IPv6 address and route, and its packets vanish",
        is_failure=True,
        aim=Aim.NOTHING,
        rules=techniques.ipv6_broken,
    ),
    Censor(
        id="packet_loss",
        summary="a share of the packets is lost, in each direction",
        is_failure=True,
        aim=Aim.NOTHING,
        params={"percent": _number(5, 0, 100)},
        rules=techniques.packet_loss,
    ),
    Censor(
        id="delay",
        summary="the round trip takes longer",
        is_failure=True,
        aim=Aim.NOTHING,
        params={"ms": _number(300, 1, 5000)},
        rules=techniques.delay,
    ),
    Censor(
        id="captive_portal",
        summary="a login page stands before everything: HTTP goes to it, HTTPS is refused",
        is_failure=True,
        aim=Aim.NOTHING,
        rules=techniques.captive_portal,
    ),
    Censor(
        id="geoblock_403",
        summary="the hosts themselves refuse this ISP's clients with 403, as a service that left a country",
        is_failure=True,
    ),
    Censor(
        id="captcha",
        summary="the hosts themselves ask this ISP's clients to solve a CAPTCHA (403)",
        is_failure=True,
    ),
    Censor(
        id="dns_proxy",
        summary="DNS to whatever resolver is answered by the ISP's, with the truth",
        is_failure=True,
        aim=Aim.NOTHING,
        rules=techniques.dns_hijack,
    ),
    Censor(
        id="company_proxy",
        summary="all TLS ends at a box with a private authority, the canary's too",
        is_failure=True,
        aim=Aim.NOTHING,
        rules=techniques.company_proxy,
    ),
    Censor(
        id="local_firewall",
        summary="the client machine's own firewall drops, rejects or resets TCP 443 and 80 to the addresses",
        is_failure=True,
        aim=Aim.ADDRESSES,
        params={"answer": _one_of("drop", "reject", "reset")},
        rules=techniques.local_firewall,
    ),
    Censor(
        id="slow_line",
        summary="the whole line is slow: each connection from whatever host is held to a low rate",
        is_failure=True,
        aim=Aim.NOTHING,
        params={"kbit": _KBIT},
        rules=techniques.slow_line,
    ),
    Censor(
        id="server_stall",
        summary="the hosts complete the handshake and then answer nobody",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
    Censor(
        id="site_redirect",
        summary="the hosts redirect everybody to another host, over TLS",
        scope=Scope.EVERYONE,
        is_failure=True,
        params={"to": Param(default="telegram.org", expected="the name of a host", check=_is_name)},
    ),
    Censor(
        id="cdn_rotation",
        summary="the names are served by a content network, at another address for each resolver",
        scope=Scope.EVERYONE,
        is_failure=True,
    ),
)
CENSORS: Final[dict[str, Censor]] = {censor.id: censor for censor in _ENTRIES}
