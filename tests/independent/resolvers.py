"""Resolvers of others at a network's border, asking the lab's public one for the truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lab import world
from tests.independent.servers import Servers

PUBLIC_V4: Final = world.PUBLIC_RESOLVER


def unbound_settings(address: str, *, server: str = "", more: str = "") -> str:
    """Return a settings file of unbound: `server` are more lines of its server clause, `more` is all else."""
    indented = "\n".join(f"  {line}" for line in server.splitlines())
    module_config = "" if "module-config" in server else '  module-config: "iterator"\n'
    return f"""\
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
  forward-addr: {PUBLIC_V4}
{more}
"""


def start_unbound(servers: Servers, name: str, isp: world.Isp, address: str, text: str) -> None:
    """Start unbound at an address of its own at the border of a network."""
    servers.address(isp.border_namespace, address)
    path = servers.file(f"{name}.conf", text)
    servers.start(isp.border_namespace, ["unbound", "-d", "-c", str(path)], ready="start of service")


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
