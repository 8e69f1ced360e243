"""Resolvers of others inside the lab. Each is started at an address of its own, which is returned."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lab import world
from tests.independent.servers import Servers


def start_unbound(servers: Servers, name: str, isp: world.Isp, *, server: str = "", more: str = "") -> str:
    """Start unbound at the border of a network, asking the lab's public resolver for the truth.

    `server` are more lines of the server clause of its settings, `more` are clauses of their own.
    """
    address = _at_border(servers, isp)
    indented = "\n".join(f"  {line}" for line in server.splitlines())
    module_config = "" if "module-config" in server else '  module-config: "iterator"\n'
    text = f"""\
server:
  interface: {address}
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  log-time-ascii: no
  verbosity: 1
  do-daemonize: no
  num-threads: 1
{module_config}{indented}
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {world.PUBLIC_RESOLVER}
{more}
"""
    path = servers.file(f"{name}.conf", text)
    servers.start(isp.border_namespace, ["unbound", "-d", "-c", str(path)], ready="start of service")
    return address


def zone_lines(zones: Mapping[str, tuple[str, Sequence[str]]]) -> str:
    """Return unbound's local zones: by name the kind of zone and its records, such as `A 192.0.2.1`."""
    lines = []
    for name, (kind, records) in zones.items():
        lines.append(f'local-zone: "{name}." {kind}')
        lines += [f'local-data: "{name}. 60 IN {record}"' for record in records]
    return "\n".join(lines)


def policy_zone(servers: Servers, name: str, records: Mapping[str, str]) -> Path:
    """Return the file of a response policy zone: by the name that triggers it, the record that says what is
    done. The zone is called as the file without its ending."""
    head = (
        f"$ORIGIN {name}.",
        "$TTL 60",
        "@ IN SOA localhost. root.localhost. 1 3600 600 86400 60",
        "@ IN NS localhost.",
    )
    lines = [*head, *(f"{trigger} IN {record}" for trigger, record in records.items())]
    return servers.file(f"{name}.zone", "\n".join(lines) + "\n")


def start_dnsmasq(
    servers: Servers, name: str, isp: world.Isp, *, upstream: str | None = None, more: str = ""
) -> str:
    """Start dnsmasq at the router of a network's customer; `more` are further lines of its settings.

    It asks `upstream`, by default the lab's own resolver of the network.
    """
    address = servers.next_address(isp.access_namespace, f"10.{isp.number}.1.")
    text = f"""\
keep-in-foreground
log-facility=-
user=root
group=root
pid-file
listen-address={address}
bind-interfaces
no-resolv
no-hosts
server={upstream or isp.resolver}
{more}
"""
    path = servers.file(f"{name}.conf", text)
    servers.start(isp.access_namespace, ["dnsmasq", f"--conf-file={path}"], ready="started, version")
    return address


def _at_border(servers: Servers, isp: world.Isp) -> str:
    return servers.next_address(isp.border_namespace, f"10.{isp.number}.53.")


def start_recursor(servers: Servers, name: str, isp: world.Isp, *, policy: Path, extended_error: int) -> str:
    """Start PowerDNS's recursor at the border of a network, with a response policy zone that says with its
    extended error (RFC 8914) what it has done."""
    address = _at_border(servers, isp)
    zone = f'rpzFile("{policy}", {{policyName="{policy.stem}", extendedErrorCode={extended_error}}})'
    argv = [
        "pdns_recursor",
        f"--config-dir={servers.folder}",
        f"--socket-dir={servers.folder}",
        f"--config-name={name}",
        f"--local-address={address}",
        "--allow-from=0.0.0.0/0",
        f"--forward-zones-recurse=.={world.PUBLIC_RESOLVER}",
        f"--lua-config-file={servers.file(f'{name}.lua', zone)}",
        "--dnssec=off",
        "--threads=1",
        "--webserver=no",
        "--disable-syslog=yes",
    ]
    servers.start(isp.border_namespace, argv, ready="Enabled multiplexer")
    return address
