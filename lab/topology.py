"""The network itself: namespaces, links, addresses, routes. Built once, from `lab.world`.

client -- access router -- border router -- exchange -- telegram router -- telegram servers
                                                    \\-- public resolver, canary, notice servers
"""

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lab import linux, world

NETNS_DIR: Final = Path("/run/netns")
EXCHANGE: Final = "exchange"
TELEGRAM_ROUTER: Final = "telegram-router"
_TOOL_LIMIT_S: Final = 30

# A host that serves no DNS drops queries, so that any answer must have come from the path.
_NO_DNS: Final = "*filter\n-A INPUT -p udp --dport 53 -j DROP\nCOMMIT\n"
RESTORE_TOOLS: Final = {4: "iptables-restore", 6: "ip6tables-restore"}

_SYSCTLS: Final = {
    "net/ipv4/ip_forward": "1",
    # Every hop must answer every probe: the kernel's own ICMP rate limits would look like silent routers.
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/ping_group_range": "0 2147483647",
    "net/ipv4/ip_unprivileged_port_start": "0",
    # The one congestion control that every kernel has: throttled transfers look the same everywhere.
    "net/ipv4/tcp_congestion_control": "reno",
    # On everywhere: a client without IPv6 lacks address and route (network unreachable), not the protocol.
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/icmp/ratelimit": "0",
}


class TopologyError(RuntimeError):
    """The kernel or a tool refused a step of the building; the text names the step and the error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Two ends: namespace, device, and the third-octet network both addresses lie in.

    The outer end (`a`, away from the exchange) has address .2, the inner one .1; in `network_v6`, "" for
    a link without IPv6, ::2 and ::1. Device addresses on the wire are derived from `number`, so that
    forged frames need no address resolution.
    """

    a: str
    a_device: str
    b: str
    b_device: str
    network: str
    network_v6: str
    number: int

    @property
    def a_mac(self) -> str:
        return f"02:00:00:00:{self.number:02x}:02"

    @property
    def b_mac(self) -> str:
        return f"02:00:00:00:{self.number:02x}:01"


@dataclass(slots=True)
class Plan:
    """What to build: namespaces by name, links, and per namespace the lines for `ip -batch`."""

    links: list[Link] = field(default_factory=list)
    commands: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    without_dns: list[str] = field(default_factory=list)

    def link(self, a: str, a_device: str, b: str, b_device: str, network: str, network_v6: str = "") -> None:
        link = Link(
            a=a,
            a_device=a_device,
            b=b,
            b_device=b_device,
            network=network,
            network_v6=network_v6,
            number=len(self.links) + 1,
        )
        self.links.append(link)
        a_end, b_end = (a, a_device, link.a_mac, 2), (b, b_device, link.b_mac, 1)
        for (namespace, device, mac, host), (_, _, peer_mac, peer) in ((a_end, b_end), (b_end, a_end)):
            self.commands[namespace] += [
                # No link-local address: a client without IPv6 has none, and nothing waits for one.
                f"link set {device} address {mac} addrgenmode none",
                f"addr add {network}.{host}/24 dev {device}",
                f"link set {device} up",
            ]
            if network_v6:
                self.commands[namespace] += [
                    # Duplicate address detection would hold the address back for a second.
                    f"addr add {network_v6}::{host}/64 dev {device} nodad",
                    # Neighbours are known: ip6tables would drop their discovery with other packets.
                    f"neigh replace {network_v6}::{peer} lladdr {peer_mac} dev {device} nud permanent",
                ]

    def server(
        self, name: str, router: str, network: str, network_v6: str, addresses: tuple[str, ...]
    ) -> None:
        """Add a server namespace with its service addresses behind a router; `network_v6` "" for none."""
        self.link(name, "upl", router, name[:15], network, network_v6)
        # Segments of one packet each, as on a real line: filters and policers count packets.
        self.commands[name] += ["link set upl gso_max_segs 1", f"route add default via {network}.1"]
        if network_v6:
            self.commands[name].append(f"route add default via {network_v6}::1")
        for address in addresses:
            is_v6 = ":" in address
            gateway = f"{network_v6}::2" if is_v6 else f"{network}.2"
            self.commands[name].append(f"addr add {address} dev lo" + (" nodad" if is_v6 else ""))
            self.commands[router].append(f"route add {address} via {gateway}")


