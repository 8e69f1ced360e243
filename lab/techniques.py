"""The packet rules that carry out each censor and failure, one function each. Pure.

What a border router must do in software (`lab.middlebox`) is sent there by an NFQUEUE rule.
"""

from collections.abc import Iterator
from typing import Final

from lab import world
from lab.rules import (
    ANY_PAYLOAD,
    APPLICATION_DATA,
    CLIENT_HELLO,
    MARK_ANSWERED,
    MARK_DROP,
    MARK_RESET,
    MARK_SLOW,
    MARK_STALL,
    MITM_PORT,
    MTPROTO_PLAIN,
    PORTAL_PORT,
    PROXY_PORT,
    QUEUE_DELAY,
    QUEUE_DNS,
    QUEUE_QUIC,
    QUEUE_TCP,
    Place,
    Rule,
    Table,
    drop_both_ways,
    mark_connection,
    match_host_header,
    match_marked,
    match_sni,
    query_pattern,
)
from lab.settings import Setting

_FULL_PACKET_BYTES: Final = 1500
_THROTTLE_BURST_PACKETS: Final = 4


def _border(table: Table, chain: str, spec: str) -> Rule:
    return Rule(Place.BORDER, table, chain, spec)


def dns_hijack(setting: Setting) -> Iterator[Rule]:
    if setting.isp is None:
        return
    for protocol in ("udp", "tcp"):
        yield _border(
            Table.NAT,
            "PREROUTING",
            f"-i cust -p {protocol} --dport 53 -j DNAT --to-destination {setting.isp.resolver}:53",
        )


def dns_injection(setting: Setting) -> Iterator[Rule]:
    # PREROUTING also sees queries to the ISP's own resolver, which lives on this very router.
    yield _border(Table.MANGLE, "PREROUTING", f"-i cust -p udp --dport 53 -j NFQUEUE --queue-num {QUEUE_DNS}")


