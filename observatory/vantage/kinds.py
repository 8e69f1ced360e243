"""The kinds of vantage point: what may be written after `via`, how it is checked, and its words in the docs.

`KINDS` is the one registry. The settings file, its messages and the table in docs/vantage-points.md
follow it; how a kind opens sockets is in `probes.transport.kinds`, which also names it.

To add a kind that opens sockets here (such as `ssh`): its class in `probes.transport.kinds`, and a
`VantageKind` below.
To add one whose measurements are made elsewhere (such as `agent`, `ripe_atlas` or `ooni`): a `VantageKind`
below without a way out, as `imported` is; the scheduler must leave it out, and whatever receives its
measurements hands them to `observatory.ingest`.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from observatory.config.checks import Unexpected, check_address, check_host_name
from observatory.config.machine import Machine
from observatory.model import IMPORTED
from probes.transport.kinds import Device, Direct, NetworkNamespace, Socks5Proxy, SourceAddress, WayOut

_DEVICE: Final = re.compile(r"[^\s/:]{1,15}")
_NETNS: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}")


def _take_no_value(value: object, machine: Machine | None) -> str:
    raise Unexpected()


@dataclass(frozen=True, slots=True, kw_only=True)
class VantageKind:
    """One kind. Without `way_out`: measured elsewhere; without `example`: not for the settings file.

    `value_form` represents the value in messages; a kind without one is written as a bare word.
    `check_value` returns the value as the system uses it or raises Unexpected; without a machine it looks at
    the form alone. `through` and `needs` are the words of the docs.
    """

    name: str
    way_out: type[WayOut] | None = None
    value_form: str = ""
    example: str = ""
    through: str
    needs: str = ""
    check_value: Callable[[object, Machine | None], str] = _take_no_value


def _check_device(value: object, machine: Machine | None) -> str:
    if not isinstance(value, str) or not _DEVICE.fullmatch(value) or value in (".", ".."):
        raise Unexpected("the name of a network device, at most 15 characters")
    if machine and value not in (devices := machine.list_devices()):
        have = f"this machine has {', '.join(devices) or 'none'}"
        raise Unexpected("a network device of this machine", hint=have, of_machine=True)
    return value


def _check_source(value: object, machine: Machine | None) -> str:
    try:
        address = check_address(value)
    except Unexpected:
        raise Unexpected("an IP address") from None
    if machine and not machine.has_address(address):
        see = "`ip address` lists them"
        raise Unexpected("an address of this machine", hint=see, of_machine=True)
    return address


def _check_netns(value: object, machine: Machine | None) -> str:
    if not isinstance(value, str) or not _NETNS.fullmatch(value) or value in (".", ".."):
        raise Unexpected("the name of a network namespace")
    if machine and value not in machine.list_namespaces():
        see = f"`ip netns add {value}` makes one"
        raise Unexpected("a network namespace in /run/netns", hint=see, of_machine=True)
    return value


def _check_socks5(value: object, machine: Machine | None) -> str:
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    is_port = re.fullmatch(r"[1-9][0-9]{0,4}", port) is not None and int(port) < 65536
    try:
        check_address(host[1:-1]) if host.startswith("[") and host.endswith("]") else _check_host(host)
    except Unexpected:
        is_port = False
    if not colon or not is_port:
        hint = "a user and a password are not supported" if "@" in host else ""
        raise Unexpected("HOST:PORT, for example 127.0.0.1:1080 or [::1]:1080", hint=hint)
    return f"{host}:{port}"


def _check_host(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return check_host_name(host)


DEVICE: Final = VantageKind(
    name=Device.name,
    way_out=Device,
    value_form="NAME",
    example="{device: wwan0}",
    through="a network device, such as a modem",
    needs="the device exists; a route through it",
    check_value=_check_device,
)
KINDS: Final[Mapping[str, VantageKind]] = {
    kind.name: kind
    for kind in (
        VantageKind(
            name=Direct.name,
            way_out=Direct,
            example="direct",
            through="whatever route this machine takes",
        ),
        DEVICE,
        VantageKind(
            name=SourceAddress.name,
            way_out=SourceAddress,
            value_form="ADDRESS",
            example="{source: 10.0.0.7}",
            through="an address of this machine",
            needs="the address is configured; policy routing for it",
            check_value=_check_source,
        ),
        VantageKind(
            name=NetworkNamespace.name,
            way_out=NetworkNamespace,
            value_form="NAME",
            example="{netns: NAME}",
            through="a network namespace in `/run/netns`",
            needs="root, or `CAP_SYS_ADMIN`",
            check_value=_check_netns,
        ),
        VantageKind(
            name=Socks5Proxy.name,
            way_out=Socks5Proxy,
            value_form="HOST:PORT",
            example='{socks5: "127.0.0.1:1080"}',
            through="a SOCKS5 proxy without a password",
            needs="carries TCP only: DNS goes over TCP, QUIC is not measured",
            check_value=_check_socks5,
        ),
        VantageKind(name=IMPORTED, through="files that others measured"),
    )
}


def describe_choices() -> str:
    """Return what may be written after `via`, for messages and docs: `direct, {device: NAME}, … or …`."""
    choices = [
        f"{{{kind.name}: {kind.value_form}}}" if kind.value_form else kind.name
        for kind in KINDS.values()
        if kind.example
    ]
    return f"{', '.join(choices[:-1])} or {choices[-1]}"