def plan_topology() -> Plan:
    """Return the plan of the whole lab. Pure."""
    plan = Plan()
    plan.link(TELEGRAM_ROUTER, "upl", EXCHANGE, "telegram", "192.0.2", "fd00:0:1")
    plan.commands[TELEGRAM_ROUTER] += [f"route add default via {via}" for via in ("192.0.2.1", "fd00:0:1::1")]
    plan.commands[EXCHANGE] += [
        f"route add {prefix} via {'fd00:0:1::2' if ':' in prefix else '192.0.2.2'}"
        for prefix in world.TELEGRAM_PREFIXES
    ]
    plan.commands[TELEGRAM_ROUTER] += [f"route add blackhole {prefix}" for prefix in world.TELEGRAM_PREFIXES]
    hosts = world.addresses_of([*world.TELEGRAM_HOSTS, *world.DATA_CENTRES])
    plan.server("telegram", TELEGRAM_ROUTER, "198.51.100", "fd00:0:2", hosts)
    plan.server("public-resolver", EXCHANGE, "203.0.113", "", (world.PUBLIC_RESOLVER,))
    canary = world.addresses_of([world.CANARY])
    plan.server("canary", EXCHANGE, "198.18.1", "fd00:0:3", canary)
    plan.server("cdn", EXCHANGE, "198.18.3", "", tuple(world.CDN_ADDRESSES.values()))
    plan.server("notices", EXCHANGE, "198.18.2", "", tuple(dict.fromkeys(world.NOTICE_SERVERS.values())))
    plan.without_dns += ["telegram", "canary", "cdn", "notices"]
    # Packets to addresses that do not exist are dropped, as most of the internet does.
    plan.commands[EXCHANGE] += ["route add blackhole default", "route add blackhole ::/0"]
    for isp in world.ISPS.values():
        _plan_isp(plan, isp)
    return plan


def _plan_isp(plan: Plan, isp: world.Isp) -> None:
    k = isp.number
    client, access, border = isp.client_namespace, isp.access_namespace, isp.border_namespace
    outer, middle, inner = (f"fd00:{k}:{n}" if isp.has_ipv6 else "" for n in (1, 2, 3))
    plan.link(client, "wan", access, "cust", f"10.{k}.1", outer)
    plan.link(access, "upl", border, "cust", f"10.{k}.2", middle)
    plan.link(border, "upl", EXCHANGE, f"isp{k}", f"172.16.{k}", inner)
    plan.commands[client].append(f"route add default via 10.{k}.1.1")
    plan.commands[access].append(f"route add default via 10.{k}.2.1")
    plan.commands[border] += [
        f"route add default via 172.16.{k}.1",
        f"route add 10.{k}.1.0/24 via 10.{k}.2.2",
        f"addr add {isp.resolver}/32 dev lo",
    ]
    plan.commands[EXCHANGE] += [
        f"route add {network} via 172.16.{k}.2"
        for network in (f"10.{k}.1.0/24", f"10.{k}.2.0/24", f"{isp.resolver}/32")
    ]
    if isp.has_ipv6:
        plan.commands[client].append(f"route add default via {outer}::1")
        plan.commands[access].append(f"route add default via {middle}::1")
        plan.commands[border] += [
            f"route add default via {inner}::1",
            f"route add {outer}::/64 via {middle}::2",
        ]
        plan.commands[EXCHANGE] += [f"route add {network}::/64 via {inner}::2" for network in (outer, middle)]


def build_topology(plan: Plan) -> dict[str, int]:
    """Build it in the current user, mount and network namespaces; return descriptors by namespace name.

    Errors: TopologyError; OSError when namespaces cannot be made. Needs a private, writable /run.
    """
    NETNS_DIR.mkdir(exist_ok=True)
    namespaces = {name: _named_namespace(name) for name in plan.commands}
    run_tool(["ip", "-batch", "-"], "\n".join(_link_lines(plan)))
    with ThreadPoolExecutor(max_workers=4) as pool:
        # list() raises the first failure here.
        list(pool.map(lambda item: _configure(namespaces[item[0]], item[0], item[1]), plan.commands.items()))
    for name in plan.without_dns:
        with linux.inside(namespaces[name]):
            for tool in RESTORE_TOOLS.values():
                run_tool([tool, "-w"], _NO_DNS, where=name)
    return namespaces


def _named_namespace(name: str) -> int:
    """Return a new namespace that `ip netns exec NAME` finds too."""
    fd = linux.new_network_namespace()
    target = NETNS_DIR / name
    target.touch()
    linux.mount(f"/proc/self/fd/{fd}", str(target), flags=linux.MS_BIND)
    return fd


def _link_lines(plan: Plan) -> Iterator[str]:
    for link in plan.links:
        yield (f"link add {link.a_device} netns {link.a} type veth peer name {link.b_device} netns {link.b}")


def _configure(fd: int, name: str, lines: list[str]) -> None:
    with linux.inside(fd):
        for path, value in _SYSCTLS.items():
            _write_sysctl(path, value)
        run_tool(["ip", "-batch", "-"], "\n".join(["link set lo up", *lines]), where=name)


def _write_sysctl(path: str, value: str) -> None:
    target = Path("/proc/sys") / path
    if not target.exists():
        return
    try:
        target.write_text(value)
    except OSError as error:
        # Only forwarding is indispensable; the lab works without the others, less true to life.
        if path.endswith(("ip_forward", "all/forwarding")):
            raise TopologyError(f"{target}: expected to be writable, got {error.strerror}") from error


def run_tool(argv: list[str], text: str, *, where: str = "the lab") -> None:
    """Run a tool with text on its standard input, in this thread's namespace. Errors: TopologyError."""
    try:
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=_TOOL_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TopologyError(f"{where}: {' '.join(argv)}: {error}") from error
    if done.returncode:
        raise TopologyError(f"{where}: {' '.join(argv)} ended with {done.returncode}: {done.stderr.strip()}")