def dns_udp_drop(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        name = f'-m string --algo kmp --icase --hex-string "{query_pattern(host)}"'
        yield _border(Table.MANGLE, "PREROUTING", f"-i cust -p udp --dport 53 {name} -j DROP")


def _mark(match: str, mark: int) -> Rule:
    """Mark the connection of a customer's packet that matches; the mark stays with the connection."""
    return _border(Table.MANGLE, "FORWARD", f"-i cust {match} {mark_connection(mark)}")


_RESET_MARKED: Final = _border(
    Table.FILTER, "FORWARD", f"-p tcp {match_marked(MARK_RESET)} -j REJECT --reject-with tcp-reset"
)
_DROP_MARKED: Final = _border(Table.FILTER, "FORWARD", f"-p tcp {match_marked(MARK_DROP)} -j DROP")
_DROP_ANSWERED: Final = (
    # The queue marks the request it has answered; from then on nothing of that connection passes.
    _border(
        Table.FILTER,
        "FORWARD",
        f"-m mark --mark {MARK_ANSWERED:#x}/{MARK_ANSWERED:#x} {mark_connection(MARK_ANSWERED)}",
    ),
    _border(Table.FILTER, "FORWARD", f"{match_marked(MARK_ANSWERED)} -j DROP"),
)


def sni_reset(setting: Setting) -> Iterator[Rule]:
    residual_s = round(float(setting.params.get("residual_s", 0)))
    for host in setting.hosts:
        yield _mark(match_sni(host), MARK_RESET)
    if residual_s:
        yield from _residual(setting, residual_s)
    yield _RESET_MARKED


def _residual(setting: Setting, residual_s: int) -> Iterator[Rule]:
    """Remember client and server of a match, and reset the first data of their next connections."""
    for number, address in enumerate(world.addresses_of(world.CENSORABLE_HOSTS)):
        pair = f"-d {address} -m recent --name residual{number} --rsource"
        # Only a new match prolongs the penalty; a reset under it does not.
        yield _border(
            Table.MANGLE,
            "FORWARD",
            f"-i cust {ANY_PAYLOAD} -m tcp --dport 443 {pair} --rcheck --seconds {residual_s} "
            f"{mark_connection(MARK_RESET)}",
        )
        for host in setting.hosts:
            yield _border(Table.MANGLE, "FORWARD", f"-i cust {match_sni(host)} {pair} --set")


def sni_drop(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        yield _mark(match_sni(host), MARK_DROP)
    yield _DROP_MARKED


def sni_alert(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        queue = f"-j NFQUEUE --queue-num {QUEUE_TCP}"
        yield _border(Table.MANGLE, "FORWARD", f"-i cust {match_sni(host)} {queue}")
    yield from _DROP_ANSWERED


def tls_reset(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _mark(f"-d {address} {CLIENT_HELLO}", MARK_RESET)
    yield _RESET_MARKED


def tls_drop(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _mark(f"-d {address} {CLIENT_HELLO}", MARK_DROP)
    yield _DROP_MARKED


def tls_stall(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        yield _mark(match_sni(host), MARK_STALL)
    # In TLS 1.3 the client's end of the handshake comes behind a ChangeCipherSpec and so passes; the first
    # segment that starts with application data is the request.
    yield _mark(f"{APPLICATION_DATA} {match_marked(MARK_STALL)}", MARK_DROP)
    yield _DROP_MARKED


def http_reset(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        yield _mark(match_host_header(host), MARK_RESET)
    yield _RESET_MARKED


def http_drop(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        yield _mark(match_host_header(host), MARK_DROP)
    yield _DROP_MARKED


def ip_blackhole(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield from drop_both_ways(Place.BORDER, address)


def ip_reject(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _border(
            Table.FILTER, "FORWARD", f"-i cust -d {address} -j REJECT --reject-with icmp-admin-prohibited"
        )


def ip_refused(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _border(
            Table.FILTER, "FORWARD", f"-i cust -d {address} -p tcp --syn -j REJECT --reject-with tcp-reset"
        )


def doh_drop(setting: Setting) -> Iterator[Rule]:
    for port in (443, 853):
        yield from drop_both_ways(
            Place.BORDER, world.PUBLIC_RESOLVER, f"-p tcp --dport {port} ", f"-p tcp --sport {port} "
        )


def http_filter(setting: Setting) -> Iterator[Rule]:
    yield _border(
        Table.MANGLE,
        "FORWARD",
        '-i cust -p tcp --dport 80 -m string --algo kmp --icase --hex-string "|0d0a|Host:" '
        f"-j NFQUEUE --queue-num {QUEUE_TCP}",
    )
    yield from _DROP_ANSWERED


def tls_mitm(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _border(
            Table.NAT,
            "PREROUTING",
            f"-i cust -p tcp -d {address} --dport 443 -j REDIRECT --to-ports {MITM_PORT}",
        )


def _throttled(place: Place, match: str, setting: Setting) -> Rule:
    # Policed per connection: parallel downloads must not starve each other into a false timeout. Only
    # full packets count, so that handshakes pass; in packets, because hashlimit's rates in bytes let
    # two seconds' worth through at once. The kernel keeps a named table's rate: a new rate, a new name.
    packets_per_minute = max(1, round(float(setting.params["kbit"]) * 1000 * 60 / (8 * _FULL_PACKET_BYTES)))
    return Rule(
        place,
        Table.FILTER,
        "FORWARD",
        f"-o cust -p tcp {match} -m length --length 500:65535 "
        f"-m hashlimit --hashlimit-name throttle{packets_per_minute} "
        "--hashlimit-mode srcip,srcport,dstip,dstport --hashlimit-htable-expire 30000 "
        f"--hashlimit-above {packets_per_minute}/min --hashlimit-burst {_THROTTLE_BURST_PACKETS} -j DROP",
    )


def throttle(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield _throttled(Place.BORDER, f"-s {address}", setting)


def sni_throttle(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        yield _mark(match_sni(host), MARK_SLOW)
    yield _throttled(Place.BORDER, match_marked(MARK_SLOW), setting)


def slow_line(setting: Setting) -> Iterator[Rule]:
    yield _throttled(Place.ACCESS, "", setting)


def dc_443_drop(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield from _drop_port(address, 443)


def _drop_port(address: str, port: int) -> tuple[Rule, ...]:
    return drop_both_ways(Place.BORDER, address, f"-p tcp --dport {port} ", f"-p tcp --sport {port} ")


def dc_drop(setting: Setting) -> Iterator[Rule]:
    for address in _chosen(setting):
        if setting.params["ports"] == "web":
            for port in (443, 80):
                yield from _drop_port(address, port)
        else:
            yield from drop_both_ways(Place.BORDER, address, "-p tcp ", "-p tcp ")


def _chosen(setting: Setting) -> tuple[str, ...]:
    """Return the addresses that are meant: of one IP version, the first of each data centre, or all."""
    match setting.params["which"]:
        case "first":
            return tuple(world.addresses_of([host])[0] for host in setting.hosts)
        case "ipv4" | "ipv6" as family:
            return tuple(a for a in setting.addresses if (":" in a) is (family == "ipv6"))
        case _:
            return setting.addresses


def _mtproto(setting: Setting) -> Iterator[str]:
    """Match what clients send to the data centres: everything, or only the plain transports."""
    says = MTPROTO_PLAIN if setting.params["transports"] == "plain" else (ANY_PAYLOAD,)
    for address in setting.addresses:
        yield from (f"-d {address} {match}" for match in says)


def mtproto_drop(setting: Setting) -> Iterator[Rule]:
    for match in _mtproto(setting):
        yield _mark(match, MARK_DROP)
    yield _DROP_MARKED


def mtproto_reset(setting: Setting) -> Iterator[Rule]:
    for match in _mtproto(setting):
        yield _mark(match, MARK_RESET)
    yield _RESET_MARKED


def mtproto_garbage(setting: Setting) -> Iterator[Rule]:
    for match in _mtproto(setting):
        yield _border(Table.MANGLE, "FORWARD", f"-i cust {match} -j NFQUEUE --queue-num {QUEUE_TCP}")
    yield from _DROP_ANSWERED


def quic_drop(setting: Setting) -> Iterator[Rule]:
    for address in setting.addresses:
        yield from drop_both_ways(Place.BORDER, address, "-p udp --dport 443 ", "-p udp --sport 443 ")


def quic_sni_drop(setting: Setting) -> Iterator[Rule]:
    yield _border(Table.MANGLE, "FORWARD", f"-i cust -p udp --dport 443 -j NFQUEUE --queue-num {QUEUE_QUIC}")
    yield from _DROP_ANSWERED


def _before(host: str) -> Place:
    """Return the router in front of a host, where its failures are carried out."""
    is_telegram = host in world.TELEGRAM_HOSTS or host in world.DATA_CENTRES
    return Place.TELEGRAM_ROUTER if is_telegram else Place.EXCHANGE


def origin_down(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        place = _before(host)
        for address in world.addresses_of([host]):
            on_the_same = {name for name in world.CENSORABLE_HOSTS if address in world.addresses_of([name])}
            if on_the_same <= set(setting.hosts):
                yield from drop_both_ways(place, address)
                continue
            # Names share an address: only the listed ones go silent, by what their clients ask for. The
            # HTTP/3 server knows by itself (`lab.policy`).
            for match in (match_sni(host), match_host_header(host)):
                spec = f"-d {address} {match} {mark_connection(MARK_DROP)}"
                yield Rule(place, Table.MANGLE, "FORWARD", spec)
            yield Rule(place, Table.FILTER, "FORWARD", f"-p tcp {match_marked(MARK_DROP)} -j DROP")


def origin_refused(setting: Setting) -> Iterator[Rule]:
    for host in setting.hosts:
        for address in world.addresses_of([host]):
            spec = f"-d {address} -p tcp -j REJECT --reject-with tcp-reset"
            yield Rule(_before(host), Table.FILTER, "FORWARD", spec)


def vantage_offline(setting: Setting) -> Iterator[Rule]:
    yield Rule(Place.ACCESS, Table.FILTER, "FORWARD", "-j DROP")
    yield Rule(Place.ACCESS, Table.FILTER, "INPUT", "-i cust -j DROP")


def ipv6_broken(setting: Setting) -> Iterator[Rule]:
    # Before routing, so that no router on the way answers that a hop limit ran out either.
    yield Rule(Place.ACCESS, Table.MANGLE, "PREROUTING", "-i cust -s ::/0 -j DROP")


def packet_loss(setting: Setting) -> Iterator[Rule]:
    probability = float(setting.params["percent"]) / 100
    yield Rule(
        Place.ACCESS,
        Table.FILTER,
        "FORWARD",
        f"-m statistic --mode random --probability {probability:.6f} -j DROP",
    )


def delay(setting: Setting) -> Iterator[Rule]:
    yield Rule(Place.ACCESS, Table.MANGLE, "FORWARD", f"-j NFQUEUE --queue-num {QUEUE_DELAY}")


_NO_QUIC: Final = _border(Table.FILTER, "FORWARD", "-i cust -p udp --dport 443 -j DROP")


def captive_portal(setting: Setting) -> Iterator[Rule]:
    yield _border(Table.NAT, "PREROUTING", f"-i cust -p tcp --dport 80 -j REDIRECT --to-ports {PORTAL_PORT}")
    yield _border(Table.FILTER, "FORWARD", "-i cust -p tcp --dport 443 -j REJECT --reject-with tcp-reset")
    yield _NO_QUIC


def company_proxy(setting: Setting) -> Iterator[Rule]:
    # MTProto is not TLS and would break at such a box, so it is let through.
    for address in world.addresses_of(world.DATA_CENTRES):
        yield _border(Table.NAT, "PREROUTING", f"-i cust -p tcp -d {address} --dport 443 -j ACCEPT")
    yield _border(Table.NAT, "PREROUTING", f"-i cust -p tcp --dport 443 -j REDIRECT --to-ports {PROXY_PORT}")
    # Browsers then fall back to TCP, where the box can read along.
    yield _NO_QUIC


def local_firewall(setting: Setting) -> Iterator[Rule]:
    verdict = {"drop": "DROP", "reject": "REJECT", "reset": "REJECT --reject-with tcp-reset"}
    for address in setting.addresses:
        for port in (443, 80):
            spec = f"-d {address} -p tcp --dport {port} -j {verdict[str(setting.params['answer'])]}"
            yield Rule(Place.CLIENT, Table.FILTER, "OUTPUT", spec)
